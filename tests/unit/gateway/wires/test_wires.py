"""What holds for both wires: one face, and no answer of a gateway that makes them break."""

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
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.unit.gateway.recordings import Heard, hear

FACE = ["body", "dropped_params", "error", "events", "headers", "with_user"]
both = pytest.mark.parametrize("wire", [openai, anthropic], ids=["openai", "anthropic"])

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
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)
)
OBJECTS = st.dictionaries(KEYS, ANYTHING, max_size=6)


def face(wire: ModuleType) -> dict[str, inspect.Signature]:
    functions = inspect.getmembers(wire, inspect.isfunction)
    return {
        name: inspect.signature(function)
        for name, function in functions
        if function.__module__ == wire.__name__ and not name.startswith("_")
    }


def test_both_wires_have_the_same_face() -> None:
    assert face(openai) == face(anthropic)
    assert list(face(openai)) == FACE
    assert (openai.PATH, anthropic.PATH) == ("/v1/chat/completions", "/v1/messages")


# The rows of the reference's table of end reasons: what each wire calls it.
ENDS: dict[str, tuple[Outcome, dict[Wire, tuple[str, ...]]]] = {
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
    "unknown": (Outcome.COMPLETE, dict.fromkeys(("openai", "anthropic"), ("something_new",))),
}


def said(wire: Wire, word: str) -> str:
    """One event's data with this text."""
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {"content": word}}]}
    return json.dumps(chunk if wire == "openai" else text)


def ended(wire: Wire, reason: str = "stop") -> str:
    """The data of the event with the reason why the answer ended."""
    chunk = {"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    return json.dumps(
        chunk if wire == "openai" else {"type": "message_delta", "delta": {"stop_reason": reason}}
    )


def told(wire: Wire, *data: str) -> Heard:
    return hear(WIRE_MODULES[wire].events(Frame("message", text) for text in data))


@pytest.mark.parametrize("row", ENDS)
def test_the_end_reasons_row_by_row(row: str) -> None:
    outcome, reasons = ENDS[row]
    for wire, names in reasons.items():
        for name in names:
            found = told(wire, said(wire, "a"), ended(wire, name))
            assert (found.reply.outcome(), found.error) == (outcome, None), (wire, name)
            assert found.reply.finish and found.reply.finish.reason == name


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_an_event_that_comes_broken_is_missed_until_the_answer_begins_anew(wire: Wire) -> None:
    last, torn = ("[DONE]" if wire == "openai" else '{"type":"message_stop"}'), said(wire, "lost")[:-3]
    assert told(wire, said(wire, "a"), ended(wire), torn).error is None
    assert told(wire, said(wire, "a"), ended(wire), torn, last).error is None
    assert type(told(wire, said(wire, "a"), torn, ended(wire)).error) is errors.StreamInterrupted
    for data in ([said(wire, "a"), torn, ended(wire), last], [torn, last]):
        assert isinstance(told(wire, *data).error, errors.StreamInterrupted)
    busy = '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}'
    assert type(told(wire, said(wire, "a"), torn, busy).error) is errors.Overloaded
    role = '{"id":"b","choices":[{"index":0,"delta":{"role":"assistant"}}]}'
    start = '{"type":"message_start","message":{}}'
    anew = [role, said(wire, "new").replace('"a"', '"b"'), ended(wire).replace('"a"', '"b"')]
    first = [said(wire, "old")] * 4 if wire == "openai" else [start, said(wire, "old")]
    found = told(wire, *first, torn, *(anew if wire == "openai" else [start, *anew[1:]]), last)
    assert (found.text, found.reply.restart_count, found.error) == ("new", 1, None)


@both
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payloads=st.lists(OBJECTS, max_size=4), name=st.sampled_from(["message", "error", "message_start"]))
def test_whatever_comes_ends_as_an_answer_or_as_one_of_our_errors(
    wire: ModuleType, payloads: list[dict[str, Any]], name: str
) -> None:
    found = hear(wire.events(Frame(name, json.dumps(payload)) for payload in payloads))
    assert_storable(found.reply)
    if found.error is None:
        assert found.reply.outcome() is not Outcome.INTERRUPTED
    else:
        (found.error.detail + found.error.request_id).encode()


@both
def test_half_a_letter_never_leaves_the_wire(wire: ModuleType) -> None:
    half = "\ud83d"
    chunk = {"id": half, "model": half, "choices": [{"delta": {"content": half}, "finish_reason": half}]}
    start = {"type": "message_start", "message": {"id": half, "model": half}}
    words = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": half}}
    sign = {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": half}}
    end = {"type": "message_delta", "delta": {"stop_reason": half}}
    payloads = [chunk] if wire is openai else [start, words, sign, end]
    found = hear(wire.events(Frame("message", json.dumps(payload)) for payload in payloads))
    assert found.error is None
    assert found.reply.finish is not None
    assert_storable(found.reply)


def assert_storable(reply: Reply) -> None:
    """All that goes into the store and onto the screen can be written as UTF-8."""
    repr(reply.message()).encode()
    kept = [part.text for part in reply.message().parts]
    kept += [getattr(part, "signature", "") for part in reply.message().parts]
    kept += [reply.finish.reason] if reply.finish else []
    kept.append(json.dumps(reply.provider_metadata, ensure_ascii=False))
    "".join(kept).encode()
