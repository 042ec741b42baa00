"""Looks of a following page at the queue of its conversation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lib.core.question_queue import QuestionQueue
from lib.ui.session import conversation_view
from lib.ui.session.values import ConversationView


@pytest.mark.parametrize(("changed", "reads"), [(False, [105]), (True, [102, 107])])
def test_the_queue_is_read_after_a_change_by_this_process_and_seldom_else(monkeypatch, changed, reads):
    clock, view, found = SimpleNamespace(now=100.0), ConversationView(queue_checked_at=100.0), []
    queue = SimpleNamespace(change_count=0)

    def load(*_):
        found.append(clock.now)
        return QuestionQueue()

    monkeypatch.setattr(conversation_view, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(conversation_view, "current_view", lambda: view)
    monkeypatch.setattr(conversation_view, "session_state", SimpleNamespace(user=SimpleNamespace(id="ann")))
    monkeypatch.setattr(conversation_view.services, "current_store", lambda: SimpleNamespace(queue=queue))
    monkeypatch.setattr(conversation_view, "load_queue", load)
    for second in range(101, 110):
        clock.now = second
        if changed and second == 102:
            queue.change_count = 1
        conversation_view.check_queue()
    assert found == reads
