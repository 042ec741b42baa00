"""Routes of speech: passages as they arrive, parts for Safari, errors for the page, and Stop; only by the token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib.chat.voice.requests import VoiceServices
from lib.core import errors
from lib.core.voice import VoiceModels
from lib.core.voice_errors import NothingToRead
from lib.ui.server import speech
from lib.ui.session.speech import SpeechContext, SpeechSource, find_source
from tests.unit.chat.services import FakeUsageStore

TEXTS = {"n1": "The first sentence is this one. " + "And more words follow. " * 20, "code": "```\nx\n```"}
HEAD = b"RIFF\0\0\0\0WAVE"


class ScriptedAudio:
    """Audio routes that speak a text as its own bytes, or refuse it."""

    def __init__(self) -> None:
        self.error: errors.AnswerError | None = None
        self.breaking = False
        self.sent: list[str] = []

    def speak(self, _model: str, text: str, *_: Any) -> Iterator[bytes]:
        self.sent.append(text)
        if self.error:
            raise self.error
        yield HEAD
        if self.breaking:
            raise errors.StreamInterrupted
        yield text.encode()


@pytest.fixture
def audio() -> ScriptedAudio:
    return ScriptedAudio()


@pytest.fixture
def source(audio) -> SpeechSource:
    services = VoiceServices("ann", audio, FakeUsageStore(), VoiceModels("tts-1"))
    return SpeechSource("session-1", SpeechContext(services, "nova", TEXTS.get))


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=speech.routes())) as client:
        yield client


def test_an_answer_is_served_passage_by_passage(client, source, audio):
    base = speech.address(source)
    response = client.get(f"{base}/n1/0")
    assert response.content == HEAD + b"The first sentence is this one."
    assert (response.headers["content-type"], response.headers["cache-control"]) == ("audio/wav", "no-store")
    count = client.get(f"{base}/n1").json()["count"]
    assert count > 2
    assert client.get(f"{base}/n1/{count}").status_code == 404
    passages = [client.get(f"{base}/n1/{index}").content.removeprefix(HEAD).decode() for index in range(count)]
    assert " ".join(passages) == TEXTS["n1"].strip()
    assert audio.sent == passages


def test_a_part_is_served_from_the_whole(client, source):
    base = speech.address(source)
    whole = client.get(f"{base}/n1/0", headers={"Range": "bytes=0-"})
    assert whole.status_code == 200
    part = client.get(f"{base}/n1/0", headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"RI")
    assert part.headers["content-range"] == f"bytes 0-1/{len(whole.content)}"
    assert client.get(f"{base}/n1/0", headers={"Range": "bytes=8-"}).content == whole.content[8:]
    assert client.get(f"{base}/n1/0", headers={"Range": "bytes=900-"}).status_code == 416


def test_an_error_is_kept_for_the_page(client, source, audio):
    audio.error = errors.RateLimited("slow down")
    assert client.get(f"{speech.address(source)}/n1/0").status_code == 502
    assert isinstance(source.reader.take_error(), errors.RateLimited)
    assert client.get(f"{speech.address(source)}/code/0").status_code == 404
    assert isinstance(source.reader.take_error(), NothingToRead)


def test_a_passage_that_breaks_off_is_played_and_then_explained(client, source, audio):
    audio.breaking = True
    base = speech.address(source)
    assert client.get(f"{base}/n1/0").content == HEAD
    assert client.get(f"{base}/n1").json()["hasError"]
    assert isinstance(source.reader.take_error(), errors.StreamInterrupted)
    audio.breaking = False
    assert client.get(f"{base}/n1/0").content == HEAD + b"The first sentence is this one."
    assert not client.get(f"{base}/n1").json()["hasError"]


def test_an_answer_that_the_user_cannot_read_is_not_served(client, source, audio):
    assert client.get(f"{speech.address(source)}/other/0").status_code == 404
    assert audio.sent == []


def test_only_the_token_of_a_session_finds_its_speech(client, source):
    path = speech.address(source)
    assert speech.session_of(f"{path}/n1/0") == "session-1"
    assert speech.session_of("/speech/unknown/n1/0") == ""
    assert client.get("/speech/unknown/n1/0").status_code == 404
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 405
    token = source.token
    assert find_source(token) is source
