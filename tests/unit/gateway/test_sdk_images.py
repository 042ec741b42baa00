"""Requests for images beside those of OpenAI's SDK, and their way through the gateway client."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import FilePart, ImagePart, Message, Outcome, TextPart
from lib.core.events import RetryScheduled
from lib.core.file_content import FileContent, FileUnavailable
from lib.core.file_storage import MASK_ROLE
from lib.core.params import Params
from lib.core.reply import Reply
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.images import EDIT_PATH, PATH
from tests.support import sdks
from tests.support.replay import Canned, Replay, Request
from tests.unit.gateway.recordings import KEY, Memory, build_gateway

TARGET = Target("gpt-image-2", "images")
JSON = {"Content-Type": "application/json"}
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\r\n--picture\x00\xff" * 9_000
PHOTO = b"\xff\xd8\xff" + b"photo" * 30
ANSWER = {"created": 1, "data": [{"b64_json": base64.b64encode(PICTURE[:60]).decode()}]}
FILES = {
    "picture": FileContent("picture", "image/png", len(PICTURE), lambda: PICTURE),
    "photo": FileContent("photo", "image/jpeg", len(PHOTO), lambda: PHOTO),
    "mask": FileContent("mask", "image/png", len(PICTURE), lambda: PICTURE, MASK_ROLE),
}


@pytest.fixture
def sdk(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Iterator[sdks.openai.OpenAI]:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for path in (PATH, EDIT_PATH):
        replay.serve(path, Canned(json.dumps(ANSWER).encode(), headers=JSON))
    with sdks.openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0) as client:
        yield client


def send(gateway: Gateway, text: str, *files: str, target: Target = TARGET, **params: Any) -> Reply:
    reply = Reply()
    question = Message("user", (*(FilePart(name, f"{name}.png") for name in files), TextPart(text)))
    for event in gateway.stream(target, [question], Params(**params), CancelToken(), files=FILES):
        if not isinstance(event, RetryScheduled):
            reply.add(event)
    return reply


def parse_form(request: Request) -> list[tuple[str, str, bool, bytes]]:
    """Return name, content type, presence of a file name, and content of each part."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()
    return sorted(
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_content_type() if part.get_filename() else "",
            bool(part.get_filename()),
            part.get_payload(decode=True),
        )
        for part in parts
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"stream": True, "partial_images": 2}),
        ({"n": 3, "size": "1536x1024", "quality": "high"}, {"n": 3, "size": "1536x1024", "quality": "high"}),
        (
            {"background": "opaque", "image_format": "jpeg", "moderation": "low", "user": "u-1", "stream": False},
            {"background": "opaque", "output_format": "jpeg", "moderation": "low", "user": "u-1"},
        ),
    ],
)
def test_a_generation_is_the_request_of_the_sdk(
    sdk: sdks.openai.OpenAI, gateway: Gateway, replay: Replay, params: dict[str, Any], expected: dict[str, Any]
) -> None:
    sdk.images.generate(model=TARGET.model, prompt="A cat. 猫 😀", **expected)
    reply = send(gateway, "A cat. 猫 😀", **params)
    theirs, ours = replay.requests
    assert (ours.path, ours.json) == (theirs.path, theirs.json)
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert [type(part) for part in reply.parts()] == [ImagePart]
    assert reply.outcome() is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("files", "params", "expected"),
    [
        (["picture"], {}, {"stream": True, "partial_images": 2}),
        (["picture", "photo"], {"n": 2, "size": "1024x1024"}, {"n": 2, "size": "1024x1024"}),
    ],
)
def test_an_edit_is_the_form_of_the_sdk(
    sdk: sdks.openai.OpenAI,
    gateway: Gateway,
    replay: Replay,
    files: list[str],
    params: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    sources = [(f"{name}", FILES[name].load(), FILES[name].media_type) for name in files]
    image = sources[0] if len(sources) == 1 else sources
    sdk.images.edit(model=TARGET.model, prompt="Add a hat. 帽子", image=image, **expected)
    assert shown_count(send(gateway, "Add a hat. 帽子", *files, **params)) == 1
    theirs, ours = replay.requests
    assert (ours.path, parse_form(ours)) == (theirs.path, parse_form(theirs))


def test_a_mask_is_a_file_of_its_own(sdk: sdks.openai.OpenAI, gateway: Gateway, replay: Replay) -> None:
    image = ("picture", PICTURE, "image/png")
    streaming: dict[str, Any] = {"stream": True, "partial_images": 2}
    sdk.images.edit(model=TARGET.model, prompt="Add a hat.", image=image, mask=image, **streaming)
    send(gateway, "Add a hat.", "picture", "mask")
    theirs, ours = replay.requests
    assert parse_form(ours) == parse_form(theirs)
    # A mask without an image changes nothing, and is not sent.
    send(gateway, "Add a hat.", "mask")
    assert replay.requests[-1].path == PATH


def shown_count(reply: Reply) -> int:
    return sum(isinstance(part, ImagePart) for part in reply.parts())


def test_names_in_a_form_cannot_break_out_of_it(sdk: sdks.openai.OpenAI, gateway: Gateway, replay: Replay) -> None:
    extra = json.dumps({'a"; filename="x\r\n\r\nb': "c", "watermark": False})
    send(gateway, "Add a hat.", "picture", extra=extra)
    parts = {name: content for name, _, _, content in parse_form(replay.requests[0])}
    assert parts["watermark"] == b"false"
    assert parts["a%22; filename=%22x%0D%0A%0D%0Ab"] == b"c"


def test_a_missing_file_ends_the_request(sdk: sdks.openai.OpenAI, gateway: Gateway) -> None:
    broken = {"picture": FileContent("picture", "image/png", 99, lambda: PICTURE)}
    question = Message("user", (FilePart("picture"), TextPart("Add a hat.")))
    with pytest.raises(FileUnavailable):
        list(gateway.stream(TARGET, [question], Params(), CancelToken(), files=broken))


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_request_that_may_have_been_billed_is_sent_once(replay: Replay, status: int) -> None:
    gateway = build_gateway(replay, retries=2)
    replay.serve(PATH, Canned(b'{"error":{"message":"Upstream failed"}}', status, JSON))
    with pytest.raises(errors.GatewayUnavailable):
        send(gateway, "A cat.")
    gateway.close()
    assert len(replay.requests) == 1


def test_a_rate_limit_is_retried(replay: Replay) -> None:
    gateway = build_gateway(replay, retries=2)
    limited = Canned(b'{"error":{"message":"Slow down"}}', 429, {**JSON, "retry-after-ms": "1"})
    replay.serve(PATH, limited, Canned(json.dumps(ANSWER).encode(), headers=JSON))
    assert shown_count(send(gateway, "A cat.")) == 1
    gateway.close()
    assert len(replay.requests) == 2


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("Unknown parameter: 'stream'.", {"stream", "partial_images"}),
        ("Streaming is not supported for image generation", {"stream", "partial_images"}),
        ("Unknown parameter: 'partial_images'.", {"stream", "partial_images"}),
        ("Unsupported parameter: 'quality' is not supported with this model.", {"quality"}),
    ],
)
def test_a_refused_parameter_is_left_out(gateway: Gateway, replay: Replay, message: str, missing: set[str]) -> None:
    refusal = {"error": {"message": message, "type": "invalid_request_error", "code": "unknown_parameter"}}
    replay.serve(
        PATH, Canned(json.dumps(refusal).encode(), 400, JSON), Canned(json.dumps(ANSWER).encode(), headers=JSON)
    )
    assert shown_count(send(gateway, "A cat.", quality="low")) == 1
    first, second = (request.json for request in replay.requests)
    assert set(first) - set(second) == missing


def test_a_gateway_whose_stream_of_images_fails_gets_no_second_one(replay: Replay) -> None:
    memory = Memory()
    gateway = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=2), refused_params=memory)
    failure = {"error": {"message": "'str' object has no attribute 'model_dump'", "type": "None", "code": "500"}}
    replay.serve(
        PATH, Canned(json.dumps(failure).encode(), 500, JSON), Canned(json.dumps(ANSWER).encode(), headers=JSON)
    )
    with pytest.raises(errors.GatewayUnavailable):
        send(gateway, "A cat.")
    assert len(replay.requests) == 1, "it may have been billed"
    assert memory.fields == [("stream", "")]
    assert shown_count(send(gateway, "A cat.")) == 1
    assert "stream" not in replay.requests[1].json
    gateway.close()
