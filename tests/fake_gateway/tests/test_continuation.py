"""“Continue”: a cut answer and its rest make one text."""

from typing import Any

import pytest

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import (
    BOTH,
    CHAT,
    MESSAGES,
    answered,
    arriving,
    asking,
    refused,
    whole,
)

STRIKING = [
    "demo-breaks",
    "demo-errors",
    "demo-error-event",
    "demo-error-data",
    "demo-error-at-end",
    "demo-bare-json",
    "demo-done-without-reason",
    "demo-ends-without-reason",
]


@BOTH
@pytest.mark.parametrize(
    "model", ["demo-tour", "demo-thinker", "demo-think-tags", "demo-crlf", "demo-redacted-thinking"]
)
def test_the_rest_of_a_cut_answer_is_seamless(fast: FakeGateway, path: str, model: str) -> None:
    everything, _, payload = whole(fast, path, asking(model, "Why?"))
    pieces = payload["usage"]["completion_tokens" if path == CHAT else "output_tokens"]
    said: list[Any] = ["Why?"]
    for limit in (pieces - 12, 5, 100_000):
        text, reason, _ = whole(fast, path, asking(model, *said, max_tokens=limit))
        said += [text, "Continue exactly where you stopped."]
        assert text and (reason in ("length", "max_tokens")) is (limit < 100_000)
    assert "".join(said[1::2]) == everything
    # What was thought need not be sent back, in tags either.
    said[1] = said[1].partition("</think>\n")[2] or said[1]
    assert whole(fast, path, asking(model, *said[:3], max_tokens=5))[0] == said[3]


@BOTH
@pytest.mark.parametrize("name", STRIKING)
def test_what_a_fault_has_cut_goes_on_without_it(fast: FakeGateway, path: str, name: str) -> None:
    first = arriving(fast, path, asking(name)).text
    rest = arriving(fast, path, asking(name, "Hello", first, "Continue"))
    assert rest.failed is None and rest.reasons in (["stop"], ["end_turn"])
    assert first and rest.text and not rest.text.startswith(first[:20])
    assert "¦" not in first + rest.text


@BOTH
def test_an_answer_that_is_cut_again_and_again(fast: FakeGateway, path: str) -> None:
    said: list[Any] = ["Hello"]
    reasons = []
    for _ in range(6):
        text, reason, _ = whole(fast, path, asking("demo-cut-by-length", *said))
        said += [text, "Continue"]
        reasons.append(reason)
        if reason in ("stop", "end_turn"):
            break
    assert len(reasons) > 2 and reasons[-1] in ("stop", "end_turn")
    merged = "".join(said[1::2])
    assert merged.startswith("You are reading `demo-cut-by-length`") and merged.endswith("再见 👋\n")
    # A client that keeps one growing answer is served as well as one that sends each part.
    grown = asking("demo-cut-by-length", "Hello", "".join(said[1:4:2]), "Continue")
    assert whole(fast, path, grown)[0] == said[5]


@BOTH
def test_one_that_repeats_itself(fast: FakeGateway, path: str) -> None:
    first, reason, _ = whole(fast, path, asking("demo-repeats"))
    assert reason in ("length", "max_tokens")
    rest, reason, _ = whole(fast, path, asking("demo-repeats", "Hello", first, "Continue"))
    assert rest.startswith(first[-40:]) and reason in ("stop", "end_turn")
    assert (first + rest[40:]).endswith("再见 👋\n")


@BOTH
def test_a_pause_goes_on_when_the_answer_is_sent_back(fast: FakeGateway, path: str) -> None:
    first, reason, _ = whole(fast, path, asking("demo-pause-turn"))
    assert reason == "pause_turn"
    rest, reason, _ = whole(fast, path, asking("demo-pause-turn", "Hello", first))
    assert reason in ("stop", "end_turn")
    assert (first + rest).startswith("You are") and (first + rest).endswith("再见 👋\n")


def test_only_a_cut_answer_has_a_rest(fast: FakeGateway) -> None:
    everything = answered(fast, "demo-crlf")
    for text in (everything, "Something else", everything + " more"):
        assert answered(fast, "demo-crlf", "Hello", text, "Continue").startswith("You are reading")
    assert answered(fast, "demo-crlf", "Continue").startswith("You are reading")
    assert answered(fast, "demo-crlf", "Hello", everything[:50], "What?").startswith("You are reading")
    assert answered(fast, "demo-crlf", "Hello", everything[:50], "Continue") == everything[50:]
    assert "end" in refused(fast, MESSAGES, asking("demo-crlf", "Hello", everything[:50]))


def test_it_goes_on_after_other_turns_too(fast: FakeGateway) -> None:
    before = ["One?", answered(fast, "demo-tour", "One?"), "Show me code"]
    everything = answered(fast, "demo-tour", *before)
    rest = answered(fast, "demo-tour", *before, everything[:90], "continue")
    assert everything[:90] + rest == everything
    assert whole(fast, CHAT, asking("demo-tour", *before, everything[:90], "继续"))[0] == rest
