"""How these tests ask the demo gateway, and read what comes, as plain HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.fake_gateway import FakeGateway

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BOTH = pytest.mark.parametrize("path", [CHAT, MESSAGES])
SAMPLE_START, SAMPLE_END = "You are reading `demo-", "再见 👋\n"


def asking(model: str, *said: Any, **more: Any) -> dict[str, Any]:
    """A request's body; questions and answers by turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said or ("Hello",))]
    return {"model": model, "messages": messages, "max_tokens": 100_000, **more}


def post(server: FakeGateway, path: str, body: Any, **more: Any) -> requests.Response:
    return requests.post(server.url + path, json=body, timeout=20, allow_redirects=False, **more)


def refused(server: FakeGateway, path: str, body: Any) -> str:
    """What a refusal as 400, in the wire's own shape, says."""
    answer = post(server, path, body)
    payload = answer.json()
    assert answer.status_code == 400, answer.text
    assert (payload.get("type") == "error") is (path == MESSAGES)
    assert payload["error"]["type"] == "invalid_request_error"
    return str(payload["error"]["message"])


def frames(text: str) -> list[Any]:
    """What the data lines hold, `[DONE]` left as text."""
    lines = text.removeprefix("\ufeff").splitlines()
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in data]


@dataclass(frozen=True)
class Heard:
    """A streamed answer: its bytes, and how the connection failed, if it did."""

    raw: bytes
    failed: type[Exception] | None
    headers: dict[str, str]

    @property
    def frames(self) -> list[Any]:
        """The frames that came whole."""
        return frames((self.raw.rpartition(b"\n\n")[0] if self.failed else self.raw).decode())

    @property
    def kinds(self) -> list[str]:
        """The names of Anthropic's events, or what chunks hold, each run of them once."""
        return _once([_kind(frame) for frame in self.frames])

    @property
    def text(self) -> str:
        """Of a stream, or of a whole answer that came in its place."""
        if self.raw.startswith(b"{"):
            return said(json.loads(self.raw))[0]
        return words(self.frames)

    @property
    def reasons(self) -> list[str]:
        """The reasons why it ended, by either wire."""
        found = [c.get("finish_reason") for f in _objects(self.frames) for c in f.get("choices", ())]
        found += [f["delta"].get("stop_reason") for f in _objects(self.frames) if "delta" in f]
        return [reason for reason in found if reason]


def words(found: list[Any]) -> str:
    """The first answer's text in the frames of either wire."""
    deltas = [_delta(choice) for frame in _objects(found) for choice in _first(frame)]
    chat = (delta.get("content") or delta.get("refusal") or "" for delta in deltas)
    messages = (f["delta"].get("text", "") for f in _objects(found) if "delta" in f)
    return "".join(chat) + "".join(messages)


def _objects(found: list[Any]) -> list[dict[str, Any]]:
    return [frame for frame in found if isinstance(frame, dict)]


def _first(frame: dict[str, Any]) -> list[dict[str, Any]]:
    return [choice for choice in frame.get("choices", ()) if choice["index"] == 0]


def _delta(choice: dict[str, Any]) -> dict[str, Any]:
    return choice.get("delta") or {}


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
    return "+".join(_delta(choice)) or "nothing"


def _once(names: list[str]) -> list[str]:
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def arriving(server: FakeGateway, path: str, body: dict[str, Any]) -> Heard:
    """A streamed answer, up to its end or to where the connection failed."""
    got, failed = b"", None
    with post(server, path, {**body, "stream": True}, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        try:
            for part in answer.iter_content(None):
                got += part
        except requests.RequestException as error:
            failed = type(error)
        return Heard(got, failed, dict(answer.headers))


def said(payload: Any) -> tuple[str, str | None]:
    """The text and the reason of a whole answer of either wire."""
    if "choices" in payload:
        choice = payload["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]
    return "".join(block.get("text", "") for block in payload["content"]), payload["stop_reason"]


def whole(server: FakeGateway, path: str, body: dict[str, Any]) -> tuple[str, str | None, Any]:
    """The text, the reason and all of an answer that is not streamed."""
    payload = post(server, path, body).json()
    return (*said(payload), payload)


def answered(server: FakeGateway, model: str, *asked: Any, **more: Any) -> str:
    """The text of an answer over chat completions."""
    return whole(server, CHAT, asking(model, *asked, **more))[0]
