"""Submissions that the server takes from the browser, and the name of a user's drafts."""

from __future__ import annotations

import pytest

from lib.core.user import User
from lib.ui.composer import drafts
from lib.ui.composer.drafts import Submission
from lib.ui.session import resources, services

KEY = "0123456789abcdef" * 2
SENT = {"key": KEY, "slot": "new", "text": "Why?"}


def test_submissions_are_read_in_their_order():
    other = {"key": KEY[::-1], "slot": "c", "text": "And\nhow? 🌊", "more": 1}
    assert list(drafts.parse_submissions([SENT, other])) == [
        Submission(KEY, "new", "Why?"),
        Submission(KEY[::-1], "c", "And\nhow? 🌊"),
    ]


@pytest.mark.parametrize(
    "received",
    [
        None,
        {},
        "text",
        [None],
        [[KEY, "new", "Why?"]],
        [SENT | {"key": 1}],
        [SENT | {"key": KEY.upper()}],
        [SENT | {"key": f"{KEY}\n"}],
        [SENT | {"key": ""}],
        [SENT | {"slot": None}],
        [SENT | {"text": ["Why?"]}],
        [{"key": KEY}],
    ],
)
def test_nothing_else_is_taken_for_a_submission(received):
    assert list(drafts.parse_submissions(received)) == []


def test_drafts_are_named_by_user_without_saying_who_it_is(monkeypatch):
    monkeypatch.setattr(resources, "draft_secret", lambda: b"one")
    names = {
        services.user_tag(User(user_id)) for user_id in ("ann@example.org", "bob@example.org", "browser:1", "\ud800")
    }
    assert len(names) == 4
    assert all(len(name) == 16 and "@" not in name for name in names)
    assert services.user_tag(User("ann@example.org", name="Ann")) in names
    # Nobody tells the name from the id alone.
    monkeypatch.setattr(resources, "draft_secret", lambda: b"another")
    assert services.user_tag(User("ann@example.org")) not in names
