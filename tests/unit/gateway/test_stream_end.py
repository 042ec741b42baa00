"""The patience after a finish reason: short behind a true end, ordinary where text may still come."""

import json
import threading
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import ImagePart, Outcome, Usage
from lib.core.events import ContentPart, Event, Finish, Heartbeat, Restart, TextDelta, ThinkingDelta, UsageReport
from lib.core.target import Wire
from lib.gateway import stream_end
from lib.gateway.stream_end import FINISH_TIMEOUT, TRAILING_EVENTS_TIMEOUT, limit_trailing_time
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import Canned, Replay
from tests.unit.gateway.recordings import PATHS, ask, build_gateway

TEXT, USAGE = TextDelta("a"), UsageReport(Usage(1, 2))
END, TENTATIVE = Finish(Outcome.COMPLETE, "stop"), Finish(Outcome.COMPLETE, "stop", is_tentative=True)
OTHER_END = Finish(Outcome.COMPLETE, "stop", 1)


class RecordedDeadline:
    """The deadline in force, None for the ordinary patience."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def set_deadline(self, seconds: float) -> None:
        self.seconds = seconds

    def clear_deadline(self) -> None:
        self.seconds = None


@pytest.mark.parametrize(
    ("events", "deadline"),
    [
        ([TEXT], None),
        ([TEXT, USAGE], None),
        ([TEXT, END], FINISH_TIMEOUT),
        ([TEXT, END, Heartbeat()], FINISH_TIMEOUT),
        ([TEXT, END, USAGE], TRAILING_EVENTS_TIMEOUT),
        ([TEXT, TENTATIVE], None),
        ([TENTATIVE, TEXT, TENTATIVE], None),
        ([TEXT, TENTATIVE, USAGE], TRAILING_EVENTS_TIMEOUT),
        ([TEXT, END, TEXT], None),
        ([TEXT, END, ThinkingDelta("a")], None),
        ([TEXT, END, ContentPart(ImagePart())], None),
        ([TEXT, END, USAGE, TEXT], None),
        ([TEXT, END, USAGE, TEXT, END, USAGE], None),
        ([TEXT, END, Restart(), TEXT], None),
        ([TEXT, END, TEXT, Restart(), TEXT, END], FINISH_TIMEOUT),
    ],
    ids=str,
)
def test_deadline_after_events(events: list[Event], deadline: float | None) -> None:
    response = RecordedDeadline()
    assert list(limit_trailing_time(events, response, 1)) == events
    assert response.seconds == deadline


def test_last_of_several_choices_sets_the_deadline() -> None:
    response = RecordedDeadline()
    for events, deadline in (
        ([TEXT, END, END], None),
        ([TEXT, END, OTHER_END], FINISH_TIMEOUT),
        ([TEXT, END, TextDelta("b", 0, 1), OTHER_END, USAGE], TRAILING_EVENTS_TIMEOUT),
    ):
        response.clear_deadline()
        list(limit_trailing_time(events, response, 2))
        assert response.seconds == deadline


def sse(*objects: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in objects)


def text(wire: Wire, content: str) -> Any:
    if wire == "openai":
        return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": content}}


def finish(wire: Wire) -> Any:
    if wire == "openai":
        return {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}


def usage(wire: Wire) -> Any:
    if wire == "openai":
        return {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    return {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 1, "output_tokens": 2}}


def both(content: str) -> Any:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": "stop"}]}


each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


@each_wire
@pytest.mark.parametrize("with_usage", [False, True])
def test_open_connection_without_an_end_marker_does_not_hold_a_finished_answer(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, wire: Wire, with_usage: bool
) -> None:
    monkeypatch.setattr(stream_end, "FINISH_TIMEOUT", 600.0 if with_usage else 0.1)
    monkeypatch.setattr(stream_end, "TRAILING_EVENTS_TIMEOUT", 0.1 if with_usage else 600.0)
    body = sse(text(wire, "One "), text(wire, "two"), finish(wire), *([usage(wire)] if with_usage else []))
    replay.serve(PATHS[wire], Canned(body + b": later\n\n", silence=len(body)))
    answer = ask(build_gateway(replay, idle=600.0), wire)
    assert (answer.text, answer.error, answer.reply.outcome()) == ("One two", None, Outcome.COMPLETE)
    assert answer.reply.usage == (Usage(1, 2) if with_usage else Usage())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([both("One ")], [both("two")]),
        ([both("")], [text("openai", "One "), both("two")]),
        ([both("One "), both("and ")], [both("two")]),
        ([text("openai", "One "), finish("openai"), text("openai", "and ")], [text("openai", "two")]),
    ],
    ids=["in every chunk", "in the first chunk", "several chunks", "text behind it"],
)
def test_text_behind_a_finish_reason_is_kept_after_a_pause(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, before: list[Any], after: list[Any]
) -> None:
    monkeypatch.setattr(stream_end, "FINISH_TIMEOUT", 0.05)
    monkeypatch.setattr(stream_end, "TRAILING_EVENTS_TIMEOUT", 0.05)
    body = sse(*before)
    replay.serve(PATHS["openai"], Canned(body + sse(*after) + b"data: [DONE]\n\n", silence=len(body)))
    timer = threading.Timer(0.4, replay.resume)
    timer.start()
    answer = ask(build_gateway(replay), "openai")
    timer.join()
    assert answer.text.replace("and ", "") == "One two"
    assert (answer.error, answer.reply.outcome()) == (None, Outcome.COMPLETE)


@pytest.mark.parametrize("body", [sse(both("One ")), sse(both("One "), both("two")), sse(both(""))])
def test_silence_where_text_may_still_come_is_a_timeout_and_not_complete(replay: Replay, body: bytes) -> None:
    replay.serve(PATHS["openai"], Canned(body + b"data: [DONE]\n\n", silence=len(body)))
    answer = ask(build_gateway(replay, idle=0.2), "openai")
    assert type(answer.error) is errors.RequestTimeout
    assert answer.reply.outcome() is Outcome.INTERRUPTED


def test_end_of_the_body_is_an_end_whatever_the_finish_reason_was(replay: Replay) -> None:
    replay.serve(PATHS["openai"], Canned(sse(both("One "), both("two"))))
    answer = ask(build_gateway(replay), "openai")
    assert (answer.text, answer.error, answer.reply.outcome()) == ("One two", None, Outcome.COMPLETE)
