"""Continued answers: a cut answer and its rest are one text."""

from __future__ import annotations

import pytest

from lib.demo import DemoGateway
from lib.demo.wire import OPENAI
from tests.support.gateway_client import answer_text, each_path, request_body, stream_answer, whole_answer


@each_path
@pytest.mark.parametrize("model", ["demo-tour", "demo-thinker", "demo-long"])
def test_the_rest_of_a_cut_answer_completes_it(gateway: DemoGateway, path: str, model: str) -> None:
    everything, _, payload = whole_answer(gateway, path, request_body(model, "Why?"))
    count = payload["usage"]["completion_tokens" if path == OPENAI else "output_tokens"]
    texts = ["Why?"]
    for limit in (count - 12, 5, 100_000):
        text, reason, _ = whole_answer(gateway, path, request_body(model, *texts, max_tokens=limit))
        texts += [text, "Continue exactly where you stopped."]
        assert text
        assert (reason in ("length", "max_tokens")) is (limit < 100_000)
    assert "".join(texts[1::2]) == everything


@each_path
@pytest.mark.parametrize("model", ["demo-breaks", "demo-errors"])
def test_an_answer_that_failed_is_continued_without_the_fault(gateway: DemoGateway, path: str, model: str) -> None:
    first = stream_answer(gateway, path, request_body(model)).text
    rest = stream_answer(gateway, path, request_body(model, "Hello", first, "Continue"))
    assert rest.failure is None
    assert rest.finish_reasons in (["stop"], ["end_turn"])
    assert first
    assert rest.text
    assert "¦" not in first + rest.text
    assert (first + rest.text).endswith("not a model.")


@each_path
def test_an_answer_is_cut_repeatedly(gateway: DemoGateway, path: str) -> None:
    texts, reasons = ["Hello"], []
    while not reasons or reasons[-1] in ("length", "max_tokens"):
        assert len(reasons) < 9
        text, reason, _ = whole_answer(gateway, path, request_body("demo-cut-by-length", *texts))
        texts += [text, "Continue"]
        reasons.append(reason)
    assert len(reasons) > 2
    answer = "".join(texts[1::2])
    assert answer.startswith("You are reading `demo-cut-by-length`")
    assert answer.endswith("再见 👋\n")
    # A client may also send the parts as one growing answer.
    grown = request_body("demo-cut-by-length", "Hello", "".join(texts[1:4:2]), "Continue")
    assert whole_answer(gateway, path, grown)[0] == texts[5]


def test_only_a_cut_answer_is_continued(gateway: DemoGateway) -> None:
    everything = answer_text(gateway, "demo-short-memory")
    for text in (everything, "Something else", everything + " more"):
        answer = answer_text(gateway, "demo-short-memory", "Hello", text, "Continue")
        assert answer.startswith("You are reading")
    assert answer_text(gateway, "demo-short-memory", "Continue").startswith("You are reading")
    start = everything[:50]
    assert answer_text(gateway, "demo-short-memory", "Hello", start, "What?").startswith("You are reading")
    assert answer_text(gateway, "demo-short-memory", "Hello", start, "Continue") == everything[50:]


@pytest.mark.parametrize("request_to_continue", ["continue", "继续"])
def test_a_later_answer_is_continued(gateway: DemoGateway, request_to_continue: str) -> None:
    turns = ["One?", answer_text(gateway, "demo-tour", "One?"), "Show me code"]
    everything = answer_text(gateway, "demo-tour", *turns)
    rest = answer_text(gateway, "demo-tour", *turns, everything[:90], request_to_continue)
    assert everything[:90] + rest == everything
