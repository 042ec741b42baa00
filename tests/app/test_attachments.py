"""Attached files: read into the tray, refused with one sentence, sent, edited, queued, and for their user alone."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.WidgetStates_pb2 import WidgetState

from lib.chat.turns import turn
from lib.core.conversation import FilePart
from lib.ui.session import resources
from tests.app.chat_app import ChatApp

FILES = Path(__file__).parents[1] / "data/files"
NOTE = ("notes.txt", b"Buy milk", "text/plain")


def file(name: str) -> tuple[str, bytes, str]:
    return name, (FILES / name).read_bytes(), ""


def component(app: ChatApp, name: str, key: str = "") -> dict[str, Any]:
    """Return what the page tells the browser's part of a component."""
    found = [item.proto for item in app.at.get("bidi_component") if item.proto.component_name == f"antler.{name}"]
    return dict(json.loads(next(proto.json for proto in found if key in proto.id)))


def attach(app: ChatApp, *files: tuple[str, bytes, str], place: int = -1) -> ChatApp:
    """Upload files by the last uploader of the page, which is that of the message input, or by another one."""
    app.at.file_uploader[place].set_value(list(files))
    return app.run()


def chips(app: ChatApp, key: str = "tray-composer") -> list[str]:
    return [chip["name"] for chip in component(app, "tray", key)["files"] if not chip["error"]]


def errors(app: ChatApp) -> list[str]:
    return [chip["error"] for chip in component(app, "tray", "tray-composer")["files"] if chip["error"]]


def sent_files(app: ChatApp, question: int = -1) -> list[FilePart]:
    """Return the files of a question of the shown path."""
    questions = [node for node in app.at.session_state["view"].nodes if node.message.role == "user"]
    return list(questions[question].message.files)


def send_trigger(app: ChatApp, name: str, event: str, value: object, key: str = "") -> ChatApp:
    """Run the script with an event that the browser's part of a component sends."""
    found = [item.proto for item in app.at.get("bidi_component") if item.proto.component_name == f"antler.{name}"]
    base = next(proto.id for proto in found if key in proto.id)
    states = app.at._tree.get_widget_states()
    payload = json.dumps([{"event": event, "value": value}])
    states.widgets.append(WidgetState(id=_make_trigger_id(base, "events"), json_trigger_value=payload))
    app.at._run(states)
    assert not app.at.exception
    return app


@pytest.fixture
def app(environ) -> ChatApp:
    return ChatApp(model="demo-echo")


def test_files_are_read_into_the_tray_and_sent_with_the_question(app):
    attach(app, file("photo.jpg"), file("doc.pdf"), NOTE)
    assert chips(app) == ["photo.jpg", "doc.pdf", "notes.txt"]
    attach(app, NOTE, ("other.txt", b"More", "text/plain"))
    assert chips(app) == ["photo.jpg", "doc.pdf", "notes.txt", "other.txt"]
    app.ask("What is this?")
    assert [part.name for part in sent_files(app)] == ["photo.jpg", "doc.pdf", "notes.txt", "other.txt"]
    assert chips(app) == []
    shown = component(app, "message_files")["files"]
    assert [part["name"] for part in shown] == ["photo.jpg", "doc.pdf", "notes.txt", "other.txt"]
    assert shown[0]["picture"].startswith("data:image/webp;base64,")
    app.ask("And now?")
    assert sent_files(app) == []
    assert "other.txt" not in app.questions[-1]


def test_a_refused_file_is_one_sentence_and_the_others_and_the_draft_stay(app):
    attach(app, NOTE, file("encrypted.pdf"), ("tool.exe", b"MZ" + bytes(200), ""), ("empty.txt", b"", "text/plain"))
    assert chips(app) == ["notes.txt"]
    assert [error.split(" ")[0] for error in errors(app)] == ["encrypted.pdf", "tool.exe", "empty.txt"]
    assert "protected with a password" in errors(app)[0]
    app.ask("Read it")
    assert [part.name for part in sent_files(app)] == ["notes.txt"]
    assert errors(app) == []


def test_files_are_limited_in_number_and_size(app, environ):
    environ.setenv("ANTLER_MAX_FILES", "2")
    resources.settings.clear()
    app = attach(ChatApp(model="demo-echo"), *[(f"{number}.txt", b"Text %d" % number, "") for number in range(4)])
    assert chips(app) == ["0.txt", "1.txt"]
    (error,) = errors(app)
    assert "up to 2 files" in error and "2.txt" in error
    send_trigger(app, "tray", "refused", [["film.mov", 30_000_000]], "tray-composer")
    assert "film.mov is too large: 30.0 MB. The limit is 20.0 MB." in errors(app)[-1]
    assert chips(app) == ["0.txt", "1.txt"]


def test_files_are_removed_and_pages_of_a_pdf_chosen(app):
    attach(app, file("three.pdf"), NOTE)
    pdf, note = component(app, "tray", "tray-composer")["files"]
    send_trigger(app, "tray", "removed", [note["id"]], "tray-composer")
    assert chips(app) == ["three.pdf"]
    send_trigger(app, "tray", "pages", [pdf["id"], "2-3"], "tray-composer")
    send_trigger(app, "tray", "pages", [pdf["id"], "7"], "tray-composer")
    (chip,) = component(app, "tray", "tray-composer")["files"]
    assert "pages 2-3 of 3" in chip["about"] and "“7” is not a valid selection" in chip["error"]
    # The other pages are still there.
    send_trigger(app, "tray", "pages", [pdf["id"], "1"], "tray-composer")
    app.ask("Read it")
    assert [part.selection for part in sent_files(app)] == ["1"]


def test_pages_of_a_too_long_pdf_are_chosen_after_a_reload_too_and_the_whole_is_never_sent(app, monkeypatch):
    reader = resources.attachment_reader()
    monkeypatch.setattr(reader, "_limits", replace(reader.limits, max_pages=2))
    attach(app, file("three.pdf"))
    (chip,) = component(app, "tray", "tray-composer")["files"]
    assert "reference" not in chip and "Pages: 3." in chip["error"] and chip["choosePages"]
    # After a reload, in a new session.
    again = ChatApp(model="demo-echo")
    send_trigger(again, "tray", "restored", ["new", [chip["kept"]]], "tray-composer")
    (restored,) = component(again, "tray", "tray-composer")["files"]
    assert (restored["error"], restored["kept"]) == (chip["error"], chip["kept"])
    question = {"key": "3" * 32, "slot": "new", "text": "Read", "files": [chip["kept"]]}
    send_trigger(again, "drafts", "questions", [question])
    assert again.questions == []
    send_trigger(again, "tray", "pages", [restored["id"], "2"], "tray-composer")
    again.ask("Read it")
    assert [(part.name, part.selection) for part in sent_files(again)] == [("three.pdf", "2")]


def test_files_alone_are_a_question_and_nothing_is_none(app):
    attach(app, NOTE)
    reference = component(app, "tray", "tray-composer")["files"][0]["reference"]
    question = {"key": "0" * 32, "slot": "new", "text": "", "files": [reference]}
    send_trigger(app, "drafts", "questions", [question])
    assert [part.name for part in sent_files(app)] == ["notes.txt"]
    send_trigger(app, "drafts", "questions", [{**question, "key": "1" * 32, "slot": app.conversation, "files": []}])
    assert "There is nothing to send" in app.text


def test_a_new_session_restores_the_tray_of_its_user_only(app):
    attach(app, file("photo.jpg"), NOTE)
    kept = [chip["reference"] for chip in component(app, "tray", "tray-composer")["files"]]
    unknown = {"digest": "0" * 64, "name": "gone.txt"}
    again = ChatApp(model="demo-echo")
    assert not component(again, "tray", "tray-composer")["isKnown"]
    send_trigger(again, "tray", "restored", ["new", [*kept, unknown, {"digest": "x"}, None]], "tray-composer")
    assert chips(again) == ["photo.jpg", "notes.txt"]
    # Another user knows the digests, but has no such files.
    other = ChatApp(browser="4567", model="demo-echo")
    send_trigger(other, "tray", "restored", ["new", kept], "tray-composer")
    assert chips(other) == []
    send_trigger(other, "drafts", "questions", [{"key": "2" * 32, "slot": "new", "text": "Read", "files": kept}])
    assert "no longer stored" in other.text
    assert other.questions == []


def test_an_edited_question_keeps_loses_and_gets_files(app):
    attach(app, file("photo.jpg"), NOTE).ask("First")
    app.click("Edit")
    key = "tray-edit-"
    assert chips(app, key) == ["photo.jpg", "notes.txt"]
    photo = component(app, "tray", key)["files"][0]
    send_trigger(app, "tray", "removed", [photo["id"]], key)
    attach(app, file("doc.pdf"), place=0)
    assert chips(app, key) == ["notes.txt", "doc.pdf"]
    assert chips(app) == []
    app.click("Send")
    assert [part.name for part in sent_files(app)] == ["notes.txt", "doc.pdf"]
    assert app.questions[-1].endswith("First")


def test_an_opened_file_is_shown_from_the_files_of_the_user_only(app):
    attach(app, ("notes.txt", b"Buy milk", "text/plain")).ask("First")
    send_trigger(app, "message_files", "opened", 0)
    assert "Buy milk" in app.text
    part = sent_files(app)[0]
    other = ChatApp(browser="4567", model="demo-echo")
    other.at.session_state["opened_file"] = ("x", part)
    other.run()
    assert "Buy milk" not in other.text and "no longer stored" in other.text


def test_a_temporary_chat_keeps_its_files_in_memory(app):
    attach(app, NOTE).click("Temporary chat")
    assert chips(app) == ["notes.txt"]
    attach(app, ("secret.txt", b"Not stored", "text/plain")).ask("First")
    assert [part.name for part in sent_files(app)] == ["notes.txt", "secret.txt"]
    digest = sent_files(app)[1].digest
    assert resources.store().attachments.get("browser:0123", digest) is None
    send_trigger(app, "message_files", "opened", 1)
    assert "Not stored" in app.text


def test_nothing_is_offered_where_files_are_not_allowed(app, environ):
    environ.setenv("ANTLER_FILES", "false")
    resources.settings.clear()
    app = ChatApp(model="demo-echo")
    assert not app.at.file_uploader and not app.buttons("Attach files")
    assert not [item for item in app.at.get("bidi_component") if item.proto.component_name == "antler.tray"]


def test_a_batch_that_the_browser_sends_again_is_read_once(app):
    uploader = app.at.file_uploader[-1].set_value([NOTE])
    state = uploader._widget_state
    app.run()
    (chip,) = component(app, "tray", "tray-composer")["files"]
    send_trigger(app, "tray", "removed", [chip["id"]], "tray-composer")
    states = app.at._tree.get_widget_states()
    states.widgets.append(state)
    app.at._run(states)
    assert not app.at.exception
    assert chips(app) == []


def test_a_message_whose_id_has_two_underscores_shows_and_edits_its_files(app, monkeypatch):
    numbers = itertools.count()
    monkeypatch.setattr(turn, "new_id", lambda: f"a__{next(numbers)}_-")
    attach(app, NOTE).ask("First")
    (described,) = component(app, "message_files")["files"]
    assert described["name"] == "notes.txt"
    app.click("Edit")
    assert chips(app, "tray-edit-") == ["notes.txt"]


def test_the_form_of_each_file_follows_the_selected_model_before_sending(app):
    app.choose_model("demo-tour")
    attach(app, file("photo.jpg"), file("doc.pdf"), NOTE)
    forms = [chip["form"] for chip in component(app, "tray", "tray-composer")["files"]]
    assert [form.split(" · ")[0] for form in forms] == ["Sent as it is", "Sent as it is", "Sent as text"]
    assert all("tokens" in form for form in forms)
    assert component(app, "tray", "tray-composer")["notices"] == []
    app.choose_model("demo-short-memory")
    data = component(app, "tray", "tray-composer")
    assert [chip["form"].split(" · ")[0] for chip in data["files"]] == [
        "Cannot be sent",
        "Sent as text",
        "Sent as text",
    ]
    assert "photo.jpg: Cannot be sent. demo-short-memory does not take images." in data["notices"]
    # It is refused before anything is sent, and nothing is lost.
    app.ask("What is this?")
    assert app.questions == [] and app.composer == "What is this?"
    assert chips(app) == ["photo.jpg", "doc.pdf", "notes.txt"]


def test_losses_of_earlier_files_are_shown_before_the_first_question_to_another_model(app):
    attach(app, file("photo.jpg")).ask("First")
    assert component(app, "tray", "tray-composer")["notices"] == []
    app.choose_model("demo-short-memory")
    (notice,) = component(app, "tray", "tray-composer")["notices"]
    assert notice == "photo.jpg: Only the name is sent. demo-short-memory does not take images."
    app.ask("Second")
    assert component(app, "tray", "tray-composer")["notices"] == []
