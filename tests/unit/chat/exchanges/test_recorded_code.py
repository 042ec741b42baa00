"""Code of requests that the gateway client has sent and recorded: run as pasted, it sends the same bytes once more."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lib.chat.exchanges.curl import curl_command
from lib.chat.exchanges.python_code import requests_code
from lib.chat.exchanges.sdk_code import sdk_code
from lib.config.settings import Settings
from lib.core.conversation import FilePart, Message, TextPart
from lib.core.exchanges import Attempt
from lib.core.file_content import FileContent
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from tests.support.replay import JSON, Canned, Replay, Request
from tests.unit.chat.exchanges.programs import run_bash, run_python
from tests.unit.chat.exchanges.recorded import HOSTILE, KEY, PHOTO, PICTURE
from tests.unit.chat.exchanges.test_code import parse_form

OPENAI_END = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANTHROPIC_END = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
IMAGES = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(PICTURE).decode()}]}).encode()
COMPUTED = {"host", "connection", "content-length"}
SDK_OWN = COMPUTED | {"user-agent", "accept", "accept-encoding"}


@dataclass(frozen=True)
class Recorded:
    """A request as the server got it, and as it was recorded."""

    request: Request
    attempt: Attempt


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with Replay() as replay:
        replay.serve("/v1/chat/completions", Canned(OPENAI_END))
        replay.serve("/v1/messages", Canned(ANTHROPIC_END))
        for path in ("/v1/images/generations", "/v1/images/edits"):
            replay.serve(path, Canned(IMAGES, headers=JSON))
        yield replay


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    return {hashlib.sha256(data).hexdigest(): data for data in (PICTURE, PHOTO)}


@pytest.fixture(scope="module")
def recorded(server: Replay, contents: dict[str, bytes]) -> list[Recorded]:
    files = {
        digest: FileContent(digest, "image/png", len(data), lambda data=data: data) for digest, data in contents.items()
    }
    parts = tuple(FilePart(digest, f"{number}.png", "image/png", 9, "image") for number, digest in enumerate(files))
    text = TextPart(HOSTILE)
    specs: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
        ("tiny", "openai", (text,), {"temperature": 0.3, "stop": ("'", "\n"), "extra": '{"x y": ["$a", null]}'}),
        ("tiny", "openai", (*parts, text), {"system": HOSTILE, "n": 2}),
        ("claude-tiny", "anthropic", (*parts, text), {"system": HOSTILE, "max_tokens": 50}),
        ("gpt-image-2", "images", (text,), {"n": 2, "size": "1024x1024"}),
        ("gpt-image-2", "images", (*parts, text), {"quality": "low"}),
    ]
    gateway, found = Gateway(Settings(base_url=server.url, api_key=KEY, retries=0)), []
    for model, wire, question, params in specs:
        recorder = ExchangeRecorder(10_000_000)
        message = Message("user", question)
        capabilities = Capabilities(image=True)
        target = Target(model, wire)
        list(gateway.stream(target, [message], Params(**params), CancelToken(), "", capabilities, files, recorder))
        exchange = recorder.finish()
        assert exchange is not None
        found.append(Recorded(server.requests[-1], exchange.attempts[0]))
    gateway.close()
    return found


def check(recorded: Recorded, request: Request, own_headers: set[str]) -> None:
    first, is_form = recorded.request, recorded.attempt.is_form
    ignored = own_headers | ({"content-type"} if is_form else set())
    expected = {name: value for name, value in first.headers.items() if name not in ignored}
    assert expected.items() <= request.headers.items()
    assert request.path == first.path
    if is_form:
        assert parse_form(request) == parse_form(first)
    elif own_headers == SDK_OWN:
        assert request.json == first.json
    else:
        assert request.body == first.body


def test_the_key_is_in_no_record(recorded):
    for each in recorded:
        assert KEY not in repr(each.attempt)
        assert KEY in each.request.headers["authorization"]


def test_curl_sends_what_was_recorded(server, recorded, contents):
    script = "\n".join(curl_command(each.attempt, contents) for each in recorded)
    assert not re.search(re.escape(KEY), script)
    for each, request in zip(recorded, run_bash(server, script), strict=True):
        check(each, request, COMPUTED)


@pytest.mark.parametrize(("write", "own_headers"), [(requests_code, COMPUTED), (sdk_code, SDK_OWN)])
def test_python_sends_what_was_recorded(server, recorded, contents, tmp_path, write, own_headers):
    programs = [write(each.attempt, contents) for each in recorded]
    requests = run_python(server, programs, tmp_path)
    for each, request in zip(recorded, requests, strict=True):
        check(each, request, own_headers)
