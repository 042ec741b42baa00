"""Code of recorded requests, run as it is pasted: the server gets the same request."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from lib.chat.exchanges.curl import curl_command
from lib.chat.exchanges.python_code import requests_code
from lib.chat.exchanges.request_parts import restore_body
from lib.chat.exchanges.sdk_code import SDK_CALLS, sdk_code
from lib.core.exchanges import KEY_PLACEHOLDER, Attempt
from tests.support import sdks
from tests.support.replay import JSON, Canned, Replay, Request
from tests.unit.chat.exchanges.programs import run_bash, run_python
from tests.unit.chat.exchanges.recorded import (
    ANTHROPIC_HEADERS,
    BIG,
    CHAT,
    CLAUDE,
    HEADERS,
    IMAGE,
    KEY,
    PHOTO,
    PICTURE,
    attempt_of,
    chat_with_file,
    claude_with_file,
    contents_of,
    edit_form,
)

CONTENTS = contents_of(PICTURE, PHOTO, BIG)
CHAT_PATH, MESSAGES_PATH = "/v1/chat/completions", "/v1/messages"
IMAGE_PATH, EDIT_PATH = "/v1/images/generations", "/v1/images/edits"
ANSWERS = {
    CHAT_PATH: b"data: [DONE]\n\n",
    MESSAGES_PATH: b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


@dataclass(frozen=True)
class Case:
    """A recorded attempt, and the path that its request is for."""

    path: str
    attempt: Attempt


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with Replay() as replay:
        for path, body in ANSWERS.items():
            replay.serve(f"/gate{path}", Canned(body))
        for path in (IMAGE_PATH, EDIT_PATH):
            replay.serve(f"/gate{path}", Canned(b'{"created":1,"data":[]}', headers=JSON))
        yield replay


@pytest.fixture(scope="module")
def cases(server: Replay) -> list[Case]:
    """Attempts of all wires, with hostile texts, parameters, files and forms."""
    chat, chat_file = chat_with_file(PICTURE)
    claude, claude_file = claude_with_file(PHOTO)
    big, big_file = claude_with_file(BIG)
    one, one_files = edit_form(PICTURE)
    many, many_files = edit_form(PICTURE, PHOTO, mask=PICTURE)
    specs: list[tuple[str, dict[str, Any], Sequence[Any], dict[str, str]]] = [
        (CHAT_PATH, CHAT, (), HEADERS),
        (CHAT_PATH, chat, [chat_file], HEADERS),
        (MESSAGES_PATH, CLAUDE, (), ANTHROPIC_HEADERS),
        (MESSAGES_PATH, claude, [claude_file], ANTHROPIC_HEADERS),
        (MESSAGES_PATH, big, [big_file], ANTHROPIC_HEADERS),
        (IMAGE_PATH, IMAGE, (), HEADERS),
        (EDIT_PATH, one, one_files, HEADERS),
        (EDIT_PATH, many, many_files, HEADERS),
    ]
    return [
        Case(
            path,
            attempt_of(f"{server.url}/gate{path}", body, *files, headers=headers, is_form=path == EDIT_PATH),
        )
        for path, body, files, headers in specs
    ]


def relevant_headers(headers: dict[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() in names}


def expected_headers(case: Case, *, is_sdk: bool = False) -> dict[str, str]:
    computed = {"host", "connection", "content-length"} | ({"content-type"} if case.attempt.is_form else set())
    computed |= {"user-agent", "accept", "accept-encoding"} if is_sdk else set()
    return {
        name.lower(): value.replace(KEY_PLACEHOLDER, KEY)
        for name, value in case.attempt.headers.items()
        if name.lower() not in computed
    }


def parse_form(request: Request) -> list[tuple[str, str, str, bytes]]:
    """Return name, file name, type and content of each part, in any order."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()
    return sorted(
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename() or "",
            part.get_content_type() if part.get_filename() else "",
            part.get_payload(decode=True),
        )
        for part in parts
    )


def expected_form(attempt: Attempt) -> list[tuple[str, str, str, bytes]]:
    files = {file.mark: file for file in attempt.files}
    parts = []
    for name, value in json.loads(attempt.body).items():
        marks = value if isinstance(value, list) else [value]
        if marks[0] not in files:
            text = value if isinstance(value, str) else json.dumps(value)
            parts.append((name, "", "", text.encode()))
            continue
        for number, mark in enumerate(marks, 1):
            file, is_list = files[mark], isinstance(value, list)
            extension = file.media_type.removeprefix("image/")
            file_name = f"{name}{number if is_list else ''}.{extension}"
            parts.append((f"{name}[]" if is_list else name, file_name, file.media_type, CONTENTS[file.digest]))
    return sorted(parts)


def check(case: Case, request: Request, *, is_sdk: bool = False) -> None:
    assert (request.method, request.path) == ("POST", f"/gate{case.path}")
    expected = expected_headers(case, is_sdk=is_sdk)
    assert relevant_headers(request.headers, frozenset(expected)) == expected
    if case.attempt.is_form:
        assert parse_form(request) == expected_form(case.attempt)
    elif is_sdk:
        assert request.json == json.loads(restore_body(case.attempt, CONTENTS))
    else:
        assert request.body == restore_body(case.attempt, CONTENTS).encode()


def test_pasted_curl_commands_send_the_same_bytes(server, cases):
    script = "\n".join(curl_command(case.attempt, CONTENTS) for case in cases)
    for case, request in zip(cases, run_bash(server, script), strict=True):
        check(case, request)


def test_pasted_requests_code_sends_the_same_bytes(server, cases, tmp_path):
    programs = [requests_code(case.attempt, CONTENTS) for case in cases]
    for case, request in zip(cases, run_python(server, programs, tmp_path), strict=True):
        check(case, request)


@pytest.mark.slow
def test_pasted_sdk_code_sends_the_same_json(server, cases, tmp_path):
    programs = [sdk_code(case.attempt, CONTENTS) for case in cases]
    for case, request in zip(cases, run_python(server, programs, tmp_path), strict=True):
        check(case, request, is_sdk=True)


def test_code_without_the_files_says_what_stands_in_their_place():
    body, file = claude_with_file(PHOTO)
    attempt = attempt_of("http://a/v1/messages", body, file, headers=ANTHROPIC_HEADERS)
    for write in (curl_command, requests_code, sdk_code):
        assert f"<base64 of {len(PHOTO)} bytes, image/png>" in write(attempt, {})
    fields, files = edit_form(PICTURE)
    form = attempt_of("http://a/v1/images/edits", fields, *files, is_form=True)
    assert "-F 'image=@''image.png'" in curl_command(form, {})
    assert 'open("image.png", "rb")' in requests_code(form, {})


def test_a_body_that_is_no_usual_json_is_sent_as_it_is():
    for body in ('{"a":1}', "no json", '{"a": 1, "a": 2}', "[" * 200 + "]" * 200):
        attempt = Attempt(0.0, "POST", "http://a/v1/messages", {}, body)
        assert "data=body.encode()" in requests_code(attempt, {})
        assert f"--data-raw '{body}'" in curl_command(attempt, {})
        assert sdk_code(attempt, {}) == ""


def test_a_request_without_a_body_has_none():
    attempt = Attempt(0.0, "GET", "http://a/v1/models?limit=[1]", {"Authorization": "Bearer $API_KEY", "X-Empty": ""})
    assert curl_command(attempt, {}) == (
        "curl -N -g 'http://a/v1/models?limit=[1]' \\\n  -H \"Authorization: Bearer $API_KEY\" \\\n  -H 'X-Empty;'"
    )
    assert "data=" not in requests_code(attempt, {})
    assert sdk_code(attempt, {}) == ""


def test_headers_cannot_add_lines():
    headers = {"X-A": "1\r\nX-B: 2", "Bad name": "1", "X:\n": "2"}
    code = curl_command(Attempt(0.0, "GET", "http://a/", headers), {})
    assert code.splitlines()[1:] == ["  -H 'X-A: 1  X-B: 2'"]


@pytest.mark.parametrize("url", ["-o/tmp/x", "file:///etc/passwd", "a'b", ""])
def test_there_is_no_code_for_an_address_that_is_none_of_the_web(url):
    attempt = attempt_of(f"{url}/v1/messages", CLAUDE)
    assert [write(attempt, {}) for write in (curl_command, requests_code, sdk_code)] == ["", "", ""]


def test_parameters_of_the_sdks_exist():
    for call, method in (
        (SDK_CALLS[0], sdks.openai.resources.chat.Completions.create),
        (SDK_CALLS[1], sdks.anthropic.resources.Messages.create),
        (SDK_CALLS[2], sdks.openai.resources.Images.generate),
        (SDK_CALLS[3], sdks.openai.resources.Images.edit),
    ):
        assert call.params <= inspect.signature(method).parameters.keys()
