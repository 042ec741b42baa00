"""What is done with a path that is too long for a model: leave out the oldest, sum it up, begin anew."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lib.chat.context import window
from lib.chat.turns.summaries import Summary
from lib.chat.turns.turn import Desk
from lib.core.conversation import Conversation, Node, Window, new_id


def drop(desk: Desk, owner: str, conversation: str, start: Window) -> None:
    """Send from now on only what the window holds. Raises StoreError."""
    desk.store.keep_window(owner, conversation, start)


def undo(desk: Desk, owner: str, conversation: str) -> None:
    """Send the whole path again. Raises StoreError."""
    desk.store.keep_window(owner, conversation, None)


def anew(desk: Desk, owner: str, base: Conversation, path: Sequence[Node], start: Window) -> Conversation:
    """Begin a conversation with what the window holds of the path; the old one stays. Raises StoreError."""
    now = time.time()
    nodes = window.carried(path, start, now)
    begun = Conversation(
        new_id(), base.title, now, nodes[-1].id, base.target, base.params, created=now, titled=base.titled
    )
    desk.store.begin(owner, begun, nodes)
    return begun


def summarise(
    desk: Desk, owner: str, base: Conversation, path: Sequence[Node], start: Window, *, begin: bool
) -> Summary:
    """Have what a window from there on leaves out summed up, and the summary sent in its place.

    With `begin` it becomes the first turn of a new conversation, else the old one goes on with it. Needs a
    desk with a cheap model.
    """
    assert desk.aside and desk.cheap

    def finish(summary: str) -> str:
        kept = Window(start.start, summary)
        if begin:
            return anew(desk, owner, base, path, kept).id
        desk.store.keep_window(owner, base.id, kept)
        return ""

    out = window.left_out(path, base.window, start)
    before = window.summary(path, base.window)
    return desk.aside.summarise(owner, base.id, out, before, desk.cheap, finish, desk.guard)
