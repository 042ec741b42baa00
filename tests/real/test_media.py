"""Speech, transcription and images through a real gateway, which routes them to the fake one."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from lib.core.conversation import FilePart, ImagePart, Message, Part, TextPart
from lib.core.events import TextDelta, UsageReport
from lib.core.file_content import FileContent
from lib.core.params import Params
from lib.core.target import IMAGES, Target
from lib.core.voice import Recording
from lib.demo.audio import recording_seconds, speak
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.real.test_answers import PIXEL
from tests.unit.gateway.recordings import CollectedAnswer, collect

WORDS = "Grüße an alle, 你好"
PROMPT = TextPart("A deer in the fog")


def ask_for_image(gateway: Gateway, *parts: Part, size: str = "") -> CollectedAnswer:
    """Ask for an image, without previews: LiteLLM's proxy cannot stream images and answers with an error."""
    file = FileContent("digest", "image/png", len(PIXEL), lambda: PIXEL)
    params, question = Params(stream=False, size=size), [Message("user", parts)]
    target = Target("gpt-image-1", IMAGES)
    return collect(gateway.stream(target, question, params, CancelToken(), files={file.digest: file}))


def test_speech_arrives_unchanged(gateway: Gateway) -> None:
    items = list(gateway.audio.speak("tts-1", WORDS, "alloy", CancelToken()))
    assert b"".join(item for item in items if isinstance(item, bytes)) == speak(WORDS)
    assert len([item for item in items if isinstance(item, UsageReport)]) == 1


@pytest.mark.parametrize(
    ("language", "text"), [("", "This is a recording of 1 seconds."), ("zh", "这是一段1秒的录音。")]
)
def test_a_recording_is_transcribed(gateway: Gateway, language: str, text: str) -> None:
    data = speak(WORDS)
    recording = Recording(data, "audio/wav", recording_seconds(data))
    items = list(gateway.audio.transcribe("whisper-1", recording, language, CancelToken()))
    assert [item.text for item in items if isinstance(item, TextDelta)] == [text]
    assert [item.usage.input for item in items if isinstance(item, UsageReport)] != [None]


def test_an_image_is_generated(gateway: Gateway) -> None:
    answer = ask_for_image(gateway, PROMPT, size="1536x1024")
    assert answer.error is None
    (part,) = answer.reply.parts()
    assert isinstance(part, ImagePart)
    with Image.open(io.BytesIO(base64.b64decode(part.data))) as image:
        assert image.width > image.height
    assert answer.reply.usage.output


def test_an_image_is_edited(gateway: Gateway) -> None:
    part = FilePart("digest", "pixel.png", "image/png", len(PIXEL), "image")
    answer = ask_for_image(gateway, part, PROMPT)
    assert answer.error is None
    # The fake gateway counts 300 tokens for an image that it has received.
    assert (answer.reply.usage.input or 0) > 300
    assert [type(each) for each in answer.reply.parts()] == [ImagePart]
