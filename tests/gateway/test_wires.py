"""What holds for both wires: one face, and no answer of a gateway that makes them break."""

import inspect
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core.reply import Reply
from lib.core.types import Outcome
from lib.gateway import wire_anthropic, wire_openai
from lib.gateway.frames import Frame
from tests.gateway.recordings import hear

FACE = ["body", "error", "events", "headers", "losses"]
both = pytest.mark.parametrize("wire", [wire_openai, wire_anthropic], ids=["openai", "anthropic"])

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
    assert face(wire_openai) == face(wire_anthropic)
    assert list(face(wire_openai)) == FACE
    assert (wire_openai.PATH, wire_anthropic.PATH) == ("/v1/chat/completions", "/v1/messages")


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
    payloads = [chunk] if wire is wire_openai else [start, words, sign, end]
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
    kept.append(json.dumps(reply.served, ensure_ascii=False))
    "".join(kept).encode()
