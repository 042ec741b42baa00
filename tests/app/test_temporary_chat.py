"""A temporary chat: all actions on it, and rows of usage alone in the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.app.chat_app import ChatApp

NOTICE = "not saved and not in the list"


def count_rows(file: Path) -> dict[str, int]:
    """Return the number of rows by table."""
    with closing(sqlite3.connect(file)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}


def test_a_temporary_chat_writes_usage_rows_only(faked, tmp_path):
    chat = ChatApp(model="demo-repeats", wire="openai", is_panel_open=True).click("Temporary chat")
    before = count_rows(tmp_path / "antler.db")
    assert "conversation" in before
    chat.ask("Tell me")
    assert "Cut off: token limit reached" in chat.answers[-1]
    assert NOTICE in chat.text
    chat.click("Continue")
    assert "nothing is missing" in chat.answers[-1]
    chat.click("Regenerate")
    assert "2 / 2" in chat.text
    chat.click("Previous version")
    assert "1 / 2" in chat.text and "nothing is missing" in chat.answers[-1]
    chat.fill("Temperature", 0.5).choose_model("demo-crlf").choose_wire("anthropic").ask("And now?")
    assert "demo-crlf · Anthropic" in chat.answers[-1]
    assert chat.questions == ["Tell me", "And now?"]
    assert chat.field("Temperature").value == 0.5
    assert "c" not in chat.at.query_params
    # Four requests were made; none of their rows leads back here.
    assert count_rows(tmp_path / "antler.db") == {**before, "ledger": before["ledger"] + 4}
    with closing(sqlite3.connect(tmp_path / "antler.db")) as database:
        query = "SELECT conversation, node, request_id FROM ledger WHERE model LIKE 'demo-%'"
        assert set(database.execute(query)) == {(None, None, "")}
