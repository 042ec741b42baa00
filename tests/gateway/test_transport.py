"""The way to the gateway and back: silence, broken connections, compressed bodies, many at once."""

import threading

import pytest

from lib.core import errors
from lib.core.config import Settings, Timeouts
from lib.core.params import Params
from lib.core.types import Message, Target, Text
from lib.gateway.client import WIRES, Gateway
from lib.gateway.sockets import Cancel
from tests.gateway.recordings import KEY, PATHS, RECORDINGS, Heard, ask, error_of, gateway
from tests.replay import FRAMINGS, JSON, Canned, Framing, Replay

each_framing = pytest.mark.parametrize("framing", FRAMINGS)
STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]
FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}\n\n'


@pytest.mark.parametrize("how", [{"mute": True}, {"silence": 0}, {"silence": len(FRAME)}], ids=str)
@each_framing
def test_a_silence_longer_than_the_limit_is_a_time_out(
    replay: Replay, framing: Framing, how: dict[str, int]
) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, framing=framing, **how))
    client = gateway(replay, idle=0.3)
    heard = ask(client, "openai")
    assert type(heard.error) is errors.TimedOut
    assert heard.text == ("Half an " if how.get("silence") else "")
    assert replay.requests[0].left.wait(20)
    client.close()


def test_a_silence_shorter_than_the_limit_is_waited_for(replay: Replay, asked: Gateway) -> None:
    replay.serve(CHAT, STREAM.canned(silence=500))
    timer = threading.Timer(0.5, replay.resume)
    timer.start()
    heard = ask(asked, "openai")
    timer.join()
    assert (heard.text, heard.error) == (STREAM.text, None)


def test_a_refusal_whose_words_never_come_is_not_waited_for(
    replay: Replay, asked: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "lib.gateway.transport.Response.text.__defaults__"
    monkeypatch.setattr(text, (65_536, 0.3))
    replay.serve(CHAT, Canned(b'{"error":"no"}', 503, JSON, silence=5))
    found: list[errors.AnswerError] = []
    worker = threading.Thread(target=lambda: found.append(error_of(asked)), daemon=True)
    worker.start()
    worker.join(20)
    assert [type(error) for error in found] == [errors.Overloaded]
    assert replay.requests[0].left.wait(20)


def test_a_refused_port_is_unreachable() -> None:
    with Replay() as gone:
        url = gone.url
    client = Gateway(Settings(api_key=KEY, base_url=url, retries=0))
    assert type(error_of(client)) is errors.Unreachable


def test_an_unknown_host_is_unreachable() -> None:
    client = Gateway(
        Settings(
            api_key=KEY, base_url="http://nowhere.invalid", timeouts=Timeouts(connect=5, first=5), retries=0
        )
    )
    assert type(error_of(client)) is errors.Unreachable


def test_no_answer_is_asked_to_be_compressed_and_a_compressed_one_is_read(
    replay: Replay, asked: Gateway
) -> None:
    for piece in (1, 7, None):
        replay.serve(CHAT, STREAM.canned(gzip=True, piece=piece))
        assert ask(asked, "openai").text == STREAM.text
    assert replay.requests[0].headers["accept-encoding"] == "identity"


def test_a_compressed_body_that_is_cut_or_broken_is_cut(replay: Replay, asked: Gateway) -> None:
    for framing in FRAMINGS:
        replay.serve(CHAT, STREAM.canned(gzip=True, cut=200, framing=framing))
        assert type(error_of(asked)) is errors.Cut
    lie = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    replay.serve(CHAT, Canned(b"data: not gzip\n\n", headers=lie))
    assert type(error_of(asked)) is errors.Cut


def test_many_at_once_keep_to_themselves(replay: Replay, asked: Gateway) -> None:
    for wire in WIRES:
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned(piece=100))
    heard: list[tuple[str, Heard]] = []
    threads = [
        threading.Thread(target=lambda wire=wire: heard.append((wire, ask(asked, wire))))
        for wire in [*WIRES] * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(heard) == 20
    assert all(one.text == RECORDINGS[f"{wire}-text.sse"].text and one.error is None for wire, one in heard)


@pytest.mark.parametrize("wire", WIRES)
def test_half_a_letter_in_a_question_is_sent_as_a_question_mark(
    replay: Replay, asked: Gateway, wire: str
) -> None:
    replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
    question = [Message("user", (Text("broken \ud83d and whole 😀"),))]
    events = list(asked.stream(Target("m\udc00", wire), question, Params(system="\udfff!"), Cancel()))
    assert events
    sent = replay.requests[0].json
    assert sent["messages"][-1]["content"] == "broken ? and whole 😀"
    assert sent["model"] == "m?"
