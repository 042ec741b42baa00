"""Looks of a following page at the queue of its conversation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lib.core.params import Params
from lib.core.question_queue import QuestionQueue, QueuedQuestion
from lib.core.target import Target
from lib.ui.session import conversation_view
from lib.ui.session.values import ConversationView

ADDED = QuestionQueue((QueuedQuestion("q", "c", "And why?", Target("m", "openai"), Params(), 1.0),))


class Rerun(Exception):
    pass


@pytest.mark.parametrize(("added", "is_shown"), [(ADDED, True), (replace(ADDED, is_handing_over=True), False)])
def test_a_question_of_another_server_is_shown_within_a_second(monkeypatch, added, is_shown):
    clock, view, looks = SimpleNamespace(now=100.0), ConversationView(queue_checked_at=100.0), []

    def load(*_):
        looks.append(clock.now)
        return added if clock.now > 102.0 else QuestionQueue()

    def rerun():
        raise Rerun

    monkeypatch.setattr(conversation_view, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(conversation_view, "current_view", lambda: view)
    monkeypatch.setattr(conversation_view, "session_state", SimpleNamespace(user=SimpleNamespace(id="ann")))
    monkeypatch.setattr(conversation_view, "load_queue", load)
    monkeypatch.setattr(conversation_view.st, "rerun", rerun)
    for tick in range(1, 25):
        clock.now = 100.0 + tick / 8
        if is_shown and clock.now == 103.0:
            with pytest.raises(Rerun):
                conversation_view.check_queue()
        else:
            conversation_view.check_queue()
    assert looks == [101.0, 102.0, 103.0]
