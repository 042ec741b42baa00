"""Tabs of the settings: only the open one is rendered, by its name in the address or as it was left."""

from __future__ import annotations

import re
from pathlib import Path
from threading import RLock

from lib import transfer
from lib.chat.turns.temporary_files import TemporaryFiles
from lib.core.conversation import Conversation, FilePart, Message, Node, TextPart
from lib.core.file_storage import StoredFile
from lib.storage.store import Store
from tests.app.chat_app import ChatApp
from tests.app.test_attachments import component
from tests.unit.storage.stored_files import counts

EXPORTS = Path(__file__).parents[1] / "unit/transfer/exports"


def tab_labels(page: ChatApp) -> list[str]:
    return [tab.label for tab in page.at.tabs]


def test_the_first_tab_is_open_without_a_known_name_in_the_address(keyed):
    for query in ({}, {"tab": "unknown"}):
        page = ChatApp(page="settings", **query)
        assert tab_labels(page) == ["General", "Models", "Gateway", "Data", "Shared links"]
        assert "Language" in page.text and "Theme" in page.text
        assert "Export all chats" not in page.text


def test_only_the_tab_of_the_address_is_rendered(keyed):
    texts = {
        "models": "Default model for new chats",
        "gateway": "Antler is connected to",
        "data": "Export all chats",
        "links": "No shared links.",
    }
    for name, text in texts.items():
        page = ChatApp(page="settings", tab=name)
        assert text in page.text
        assert not any(other in page.text for key, other in texts.items() if key != name), name


def test_models_of_the_demo_are_described_in_the_language_of_the_page(environ):
    page = ChatApp("settings", tab="models")
    assert "four seconds of waiting" in page.text
    page.at.session_state["language"] = "zh"
    page.run()
    assert "等待四秒" in page.text and "边画边看的图片" in page.text
    assert "four seconds of waiting" not in page.text


def test_a_tab_stays_open_on_other_pages_and_in_another_language(keyed):
    page = ChatApp(page="settings", tab="data")
    page.open_page("chat")
    del page.at.query_params["tab"]
    page.open_page("settings")
    assert "Export all chats" in page.text
    assert page.at.query_params["tab"] == "data"
    page.at.session_state["language"] = "zh"
    page.run()
    assert tab_labels(page)[:2] == ["通用", "模型"]
    assert "导出全部对话" in page.text


def test_an_archive_is_imported_with_its_files_and_says_what_is_missing(keyed, database_url):
    files = TemporaryFiles(RLock(), "ann")
    notes, lost = StoredFile("text/plain", b"Wombats", "Wombats, in short."), StoredFile("text/plain", b"lost")
    files.put("ann", notes)
    parts = [FilePart(file.digest, "notes.txt", file.media_type, file.size, "text") for file in (notes, lost)]
    question = Node("q", None, Message("user", (*parts, TextPart("And these?"))), 1.0)
    archive = transfer.write_archive(files, "ann", [(Conversation("c", "Animals", 2.0, "q"), [question])])

    page = ChatApp(page="settings", tab="data")
    assert "ZIP archive" in page.text
    page.at.file_uploader[0].set_value(("antler.zip", archive, "application/zip")).run()
    page.click("Import")
    assert "Imported 1 chat with 1 message from Antler." in page.text
    assert "files that are not in the archive, only their names were kept: 1" in page.text
    store = Store(database_url)
    assert counts(store) == {"attachment": 1, "attachment_data": 1, "attachment_use": 1}
    store.close()
    # The chat names its files, also the one without content.
    page.at.query_params["c"] = "c"
    page.open_page("chat")
    assert [described["name"] for described in component(page, "message_files")["files"]] == ["notes.txt"] * 2


def test_a_hostile_file_is_refused_and_the_export_of_another_program_imported_with_a_report(keyed):
    page = ChatApp(page="settings", tab="data")
    page.at.file_uploader[0].set_value(("bad.json", b"[" * 100_000, "application/json")).run()
    page.click("Import")
    assert "This file could not be imported. The file is nested too deeply." in page.text
    export = (EXPORTS / "chatgpt.json").read_bytes()
    page.at.file_uploader[0].set_value(("chatgpt.json", export, "application/json")).run()
    page.click("Import")
    assert re.search("Imported .+ from ChatGPT", page.text)
    assert "Skipped or repaired:" in page.text
    page.click("Archived")
    assert "Boats in the harbour" in page.sidebar


def test_the_voice_that_reads_aloud_is_chosen_and_heard(environ):
    page = ChatApp("settings")
    assert page.field("Voice").value == "alloy"
    page.set_field("Voice", "coral").set_field("Speed", 1.5)
    page = ChatApp("settings").click("Play a sample")
    assert (page.field("Voice").value, page.field("Speed").value) == ("coral", 1.5)
    assert len(page.at.get("audio")) == 1
    assert page.at.get("audio")[0].proto.autoplay


def test_without_a_model_for_speech_there_is_no_voice(keyed):
    assert "Read aloud" not in ChatApp("settings").text
