"""Dictation in the composer: text for review, errors that keep the recording, and no button without a model."""

from __future__ import annotations

import json

import pytest

from lib.demo.audio import speak
from lib.ui.files import tray_jobs
from lib.ui.session.values import Dictation
from tests.app.chat_app import ChatApp
from tests.app.test_attachments import attach, chips, component, send_trigger
from tests.app.test_page_attachment import wait_for_jobs
from tests.support.replay import JSON, Canned

PATH, TRANSLATION_PATH = "/v1/audio/transcriptions", "/v1/audio/translations"
WAV = ("recording.wav", speak("one two three four five"), "audio/wav")


@pytest.fixture
def voiced(keyed):
    """A gateway that lists a model for chats and one for transcription."""
    keyed.serve("/v1/models", Canned(b'{"data":[{"id":"m-one"},{"id":"whisper-1"}]}', headers=JSON))
    return keyed


def record(page: ChatApp) -> ChatApp:
    page.at.audio_input[0].set_value(WAV)
    return finish(page.run())


def finish(page: ChatApp) -> ChatApp:
    """Wait for the end of a transcription, as the page does."""
    dictation: Dictation = page.at.session_state["dictation"]
    if dictation.job:
        assert dictation.job.wait(60)
        page.run()
    return page


def answer(text: str) -> Canned:
    return Canned(json.dumps({"text": text}).encode(), headers=JSON)


def test_a_recording_becomes_text_in_the_composer(voiced):
    voiced.serve(PATH, answer("Hello there"))
    page = record(ChatApp())
    assert page.composer == "Hello there"
    assert "The text is in the message box" in page.text
    request = voiced.requests[-1]
    assert b'name="language"\r\n\r\nen\r\n' in request.body
    assert WAV[1] in request.body
    assert page.questions == []


def test_the_language_can_be_left_to_the_model(voiced):
    voiced.serve(PATH, answer("Hallo"))
    page = ChatApp().set_field("Language of the recording", "detect")
    assert record(page).composer == "Hallo"
    assert b"language" not in voiced.requests[-1].body


def test_an_error_keeps_the_recording_for_another_attempt(voiced):
    refusal = Canned(b'{"error": {"message": "too noisy", "type": "invalid_request_error"}}', 400, headers=JSON)
    voiced.serve(PATH, refusal, answer("Hello"))
    page = record(ChatApp())
    assert "The gateway refused this: too noisy" in page.text
    assert page.composer == ""
    assert finish(page.click("Try again")).composer == "Hello"


def test_a_recording_is_translated_on_request(voiced):
    voiced.serve(PATH, answer("Hallo"))
    voiced.serve(TRANSLATION_PATH, answer("Hello"))
    page = record(ChatApp())
    assert finish(page.click("Translate to English")).composer == "Hello"


def test_a_recording_can_be_attached(voiced):
    voiced.serve(PATH, answer("Hello"))
    page = record(ChatApp()).click("Attach the recording")
    names = [file.name for files in page.at.session_state["trays"].values() for file in files]
    assert names == ["Recording.wav"]


def test_attached_audio_is_sent_as_its_transcript_to_a_model_without_audio(voiced):
    voiced.serve(PATH, answer("Buy some milk"))
    wait_for_jobs(attach(ChatApp(), ("talk.wav", WAV[1], "audio/wav"))).ask("What is it about?")
    body = next(request for request in voiced.requests if request.path == "/v1/chat/completions").json
    assert "Buy some milk" in json.dumps(body["messages"])
    assert [request.path for request in voiced.requests].count(PATH) == 1


def test_a_slow_transcription_is_shown_in_the_tray_and_cancelled_upstream(voiced, monkeypatch):
    monkeypatch.setattr(tray_jobs, "QUICK_END", 0)
    voiced.serve(PATH, Canned(answer("Buy some milk").body, headers=JSON, silence=9))
    page = attach(ChatApp(), ("talk.wav", WAV[1], "audio/wav"))
    (chip,) = component(page, "tray", "tray-composer")["files"]
    assert (chip["name"], chip["about"]) == ("talk.wav", "transcribing …")
    assert voiced.wait_for_requests(2)  # the list of models, and this
    send_trigger(page, "tray", "removed", [chip["id"]], "tray-composer")
    assert voiced.wait_for_no_connection()
    assert component(page, "tray", "tray-composer")["files"] == []


def test_audio_without_a_transcript_is_attached_all_the_same(voiced):
    voiced.serve(PATH, Canned(b'{"error": {"message": "too noisy"}}', 400, headers=JSON))
    page = wait_for_jobs(attach(ChatApp(), ("talk.wav", WAV[1], "audio/wav")))
    assert "The gateway refused this: too noisy" in page.text
    assert chips(page) == ["talk.wav"]


def test_what_is_no_recording_is_not_sent(voiced):
    page = ChatApp()
    page.at.audio_input[0].set_value(("recording.wav", b"RIFF and nothing", "audio/wav"))
    page.run()
    assert "The recording cannot be read" in page.text
    assert [request.path for request in voiced.requests if "audio" in request.path] == []


def test_there_is_no_button_without_a_model(keyed):
    page = ChatApp()
    assert len(page.at.audio_input) == 0


def test_the_operator_turns_dictation_off(voiced, environ):
    environ.setenv("ANTLER_TRANSCRIPTION_MODEL", "off")
    assert len(ChatApp().at.audio_input) == 0


def test_audio_that_was_sent_as_it_is_is_transcribed_for_a_model_without_audio(voiced):
    models = b'{"data":[{"id":"gpt-4o-audio-preview"},{"id":"m-one"},{"id":"whisper-1"}]}'
    voiced.serve("/v1/models", Canned(models, headers=JSON))
    body = {"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]}
    voiced.serve("/v1/chat/completions", Canned(json.dumps(body).encode(), headers=JSON))
    page = attach(ChatApp(model="gpt-4o-audio-preview", wire="openai"), ("talk.wav", WAV[1], "audio/wav")).ask("Listen")
    assert PATH not in [request.path for request in voiced.requests]
    assert not page.buttons("Transcribe")
    page.choose_model("m-one")
    assert "The selected model takes no audio, and gets only the name of talk.wav." in page.text
    voiced.serve(PATH, answer("Buy some milk"))
    wait_for_jobs(page.click("Transcribe"))
    assert not page.buttons("Transcribe")
    page.ask("What is it about?")
    sent = voiced.last_request("/v1/chat/completions").json
    assert "Buy some milk" in json.dumps(sent["messages"])
    assert [request.path for request in voiced.requests].count(PATH) == 1
