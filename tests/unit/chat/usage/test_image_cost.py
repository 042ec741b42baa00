"""Estimates, reservations and costs of requests for images."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from lib.chat.context.window import FileTokens, estimate_context
from lib.chat.usage import cost
from lib.chat.usage.cost import ImageUsage
from lib.chat.usage.recorder import RequestInfo, UsageRecorder
from lib.core.conversation import ImagePart, Message, Node, Outcome, TextPart, Usage
from lib.core.events import ContentPart, Event, Finish, UsageReport
from lib.core.params import Params
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target
from lib.gateway.catalog.prices import parse_price_list

TARGET = Target("gpt-image-1.5", "images")
PER_TOKEN = ModelPrice(Price(Decimal(5), Decimal(40), image_input=Decimal(10)), "gateway")
PER_IMAGE = ModelPrice(Price(Decimal(0), Decimal(0), per_request=Decimal("0.04")), "gateway")
PATH = [Node("a", None, Message("user", (TextPart("An old question. " * 900),)), 0)]
IMAGE = ImagePart("image/png", "iVBORw0KGgo=")


def estimate(target: Target = TARGET, files: FileTokens = FileTokens(), **params: Any):  # noqa: B008  frozen
    return estimate_context(PATH, "A lake at dawn", Params(**params), target, None, None, files)


def record(model_price: ModelPrice | None, *events: Event, target: Target = TARGET):
    recorder = UsageRecorder(RequestInfo("r", None, "answer", target), lambda _: model_price)
    for event in events:
        recorder.add_event(event)
    (result,) = recorder.finish(Outcome.COMPLETE)
    return result


@pytest.mark.parametrize(
    ("params", "expected", "most"),
    [
        ({"size": "1024x1024", "quality": "low"}, 272, 572),
        ({"size": "1024x1024", "quality": "high"}, 4160, 4460),
        ({"size": "1024x1024"}, 1056, 4460),
        ({"size": "1536x1024", "quality": "medium", "n": 3}, 3 * 1584, 3 * 1884),
        ({}, 1584, 6540),
    ],
)
def test_the_last_question_and_the_images_are_estimated(params: dict[str, Any], expected: int, most: int) -> None:
    result = estimate(**params)
    usage = cost.expected_usage(result, Params(**params))
    assert usage.input is not None and 0 < usage.input < 20
    assert usage.output == expected
    assert cost.max_usage(result, Params(**params)).output == most
    assert not result.is_over_limit


def test_images_of_the_question_are_input() -> None:
    result = estimate(files=FileTokens({"a": 7}, 700))
    assert cost.expected_images(result) == ImageUsage(1, 700)
    assert 700 < (cost.expected_usage(result, Params()).input or 0) < 720


def test_a_model_with_one_image_is_estimated_so() -> None:
    assert cost.expected_images(estimate(Target("dall-e-3", "images"), n=8)) == ImageUsage(1)
    assert cost.expected_images(estimate(Target("gpt-4o", "openai"))) is None


def test_a_price_per_image_counts_without_tokens() -> None:
    assert cost.calculate_cost(Usage(), PER_IMAGE, ImageUsage(3)) == 120_000_000
    assert cost.max_cost(Usage(), PER_IMAGE, ImageUsage(3)) == 120_000_000
    # A request without an image has no known cost, and one for text needs its tokens as before.
    assert cost.calculate_cost(Usage(), PER_IMAGE, ImageUsage(0)) is None
    assert cost.calculate_cost(Usage(), PER_IMAGE) is None
    assert cost.calculate_cost(Usage(1, 1), PER_IMAGE) == 40_000_000


def test_images_in_the_input_have_a_price_of_their_own() -> None:
    raw = {
        "input_tokens": 1000,
        "output_tokens": 100,
        "input_tokens_details": {"image_tokens": 900, "text_tokens": 100},
    }
    result = record(PER_TOKEN, ContentPart(IMAGE, 1), Finish(Outcome.COMPLETE, ""), UsageReport(Usage(1000, 100), raw))
    assert result.cost == 900 * 10_000 + 100 * 5_000 + 100 * 40_000


def test_previews_count_once_and_chat_counts_no_images() -> None:
    events = [ContentPart(IMAGE, 1), ContentPart(IMAGE, 1), ContentPart(IMAGE, 2)]
    assert record(PER_IMAGE, *events).cost == 80_000_000
    usage = UsageReport(Usage(5, 5))
    assert record(PER_IMAGE, *events, usage, target=Target("gpt-4o", "openai")).cost == 40_000_000


def test_the_ratio_of_images_is_read_from_the_price_list() -> None:
    ratios = {"model_ratio": 2.5, "completion_ratio": 8, "image_ratio": 2}
    entry = {"model_name": "gpt-image-1.5", "quota_type": 0, **ratios}
    (price,) = parse_price_list(json.dumps({"data": [entry]})).values()
    assert (price.input, price.output, price.image_input) == (5, 40, 10)
