"""Both wires: the same functions, finish reasons, and arbitrary events."""

import inspect
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.reply import Reply
from lib.core.target import Wire
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, images, openai
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.examples import count_examples
from tests.unit.gateway.recordings import CollectedAnswer, collect

FUNCTIONS = ["body", "dropped_params", "error", "events", "headers", "may_retry", "route", "with_user"]
each_module = pytest.mark.parametrize("wire", [openai, anthropic], ids=["openai", "anthropic"])

KEYS = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "usage",
        "error",
        "type",
        "index",
        "finish_reason",
        "stop_reason",
    ]
    + [
        "content_block",
        "text",
        "thinking",
        "id",
        "model",
        "code",
        "refusal",
        "reasoning",
        "prompt_tokens_details",
    ]
)
NAMES = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "message_delta",
    "message",
    "text",
    "text_delta",
]
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([*NAMES, "", "stop", "\ud83d"])
JSON_VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
JSON_OBJECTS = st.dictionaries(KEYS, JSON_VALUES, max_size=6)


def public_functions(wire: ModuleType) -> dict[str, inspect.Signature]:
    functions = inspect.getmembers(wire, inspect.isfunction)
    return {
        name: inspect.signature(function)
        for name, function in functions
        if function.__module__ == wire.__name__ and not name.startswith("_")
    }


def test_both_wires_have_the_same_functions() -> None:
    assert public_functions(openai) == public_functions(anthropic)
    assert public_functions(openai).items() <= public_functions(images).items()
    assert list(public_functions(openai)) == FUNCTIONS
    assert (openai.PATH, anthropic.PATH) == ("/v1/chat/completions", "/v1/messages")


# Outcome, and the finish reasons for it on each wire.
FINISH_REASONS: dict[str, tuple[Outcome, dict[Wire, tuple[str, ...]]]] = {
    "normal": (Outcome.COMPLETE, {"openai": ("stop",), "anthropic": ("end_turn", "stop_sequence")}),
    "cut by length": (Outcome.LENGTH, {"openai": ("length", "max_tokens"), "anthropic": ("max_tokens",)}),
    "context full": (
        Outcome.LENGTH,
        dict.fromkeys(("openai", "anthropic"), ("model_context_window_exceeded",)),
    ),
    "filtered": (Outcome.FILTERED, {"openai": ("content_filter",)}),
    "refused": (Outcome.REFUSED, {"openai": ("refusal",), "anthropic": ("refusal",)}),
    "wants a tool": (
        Outcome.COMPLETE,
        {"openai": ("tool_calls", "function_call"), "anthropic": ("tool_use",)},
    ),
    "paused": (Outcome.INTERRUPTED, dict.fromkeys(("openai", "anthropic"), ("pause_turn",))),
    "unknown": (Outcome.INTERRUPTED, dict.fromkeys(("openai", "anthropic"), ("something_new",))),
}


def text_event(wire: Wire, text: str) -> str:
    """Data of an event with this text."""
    delta_event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {"content": text}}]}
    return json.dumps(chunk if wire == "openai" else delta_event)


def finish_event(wire: Wire, reason: str = "stop") -> str:
    """Data of the event with the finish reason."""
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    return json.dumps(chunk if wire == "openai" else {"type": "message_delta", "delta": {"stop_reason": reason}})


def parse(wire: Wire, *data: str) -> CollectedAnswer:
    return collect(WIRE_MODULES[wire].events(Frame("message", item) for item in data))


@pytest.mark.parametrize("case", FINISH_REASONS)
def test_outcome_by_finish_reason(case: str) -> None:
    outcome, reasons = FINISH_REASONS[case]
    for wire, names in reasons.items():
        for name in names:
            answer = parse(wire, text_event(wire, "a"), finish_event(wire, name))
            assert (answer.reply.outcome(), answer.error) == (outcome, None), (wire, name)
            assert answer.reply.finish and answer.reply.finish.reason == name


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_truncated_event_interrupts_the_answer_until_a_restart(wire: Wire) -> None:
    last, truncated = (
        ("[DONE]" if wire == "openai" else '{"type":"message_stop"}'),
        text_event(wire, "lost")[:-3],
    )
    assert parse(wire, text_event(wire, "a"), finish_event(wire), truncated).error is None
    assert parse(wire, text_event(wire, "a"), finish_event(wire), truncated, last).error is None
    assert type(parse(wire, text_event(wire, "a"), truncated, finish_event(wire)).error) is errors.StreamInterrupted
    for data in ([text_event(wire, "a"), truncated, finish_event(wire), last], [truncated, last]):
        assert isinstance(parse(wire, *data).error, errors.StreamInterrupted)
    overloaded = '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}'
    assert type(parse(wire, text_event(wire, "a"), truncated, overloaded).error) is errors.Overloaded
    role_event = '{"id":"b","choices":[{"index":0,"delta":{"role":"assistant"}}]}'
    message_start = '{"type":"message_start","message":{}}'
    second_answer = [
        role_event,
        text_event(wire, "new").replace('"a"', '"b"'),
        finish_event(wire).replace('"a"', '"b"'),
    ]
    first_answer = [text_event(wire, "old")] * 4 if wire == "openai" else [message_start, text_event(wire, "old")]
    answer = parse(
        wire,
        *first_answer,
        truncated,
        *(second_answer if wire == "openai" else [message_start, *second_answer[1:]]),
        last,
    )
    assert (answer.text, answer.reply.restart_count, answer.error) == ("new", 1, None)


@pytest.mark.slow
@each_module
@settings(max_examples=count_examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payloads=st.lists(JSON_OBJECTS, max_size=4), name=st.sampled_from(["message", "error", "message_start"]))
def test_arbitrary_events_end_as_an_answer_or_an_error(
    wire: ModuleType, payloads: list[dict[str, Any]], name: str
) -> None:
    answer = collect(wire.events(Frame(name, json.dumps(payload)) for payload in payloads))
    assert_storable(answer.reply)
    if answer.error is None:
        assert answer.reply.finish is not None
    else:
        (answer.error.detail + answer.error.request_id).encode()


@each_module
def test_lone_surrogates_are_replaced(wire: ModuleType) -> None:
    surrogate = "\ud83d"
    chunk = {
        "id": surrogate,
        "model": surrogate,
        "choices": [{"delta": {"content": surrogate}, "finish_reason": surrogate}],
    }
    message_start = {"type": "message_start", "message": {"id": surrogate, "model": surrogate}}
    text_delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": surrogate}}
    signature_delta = {
        "type": "content_block_delta",
        "delta": {"type": "signature_delta", "signature": surrogate},
    }
    message_delta = {"type": "message_delta", "delta": {"stop_reason": surrogate}}
    payloads = [chunk] if wire is openai else [message_start, text_delta, signature_delta, message_delta]
    answer = collect(wire.events(Frame("message", json.dumps(payload)) for payload in payloads))
    assert answer.error is None
    assert answer.reply.finish is not None
    assert_storable(answer.reply)


def assert_storable(reply: Reply) -> None:
    """Check that everything stored or displayed is valid UTF-8."""
    repr(reply.message()).encode()
    texts = [part.text for part in reply.message().parts]
    texts += [getattr(part, "signature", "") for part in reply.message().parts]
    texts += [reply.finish.reason] if reply.finish else []
    texts.append(json.dumps(reply.provider_metadata, ensure_ascii=False))
    "".join(texts).encode()
