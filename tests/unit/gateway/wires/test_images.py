"""The wire of images: request bodies, responses of all shapes, and errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import FilePart, ImagePart, Message, OtherPart, Outcome, TextPart, Usage
from lib.core.file_content import FileContent
from lib.core.params import ParamAdjustment, Params
from lib.core.reply import Reply
from lib.core.target import Target
from lib.gateway.transport.request import Route
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import images
from lib.gateway.wires.request_body import build_body, dropped_params, unsupported_params

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"a" * 40).decode()
OTHER_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"b" * 40).decode()
USAGE = {"input_tokens": 9, "output_tokens": 272, "total_tokens": 281, "input_tokens_details": {"text_tokens": 9}}
PATH = [
    Message("user", (TextPart("A cat."),)),
    Message("assistant", (ImagePart("image/png", PNG),)),
    Message("user", (TextPart("A dog."),)),
]


def body(model: str, **params: Any) -> dict[str, Any]:
    return build_body(Target(model, "images"), PATH, Params(**params))


def fold(*frames: Frame) -> Reply:
    reply = Reply()
    for event in images.events(iter(frames)):
        reply.add(event)
    return reply


def whole(payload: Any) -> Frame:
    return Frame("body", payload if isinstance(payload, str) else json.dumps(payload))


def event(kind: str, **fields: Any) -> Frame:
    return Frame(kind, json.dumps({"type": kind, **fields}))


def shown(reply: Reply) -> list[str]:
    return [part.data or part.url for part in reply.parts() if isinstance(part, ImagePart)]


def test_only_the_last_question_is_sent() -> None:
    request = body("gpt-image-2", system="Be brief.")
    assert request == {"model": "gpt-image-2", "prompt": "A dog.", "stream": True, "partial_images": 2}


def test_a_question_behind_a_failed_one_is_sent_alone() -> None:
    path = [Message("user", (TextPart("A cat."),)), Message("user", (TextPart("A dog."),))]
    assert build_body(Target("gpt-image-2", "images"), path, Params())["prompt"] == "A dog."


@pytest.mark.parametrize(
    ("model", "params", "expected"),
    [
        ("gpt-image-2.5-flare", {"size": "1536x864", "quality": "max"}, {"size": "1536x864", "quality": "max"}),
        ("gpt-image-1.5", {"size": "1024x1536", "quality": "low"}, {"size": "1024x1536", "quality": "low"}),
        ("gpt-image-1.5", {"size": "1536x864", "quality": "max"}, {}),
        (
            "gpt-image-2",
            {"background": "transparent", "image_format": "webp", "moderation": "low"},
            {"background": "transparent", "output_format": "webp", "moderation": "low"},
        ),
        ("gpt-image-2", {"background": "transparent", "image_format": "jpeg"}, {"background": "transparent"}),
        ("gpt-image-2", {"size": "big"}, {}),
        ("gpt-image-2", {"user": "u-1"}, {"user": "u-1"}),
        ("gpt-image-2", {"temperature": 0.5, "max_tokens": 9, "effort": "low"}, {}),
    ],
)
def test_fields_of_a_streaming_model(model: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body(model, **params) == {
        **{"model": model, "prompt": "A dog."},
        **expected,
        **{"stream": True, "partial_images": 2},
    }


@pytest.mark.parametrize(
    ("model", "params", "expected"),
    [
        ("gpt-image-2", {"n": 4}, {"n": 4}),
        ("gpt-image-2", {"stream": False}, {}),
        ("gpt-image-2", {"n": 99}, {"n": 10}),
        ("dall-e-3", {"n": 4, "quality": "hd"}, {"n": 1, "quality": "hd", "response_format": "b64_json"}),
        ("dall-e-2", {"size": "512x512"}, {"size": "512x512", "response_format": "b64_json"}),
        ("seedream-5", {"size": "2K"}, {"size": "2K", "response_format": "b64_json"}),
        ("flux-2-pro", {"size": "1024x768", "quality": "best"}, {"size": "1024x768", "quality": "best"}),
        ("flux-2-pro", {"extra": '{"seed": 7, "prompt": "Other", "model": "x"}'}, {"seed": 7}),
    ],
)
def test_fields_of_a_request_in_one_piece(model: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body(model, **params) == {"model": model, "prompt": "A dog.", **expected}


def test_what_is_not_sent_is_reported() -> None:
    target = Target("gpt-image-1.5", "images")
    adjustments = dropped_params(target, Params(system="Be brief.", effort="low", size="9x9", n=20))
    assert adjustments == [
        ParamAdjustment("clamped", "n", "10"),
        ParamAdjustment("image_value", "size", "9x9"),
        ParamAdjustment("not_on_wire", "system"),
        ParamAdjustment("not_on_wire", "effort"),
    ]
    assert {"system", "temperature", "effort", "stop"} <= unsupported_params(target)
    assert not {"size", "quality", "n", "extra"} & unsupported_params(target)
    assert {"background", "image_format", "moderation"} <= unsupported_params(Target("dall-e-3", "images"))


def test_images_of_the_question_make_an_edit() -> None:
    files = {name: FileContent(name, "image/png", 3, lambda: b"abc") for name in ("one", "two")}
    question = Message("user", (FilePart("one"), FilePart("two"), FilePart("gone"), TextPart("Add a hat.")))
    request = build_body(Target("gpt-image-2", "images"), [*PATH, question], Params(), files=files)
    assert images.route(request) == Route(images.EDIT_PATH, is_form=True)
    assert images.route(body("gpt-image-2")) == Route(images.PATH)
    assert request["image"] == [files["one"].base64, files["two"].base64]
    single = Message("user", (FilePart("one"), TextPart("Add a hat.")))
    assert build_body(Target("gpt-image-2", "images"), [single], Params(), files=files)["image"] == files["one"].base64


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"created": 1, "data": [{"b64_json": PNG}], "usage": USAGE}, [PNG]),
        ({"data": [{"b64_json": PNG}, {"b64_json": OTHER_PNG}]}, [PNG, OTHER_PNG]),
        ({"data": [{"b64_json": f"data:image/png;base64,{PNG}"}]}, [PNG]),
        ({"data": [{"url": f"data:image/png;base64,{PNG}"}]}, [PNG]),
        ({"data": [{"url": "https://files.example/a.png", "b64_json": None}]}, ["https://files.example/a.png"]),
        ({"data": [{"url": "", "b64_json": PNG}]}, [PNG]),
        ({"data": {"b64_json": PNG}}, [PNG]),
        ({"data": ["https://files.example/a.png"]}, ["https://files.example/a.png"]),
        ({"images": [{"url": "https://files.example/a.png"}]}, ["https://files.example/a.png"]),
        ({"images": [PNG], "seed": 7}, [PNG]),
        ({"data": {"images": [{"url": "https://files.example/a.png"}]}}, ["https://files.example/a.png"]),
        ({"output": ["https://files.example/a.png"], "status": "succeeded"}, ["https://files.example/a.png"]),
        (
            {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "images": [{"image_url": {"url": f"data:image/png;base64,{PNG}"}}],
                        },
                        "finish_reason": "stop",
                    }
                ]
            },
            [PNG],
        ),
    ],
)
def test_images_of_a_body(payload: dict[str, Any], expected: list[str]) -> None:
    reply = fold(whole(payload))
    assert shown(reply) == expected
    assert reply.outcome() is Outcome.COMPLETE


def test_facts_of_a_body() -> None:
    data = [{"b64_json": PNG, "revised_prompt": "A grey cat."}]
    reply = fold(whole({"created": 7, "data": data, "size": "1024x1024", "quality": "low", "usage": USAGE}))
    assert reply.usage == Usage(9, 272)
    metadata = reply.provider_metadata
    assert (metadata["size"], metadata["quality"], metadata["revised_prompt"]) == ("1024x1024", "low", "A grey cat.")
    assert metadata["usage"]["input_tokens_details"] == {"text_tokens": 9}


@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_the_image_takes_the_place_of_its_previews(kind: str) -> None:
    previews = [event(f"{kind}.partial_image", b64_json=OTHER_PNG, partial_image_index=index) for index in range(2)]
    reply = fold(
        *previews[:1], Frame("comment", ""), previews[1], event(f"{kind}.completed", b64_json=PNG, usage=USAGE)
    )
    assert shown(reply) == [PNG]
    assert (reply.outcome(), reply.usage) == (Outcome.COMPLETE, Usage(9, 272))


def test_several_images_of_a_stream_are_kept() -> None:
    frames = [
        event("image_generation.partial_image", b64_json=OTHER_PNG, partial_image_index=0),
        event("image_generation.completed", b64_json=PNG),
        event("image_generation.partial_image", b64_json=PNG, partial_image_index=0),
        event("image_generation.completed", b64_json=OTHER_PNG),
        Frame("message", "[DONE]"),
    ]
    assert shown(fold(*frames)) == [PNG, OTHER_PNG]


def test_a_group_of_images_in_the_words_of_seedream() -> None:
    frames = [
        event("image_generation.partial_succeeded", b64_json=PNG, image_index=0),
        event("image_generation.partial_failed", image_index=1, error={"code": "Blocked", "message": "Not allowed"}),
        event("image_generation.partial_succeeded", url="https://files.example/b.png", image_index=2),
        event("image_generation.completed", usage={"generated_images": 2, "output_tokens": 99, "total_tokens": 99}),
    ]
    reply = fold(*frames)
    assert shown(reply) == [PNG, "https://files.example/b.png"]
    assert [part.kind for part in reply.parts() if isinstance(part, OtherPart)] == ["error"]
    assert (reply.outcome(), reply.usage.output) == (Outcome.COMPLETE, 99)


def test_events_of_the_responses_api_are_read() -> None:
    frames = [
        event("response.image_generation_call.partial_image", partial_image_b64=OTHER_PNG),
        event("response.output_item.done", item={"type": "image_generation_call", "result": PNG}),
    ]
    assert shown(fold(*frames)) == [PNG]


def test_a_list_without_end_is_cut() -> None:
    assert len(fold(whole({"data": [{"url": f"https://files.example/{n}.png"} for n in range(5_000)]})).parts()) == 60


def test_a_stream_that_breaks_keeps_its_preview() -> None:
    reply = Reply()
    stream = images.events(iter([event("image_generation.partial_image", b64_json=PNG, partial_image_index=0)]))
    with pytest.raises(errors.StreamInterrupted):
        for each in stream:
            reply.add(each)
    assert shown(reply) == [PNG]
    assert reply.outcome() is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([whole({"data": []})], errors.InvalidResponse),
        ([whole({"data": [{"revised_prompt": "A cat."}]})], errors.InvalidResponse),
        ([whole("no channel for this model")], errors.GatewayError),
        ([whole({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}})], errors.RateLimited),
        ([whole({"error": {"message": "Rejected.", "code": "moderation_blocked"}})], errors.PromptBlocked),
        ([event("error", error={"message": "The server had an error"})], errors.StreamError),
        (
            [event("error", error={"message": "Your request was rejected by the safety system."})],
            errors.PromptBlocked,
        ),
        ([], errors.StreamInterrupted),
        ([Frame("message", "[DONE]")], errors.StreamInterrupted),
        ([Frame("message", '{"type": "image_generation.completed", "b64_js')], errors.StreamInterrupted),
    ],
)
def test_responses_without_an_image_are_errors(frames: list[Frame], error: type[errors.AnswerError]) -> None:
    with pytest.raises(error):
        fold(*frames)


def test_a_blocked_prompt_has_an_error_of_its_own() -> None:
    payload = {"error": {"message": "Rejected (request id: r-1)", "type": "image_generation_user_error"}}
    blocked = images.error(400, {}, json.dumps(payload))
    assert (type(blocked), blocked.detail, blocked.status, blocked.request_id) == (
        errors.PromptBlocked, "Rejected", 400, "r-1"
    )  # fmt: skip
    assert type(images.error(400, {}, '{"error": {"message": "Invalid size"}}')) is errors.InvalidRequest
    assert type(images.error(502, {}, "<html>Bad gateway</html>")) is errors.GatewayUnavailable


def test_only_refusals_before_the_work_are_retried() -> None:
    assert images.may_retry(errors.RateLimited()) and images.may_retry(errors.Overloaded())
    for billed in (
        errors.RequestTimeout,
        errors.GatewayUnavailable,
        errors.StreamInterrupted,
        errors.GatewayUnreachable,
    ):
        assert not images.may_retry(billed())
