"""Messages for errors: a refused file is named, and its name is text."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lib.core.attachment_errors import FileNotSendable, FileTooLarge
from lib.core.errors import QueueFull
from lib.ui.widgets import errors


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(errors, "session_state", SimpleNamespace(temporary_store=None))
    monkeypatch.setattr("lib.ui.text.i18n.current_language", lambda: "en")


def test_a_refused_file_is_named_with_its_sizes():
    error = FileTooLarge("report.pdf", size="30.0 MB", limit="20.0 MB")
    assert errors.error_message(error) == "report.pdf is too large: 30.0 MB. The limit is 20.0 MB."


def test_the_name_of_a_file_is_no_markdown_where_it_ends_a_run(monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr(errors.st, "error", lambda message, icon: shown.append(message))
    assert errors.on_script_error(FileTooLarge("*a* [b](c).pdf", size="1 MB", limit="1 MB"))
    assert errors.on_script_error(QueueFull())
    assert r"\*a\*" in shown[0] and "*a* " not in shown[0]
    assert shown[1].startswith("10 messages")


def test_a_file_that_the_model_does_not_take_is_named_with_the_reason():
    error = FileNotSendable("photo.png", reason="image_unsupported", model="ds-9")
    assert errors.error_message(error) == "photo.png cannot be sent, so nothing was sent. ds-9 does not take images."
