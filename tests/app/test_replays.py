"""Replays: an imported bug report, a recording that a link names, and the tour of the demo."""

from __future__ import annotations

from functools import partial

import pytest

from lib import demo, transfer
from lib.chat.turns import replays
from lib.gateway.replay import replay_events
from lib.gateway.transport.cancel import CancelToken
from lib.storage.store import Store
from tests.app.chat_app import ChatApp
from tests.support.exchanges import build_attempt, build_exchange
from tests.unit.gateway.recordings import RECORDINGS, collect

RECORDING = RECORDINGS["openai-text.sse"]


def report(question: str = "What is it?") -> bytes:
    request = {"model": "tiny", "messages": [{"role": "user", "content": question}]}
    # At once: its text is complete before the page follows it.
    attempt = build_attempt("openai", RECORDING.body, size=len(RECORDING.body), request=request, ended=None)
    return transfer.write_exchange(build_exchange("openai", [attempt]), {"antler": "0.3.0"})


def open_import(data: bytes) -> ChatApp:
    page = ChatApp(page="settings", tab="data")
    page.at.file_uploader[0].set_value(("report.zip", data, "application/zip")).run()
    return page.click("Import")


@pytest.fixture
def recordings(environ, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "tides.zip").write_bytes(report("What are tides?"))
    (folder / "broken.zip").write_bytes(b"PK")
    (tmp_path / "secret.zip").write_bytes(report("A secret"))
    environ.setenv("ANTLER_RECORDINGS", str(folder))
    return folder


def test_a_bug_report_opens_as_a_conversation_that_costs_nothing(keyed, database_url):
    page = open_import(report())
    assert page.questions and "What is it?" in page.questions[0]
    assert RECORDING.text.splitlines()[0][:20] in page.answers[-1]
    assert "Replay" in page.text and "nothing was charged" in page.text
    assert keyed.requests_for("/v1/chat/completions") == []
    assert "What is it?" in page.sidebar
    store = Store(database_url)
    assert store.usage.totals_by_user(0, 4e9) == {}
    store.close()
    # The inspector has what was imported, and plays it once more. AppTest stays on the page of the import.
    page = ChatApp(c=page.conversation).click("Inspect answer 1")
    assert "The chat is in it." in page.text
    first = page.conversation
    page.click("Play again")
    assert page.conversation != first and page.answers
    assert "Replay, not sent" in ChatApp(page="inspector").text
    # The same answer after a reload.
    again = ChatApp(c=page.conversation)
    assert again.answers == page.answers


def test_the_inspector_plays_a_bug_report_too(keyed):
    page = ChatApp(page="inspector")
    page.at.session_state["inspector-import"] = True
    page.run()
    page.at.file_uploader[0].set_value(("report.zip", report("From the inspector?"), "application/zip")).run()
    page.click("Play as a chat")
    assert "From the inspector?" in page.questions[0] and page.answers


def test_a_file_that_is_no_bug_report_is_refused_in_one_sentence(keyed):
    page = open_import(report()[:-30])
    assert "This file could not be imported." in page.text
    assert page.at.query_params["tab"] == "data"


def test_a_link_plays_a_recording_in_a_temporary_chat_once(keyed, recordings):
    page = ChatApp(replay="tides")
    assert "What are tides?" in page.questions[0] and page.answers
    assert "Temporary chat" in page.text and "replay" not in page.at.query_params
    assert "What are tides?" not in page.sidebar
    page.run()
    assert len(page.questions) == 1


@pytest.mark.parametrize("name", ["unknown", "../secret", "broken", "TIDES", "tides.zip"])
def test_a_link_to_no_recording_says_so(keyed, recordings, name):
    page = ChatApp(replay=name)
    assert page.questions == []
    assert "There is no recording named" in page.text or "could not be imported" in page.text


@pytest.mark.parametrize(
    ("language", "button", "text"), [("en", "Play the tour", "Welcome"), ("zh", "播放导览", "欢迎")]
)
def test_the_demo_offers_its_tour(environ, language, button, text):
    environ.setattr(replays, "replay", partial(replays.replay, speed=1e6))
    page = ChatApp()
    page.at.session_state["language"] = language
    page.run().click(button)
    assert text in page.answers[-1]
    assert page.at.query_params == {}


@pytest.mark.parametrize("path", sorted(demo.RECORDINGS.glob("*.zip")), ids=lambda path: path.stem)
def test_recordings_of_the_demo_can_be_played(path):
    answer = collect(replay_events(transfer.find_recording(path.stem, [path.parent]).exchange, CancelToken(), 1e6))
    assert answer.error is None and answer.text
    assert path.stat().st_size < 20_000
