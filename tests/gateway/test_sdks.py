"""The official SDKs as a second opinion: same bytes, same text; same question, same request."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from lib.core.params import Params
from lib.core.types import Message, Target, Text, Wire
from lib.gateway.client import WIRES, Gateway
from lib.gateway.sockets import Cancel
from tests.gateway.recordings import KEY, PATHS, STREAMS, WHOLE, Recording, ask
from tests.replay import Replay

PATH = [
    Message("user", (Text("What is it? 它是什么？ 😀"),)),
    Message("assistant", (Text("Forty-two."),)),
    Message("user", (Text("Why?"),)),
]
PARAMS = [Params(), Params("Be kind."), Params("", 0.0, 1), Params("Be “kind”.", 0.7, 300)]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sdks(replay: Replay) -> Iterator[tuple[openai.OpenAI, anthropic.Anthropic]]:
    first = openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0)
    second = anthropic.Anthropic(base_url=replay.url, auth_token=KEY, max_retries=0)
    with first, second:
        yield first, second


def openai_text(client: openai.OpenAI) -> tuple[str, str]:
    """The text and the reason of the first choice, as OpenAI's SDK reads the stream."""
    text, reason = "", ""
    for chunk in client.chat.completions.create(model="tiny", messages=[], stream=True):
        for choice in chunk.choices:
            if choice.index == 0:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
    return text, reason


def anthropic_text(client: anthropic.Anthropic) -> tuple[str, str]:
    """The text and the reason of the message that Anthropic's SDK builds from the stream."""
    with client.messages.stream(model="tiny", messages=[], max_tokens=300) as stream:
        for _ in stream:
            pass
        message = stream.current_message_snapshot
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, message.stop_reason or ""


@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
def test_the_sdk_reads_the_text_that_we_read(
    stream: Recording, replay: Replay, asked: Gateway, sdks: tuple[openai.OpenAI, anthropic.Anthropic]
) -> None:
    replay.serve(PATHS[stream.wire], stream.canned(piece=97))
    heard = ask(asked, stream.wire)
    theirs = openai_text(sdks[0]) if stream.wire == "openai" else anthropic_text(sdks[1])
    text, reason = theirs
    if text.startswith("<think>"):
        # The SDKs leave in the text what the server left there; we tell it apart.
        thought, _, text = text.removeprefix("<think>").partition("</think>")
        assert (thought.strip(), text.lstrip()) == (heard.thinking, heard.text)
    else:
        assert (text, heard.text) == (heard.text, stream.text)
    assert reason == (heard.reply.finish.reason if heard.reply.finish else "")


@pytest.mark.parametrize("whole", WHOLE, ids=lambda recording: recording.name)
def test_the_sdk_reads_the_whole_answer_that_we_read(
    whole: Recording, replay: Replay, asked: Gateway, sdks: tuple[openai.OpenAI, anthropic.Anthropic]
) -> None:
    replay.serve(PATHS[whole.wire], whole.canned())
    heard = ask(asked, whole.wire)
    if whole.wire == "openai":
        theirs = sdks[0].chat.completions.create(model="tiny", messages=[]).choices[0].message.content
    else:
        message = sdks[1].messages.create(model="tiny", messages=[], max_tokens=9)
        theirs = "".join(block.text for block in message.content if block.type == "text")
    assert heard.text == theirs != ""


def sdk_asks(wire: Wire, params: Params, sdks: tuple[openai.OpenAI, anthropic.Anthropic]) -> None:
    """The same call as a user of the SDK would write it."""
    said: list[Any] = [{"role": message.role, "content": message.text} for message in PATH]
    asked: dict[str, Any] = {"model": "tiny", "messages": said, "stream": True}
    if params.temperature is not None:
        # Anthropic's newest SDK has no name for it any more; older models still take it.
        extra = {"temperature": params.temperature}
        asked |= extra if wire == "openai" else {"extra_body": extra}
    if params.max_tokens is not None or wire == "anthropic":
        asked["max_tokens"] = params.max_tokens or 8192
    if wire == "openai":
        if params.system:
            asked["messages"] = [{"role": "system", "content": params.system}, *said]
        list(sdks[0].chat.completions.create(**asked, stream_options={"include_usage": True}))
    else:
        if params.system:
            asked["system"] = params.system
        list(sdks[1].messages.create(**asked))


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("wire", WIRES)
def test_the_sdk_sends_the_request_that_we_send(
    wire: Wire,
    params: Params,
    replay: Replay,
    asked: Gateway,
    sdks: tuple[openai.OpenAI, anthropic.Anthropic],
) -> None:
    recorded = next(stream for stream in STREAMS if stream.wire == wire and stream.finish)
    replay.serve(PATHS[wire], recorded.canned())
    list(asked.stream(Target("tiny", wire), PATH, params, Cancel()))
    sdk_asks(wire, params, sdks)
    ours, theirs = replay.requests[-2:]
    assert ours.json == theirs.json
    assert json.loads(ours.body)["stream"] is True
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    for name in ("authorization", "content-type", "x-api-key"):
        assert ours.headers.get(name) == theirs.headers.get(name), name
    assert ours.headers["authorization"] == f"Bearer {KEY}"
    # Ours stays at the version that gateways know; the SDK moves on with its maker.
    assert ours.headers.get("anthropic-version") == ("2023-06-01" if wire == "anthropic" else None)
    assert ("anthropic-version" in theirs.headers) is (wire == "anthropic")
