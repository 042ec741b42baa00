"""Comparison of requests with files with those of the official SDKs, over both wires."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from lib.core.conversation import FileKind, FilePart, Message, TextPart
from lib.core.file_content import FileContent, FileUnavailable
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import anthropic_validators, openai_validators
from tests.support import sdks
from tests.support.replay import Canned, Replay
from tests.unit.gateway.recordings import KEY, PATHS, STREAMS, build_gateway

PNG, GIF = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300, b"GIF89a" + bytes(50)
PDF, WAV, MP3 = b"%PDF-1.7\n" + bytes(100_001), b"RIFF\0\0\0\0WAVE" + bytes(9), b"ID3" + bytes(10)
VALIDATORS = {"openai": openai_validators.validate, "anthropic": anthropic_validators.validate}


def file(kind: FileKind, name: str, media_type: str, data: bytes) -> tuple[FilePart, FileContent]:
    part = FilePart(f"digest of {name}", name, media_type, len(data), kind)
    return part, FileContent(part.digest, media_type, len(data), lambda: data)


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image_url(media_type: str, data: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{encode(data)}"}}


def block(kind: str, media_type: str, data: bytes, **fields: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": encode(data)}, **fields}


PHOTO, DRAWING = file("image", "photo.png", "image/png", PNG), file("image", "drawing.gif", "image/gif", GIF)
PDF_URL = f"data:application/pdf;base64,{encode(PDF)}"
REPORT = file("pdf", "报告 “1”.pdf", "application/pdf", PDF)
VOICE, SONG = file("audio", "voice.wav", "audio/wav", WAV), file("audio", "song.mp3", "audio/mpeg", MP3)

# Files of a question, and the parts that the SDK of each wire is called with; None where the wire has no such part.
CASES: dict[str, tuple[list[tuple[FilePart, FileContent]], list[Any], list[Any] | None]] = {
    "image": ([PHOTO], [image_url("image/png", PNG)], [block("image", "image/png", PNG)]),
    "images": (
        [DRAWING, PHOTO],
        [image_url("image/gif", GIF), image_url("image/png", PNG)],
        [block("image", "image/gif", GIF), block("image", "image/png", PNG)],
    ),
    "pdf": (
        [REPORT],
        [
            {
                "type": "file",
                "file": {"filename": "报告 “1”.pdf", "file_data": PDF_URL},
            }
        ],
        [block("document", "application/pdf", PDF, title="报告 “1”.pdf")],
    ),
    "wav": ([VOICE], [{"type": "input_audio", "input_audio": {"data": encode(WAV), "format": "wav"}}], None),
    "mp3": ([SONG], [{"type": "input_audio", "input_audio": {"data": encode(MP3), "format": "mp3"}}], None),
}


@pytest.fixture
def sdk_clients(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Wire, Any]]:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    first = sdks.openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0)
    second = sdks.anthropic.Anthropic(base_url=replay.url, auth_token=KEY, max_retries=0)
    with first, second:
        yield {"openai": first, "anthropic": second}


def serve(replay: Replay, wire: Wire) -> None:
    replay.serve(PATHS[wire], next(stream for stream in STREAMS if stream.wire == wire and stream.finish).canned())


def capture(replay: Replay, gateway: Gateway, wire: Wire, messages: list[Message], files: list[FileContent]) -> Any:
    """Return the body that our client sends."""
    serve(replay, wire)
    contents = {content.digest: content for content in files}
    list(gateway.stream(Target("tiny", wire), messages, Params(), CancelToken(), files=contents))
    return replay.requests[-1].json


def capture_sdk(replay: Replay, sdk: Any, wire: Wire, messages: list[Any]) -> Any:
    """Return the body that the SDK sends."""
    if wire == "openai":
        options = {"stream": True, "stream_options": {"include_usage": True}}
        list(sdk.chat.completions.create(model="tiny", messages=messages, **options))
    else:
        list(sdk.messages.create(model="tiny", messages=messages, max_tokens=8192, stream=True))
    return replay.requests[-1].json


@pytest.mark.slow
@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("case", CASES)
def test_sdk_sends_the_same_files(
    wire: Wire, case: str, replay: Replay, gateway: Gateway, sdk_clients: dict[Wire, Any]
) -> None:
    files, *parts = CASES[case]
    expected = parts[0 if wire == "openai" else 1]
    if expected is None:
        return  # the plan refuses the file, tests/unit/chat/attachments/test_plan.py
    question = Message("user", (*(part for part, _ in files), TextPart("What is it?")))
    ours = capture(replay, gateway, wire, [question], [content for _, content in files])
    text = {"type": "text", "text": "What is it?"}
    assert ours == capture_sdk(replay, sdk_clients[wire], wire, [{"role": "user", "content": [*expected, text]}])
    VALIDATORS[wire](ours)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_earlier_files_are_sent_again_and_a_question_can_be_files_alone(
    wire: Wire, replay: Replay, gateway: Gateway, sdk_clients: dict[Wire, Any]
) -> None:
    path = [
        Message("user", (PHOTO[0],)),
        Message("assistant", (TextPart("A quokka."),)),
        Message("user", (TextPart("And now?"),)),
    ]
    ours = capture(replay, gateway, wire, path, [PHOTO[1]])
    native = image_url("image/png", PNG) if wire == "openai" else block("image", "image/png", PNG)
    messages = [
        {"role": "user", "content": [native]},
        {"role": "assistant", "content": "A quokka."},
        {"role": "user", "content": "And now?"},
    ]
    assert ours == capture_sdk(replay, sdk_clients[wire], wire, messages)
    VALIDATORS[wire](ours)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_texts_between_files_keep_their_place(wire: Wire, replay: Replay, gateway: Gateway) -> None:
    merged = [
        Message("user", (PHOTO[0], TextPart("First"))),
        Message("user", (TextPart(" \n"), DRAWING[0], TextPart("Second"))),
    ]
    ours = capture(replay, gateway, wire, merged, [PHOTO[1], DRAWING[1]])
    (message,) = ours["messages"]
    kind = "image_url" if wire == "openai" else "image"
    assert [part["type"] for part in message["content"]] == [kind, "text", kind, "text"]
    assert [part.get("text", "").strip() for part in message["content"]] == ["", "First", "", "Second"]
    VALIDATORS[wire](ours)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_files_without_content_are_left_out(wire: Wire, replay: Replay, gateway: Gateway) -> None:
    ours = capture(replay, gateway, wire, [Message("user", (PHOTO[0], TextPart("Why?")))], [])
    assert ours["messages"] == [{"role": "user", "content": "Why?"}]


def test_a_file_that_cannot_be_read_ends_the_request_before_it_is_complete(replay: Replay, gateway: Gateway) -> None:
    def fail() -> bytes:
        raise FileUnavailable

    lost = FileContent(PHOTO[0].digest, "image/png", 9, fail)
    with pytest.raises(FileUnavailable) as raised:
        capture(replay, gateway, "openai", [Message("user", (PHOTO[0],))], [lost])
    assert raised.value.to_failure().retryable
    assert replay.requests == []
    # The connection is not used again.
    assert capture(replay, gateway, "openai", [Message("user", (TextPart("Why?"),))], [])["messages"]


def test_a_retry_reads_the_files_again(replay: Replay) -> None:
    reads: list[int] = []

    def load() -> bytes:
        reads.append(1)
        return PNG

    client = build_gateway(replay, retries=1)
    stream = next(stream for stream in STREAMS if stream.wire == "openai" and stream.finish).canned()
    replay.serve(PATHS["openai"], Canned(b"{}", status=503, headers={"Retry-After": "0"}), stream)
    content = FileContent(PHOTO[0].digest, "image/png", len(PNG), load)
    question, files = [Message("user", (PHOTO[0],))], {content.digest: content}
    list(client.stream(Target("tiny", "openai"), question, Params(), CancelToken(), files=files))
    client.close()
    assert len(reads) == 2
    assert replay.requests[0].json == replay.requests[1].json
