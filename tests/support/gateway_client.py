"""A plain HTTP client of the demo gateway and of the fake gateway, for their own tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from lib.demo import DemoGateway
from lib.demo.wire import ANTHROPIC, OPENAI

TIMEOUT = 20
each_path = pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])


def request_body(model: str, *texts: Any, **fields: Any) -> dict[str, Any]:
    """Return the body of a request; the texts are questions and answers in turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts or ("Hello",))]
    return {"model": model, "messages": messages, "max_tokens": 100_000, **fields}


def usage_option(path: str) -> dict[str, Any]:
    """Return the field that asks for usage in a stream."""
    return {"stream_options": {"include_usage": True}} if path == OPENAI else {}


def post(gateway: DemoGateway, path: str, body: Any, **options: Any) -> requests.Response:
    return requests.post(gateway.url + path, json=body, timeout=TIMEOUT, allow_redirects=False, **options)


def error_message(gateway: DemoGateway, path: str, body: Any) -> str:
    """Return the message of a response with status 400 in the shape of the wire."""
    response = post(gateway, path, body)
    payload = response.json()
    assert response.status_code == 400, response.text
    assert (payload.get("type") == "error") is (path == ANTHROPIC)
    assert payload["error"]["type"] == "invalid_request_error"
    return str(payload["error"]["message"])


def parse_frames(text: str) -> list[Any]:
    """Return the values of all data lines; `[DONE]` stays a string."""
    data = [line[6:] for line in text.removeprefix("\ufeff").splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in data]


@dataclass(frozen=True)
class StreamedAnswer:
    """The bytes of a streamed answer and the error of its connection."""

    raw: bytes
    failure: type[Exception] | None
    headers: dict[str, str]

    @property
    def frames(self) -> list[Any]:
        """The complete frames."""
        return parse_frames((self.raw.rpartition(b"\n\n")[0] if self.failure else self.raw).decode())

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The frames that are JSON objects."""
        return [frame for frame in self.frames if isinstance(frame, dict)]

    @property
    def kinds(self) -> list[str]:
        """The names of events, or the fields of chunks, without repetition."""
        names = [_kind(frame) for frame in self.frames]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    @property
    def text(self) -> str:
        """The text of the first choice, also of a body that came instead of a stream."""
        if self.raw.startswith(b"{"):
            return text_and_reason(json.loads(self.raw))[0]
        return text_of_frames(self.frames)

    @property
    def thinking(self) -> str:
        """The thinking under any of its names."""
        deltas = [choice.get("delta", {}) for frame in self.objects for choice in frame.get("choices", ())]
        deltas += [frame["delta"] for frame in self.objects if "delta" in frame]
        names = ("reasoning_content", "reasoning", "thinking")
        return "".join(delta.get(name) or "" for delta in deltas for name in names)

    @property
    def finish_reasons(self) -> list[str]:
        """The finish reasons of all choices."""
        reasons = [choice.get("finish_reason") for frame in self.objects for choice in frame.get("choices", ())]
        reasons += [frame["delta"].get("stop_reason") for frame in self.objects if "delta" in frame]
        return [reason for reason in reasons if reason]


def text_of_frames(frames: list[Any]) -> str:
    """Return the text of the first choice in the frames of either wire."""
    text = ""
    for frame in frames:
        if not isinstance(frame, dict):
            continue
        for choice in frame.get("choices", ()):
            if choice["index"] == 0:
                delta = choice.get("delta") or {}
                text += delta.get("content") or delta.get("refusal") or ""
        text += frame.get("delta", {}).get("text", "")
    return text


def _kind(frame: Any) -> str:
    if isinstance(frame, str):
        return frame
    if "choices" not in frame:
        return str(frame.get("type", "error")) + str(frame.get("index", ""))
    if not frame["choices"]:
        return "usage" if frame.get("usage") else "empty"
    choice = frame["choices"][0]
    if choice.get("finish_reason"):
        return "finish"
    return "+".join(choice.get("delta") or {}) or "nothing"


def stream_answer(gateway: DemoGateway, path: str, body: dict[str, Any]) -> StreamedAnswer:
    """Read a streamed answer up to its end or to the failure of its connection."""
    raw, failure = b"", None
    with post(gateway, path, {**body, "stream": True}, stream=True) as response:
        assert response.status_code == 200, response.text
        try:
            for part in response.iter_content(None):
                raw += part
        except requests.RequestException as error:
            failure = type(error)
        return StreamedAnswer(raw, failure, dict(response.headers))


def text_and_reason(payload: Any) -> tuple[str, str | None]:
    """Return the text and the finish reason of a body of either wire."""
    if "choices" in payload:
        choice = payload["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]
    return "".join(block.get("text", "") for block in payload["content"]), payload["stop_reason"]


def whole_answer(gateway: DemoGateway, path: str, body: dict[str, Any]) -> tuple[str, str | None, dict[str, Any]]:
    """Return text, finish reason and payload of an answer that is not streamed."""
    payload = post(gateway, path, body).json()
    return (*text_and_reason(payload), payload)


def answer_text(gateway: DemoGateway, model: str, *texts: Any, **fields: Any) -> str:
    """Return the text of an answer over /v1/chat/completions."""
    return whole_answer(gateway, OPENAI, request_body(model, *texts, **fields))[0]
