"""The demo gateway as its clients meet it: plain HTTP, and the official SDKs of both wires."""

import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
import requests

from lib.gateway import demo
from tests.replay import soon

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BOTH = pytest.mark.parametrize("path", [CHAT, MESSAGES])
WELL = ("demo-tour", "demo-thinker", "demo-slow")


@pytest.fixture(scope="module")
def fast() -> Iterator[demo.Demo]:
    running = demo.start(pace=50)
    yield running
    running.close()


@pytest.fixture(scope="module")
def steady() -> Iterator[demo.Demo]:
    """At its real pace, for what is about time."""
    running = demo.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[demo.Demo]:
    """So slow that no answer ends by itself while a test waits for something."""
    running = demo.start(pace=0.02)
    yield running
    running.close()


def asking(model: str, *said: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said or ("Hello",))]
    return {"model": model, "messages": messages, "max_tokens": 100_000, **more}


def post(server: demo.Demo, path: str, body: Any, **more: Any) -> requests.Response:
    return requests.post(server.url + path, json=body, timeout=10, **more)


def frames(text: str) -> list[Any]:
    """What the data lines hold, `[DONE]` left as text."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in data]


def words(found: list[Any]) -> str:
    """The answer's text in the frames of either wire."""
    chat = (c["delta"].get("content") or "" for f in found if "choices" in f for c in f["choices"])
    messages = (f["delta"].get("text", "") for f in found if "delta" in f)
    return "".join(chat) + "".join(messages)


def arriving(server: demo.Demo, path: str, body: dict[str, Any]) -> tuple[list[Any], type[Exception] | None]:
    """The frames that came, and how the connection failed, if it did."""
    got = b""
    with post(server, path, {**body, "stream": True}, stream=True) as answer:
        try:
            for part in answer.iter_content(None):
                got += part
        except requests.RequestException as error:
            return frames(got.rpartition(b"\n\n")[0].decode()), type(error)
    return frames(got.decode()), None


def answered(server: demo.Demo, *said: str, **more: Any) -> str:
    body = post(server, CHAT, asking("demo-tour", *said, **more)).json()
    return str(body["choices"][0]["message"]["content"])


@pytest.mark.parametrize("model", WELL)
def test_the_openai_sdk_reads_streamed_and_whole(fast: demo.Demo, model: str) -> None:
    client = openai.OpenAI(base_url=fast.url + "/v1", api_key="none", max_retries=0)
    assert model in [listed.id for listed in client.models.list()]
    ask: Any = asking(model, stream_options={"include_usage": True})
    whole = client.chat.completions.create(**ask)
    chunks: Any = list(client.chat.completions.create(**ask, stream=True))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    said = whole.choices[0].message
    assert said.content and "".join(delta.content or "" for delta in deltas) == said.content
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thoughts == getattr(said, "reasoning_content", "")
    assert bool(thoughts) == (model == "demo-thinker")
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert whole.usage and (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (2, len(deltas) - 2)


@pytest.mark.parametrize("model", WELL)
def test_the_anthropic_sdk_reads_streamed_and_whole(fast: demo.Demo, model: str) -> None:
    client = anthropic.Anthropic(base_url=fast.url, api_key="none", max_retries=0)
    ask: Any = {"model": model, "max_tokens": 4096, "system": "Be kind."}
    ask["messages"] = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    whole = client.messages.create(**ask)
    with client.messages.stream(**ask) as stream:
        kinds = [event.type for event in stream]
        last = stream.get_final_message()
    assert [block.type for block in last.content] == ["thinking", "text"][model != "demo-thinker" :]
    for one, other in zip(last.content, whole.content, strict=True):
        assert getattr(one, one.type) == getattr(other, other.type) != ""
    assert last.content[0].type == "text" or last.content[0].signature
    assert last.stop_reason == whole.stop_reason == "end_turn"
    assert last.usage.input_tokens == whole.usage.input_tokens == 4
    assert last.usage.output_tokens == whole.usage.output_tokens > 10
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"


def test_every_event_of_messages_is_named_and_in_order(fast: demo.Demo) -> None:
    text = post(fast, MESSAGES, asking("demo-thinker", stream=True)).content.decode()
    found = frames(text)
    assert re.findall(r"^event: (.+)$", text, re.M) == [f["type"] for f in found]
    shape = [f["type"] + str(f.get("index", "")) for f in found]
    once = [kind for i, kind in enumerate(shape) if i == 0 or shape[i - 1] != kind]
    blocks = [f"content_block_{step}{i}" for i in (0, 1) for step in ("start", "delta", "stop")]
    assert once == ["message_start", *blocks, "message_delta", "message_stop"]
    deltas = [f["delta"]["type"] for f in found if f["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1
    assert deltas[deltas.index("signature_delta") - 1] == "thinking_delta"


@BOTH
@pytest.mark.parametrize("model", ["demo-tour", "demo-thinker", "demo-errors", "demo-breaks", "demo-endless"])
def test_the_limit_cuts_the_answer(fast: demo.Demo, path: str, model: str) -> None:
    body = asking(model, max_tokens=7)
    found, failed = arriving(fast, path, {**body, "stream_options": {"include_usage": True}})
    assert failed is None
    whole = post(fast, path, body).json()
    if path == CHAT:
        assert found[-3]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
        assert found[-2]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 7
    else:
        assert found[-2]["delta"]["stop_reason"] == whole["stop_reason"] == "max_tokens"
        assert found[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"] == 7
    assert words(found) or model == "demo-thinker"


@BOTH
@pytest.mark.parametrize(
    ("body", "status", "sign"),
    [
        (b"{", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        ({"model": "demo-tour"}, 400, "messages"),
        ({"model": "demo-tour", "messages": ["x"]}, 400, "object"),
        ({"model": "demo-tour", "messages": [{"role": "user"}]}, 400, "content"),
        ({"model": "demo-tour", "messages": [{"role": "king", "content": "x"}]}, 400, "role"),
        (asking("demo-tour", max_tokens=True), 400, "max_tokens"),
        (asking("gpt-\ud800"), 503, "model_not_found"),
        (asking("demo-busy", stream=True), 429, "rate_limit_error"),
    ],
)
def test_refusals_are_in_the_shape_of_the_wire(
    fast: demo.Demo, path: str, body: Any, status: int, sign: str
) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = requests.post(fast.url + path, data=sent, timeout=5)
    error = answer.json()["error"]
    assert answer.status_code == status and sign in answer.text
    assert answer.json().get("type", error.get("code")) == ("error" if path == MESSAGES else error["type"])
    assert answer.headers["x-oneapi-request-id"] in error["message"]
    assert answer.headers.get("retry-after") == ("2" if status == 429 else None)


def test_other_paths_methods_and_the_bad_gateway(fast: demo.Demo) -> None:
    assert requests.get(fast.url + "/v1/files", timeout=5).json()["error"]["type"] == "not_found_error"
    for method in ("GET", "PUT", "HEAD", "BREW"):
        assert requests.request(method, fast.url + CHAT, timeout=5).status_code == 405
    page = post(fast, CHAT, asking("demo-badgateway", stream=True))
    assert page.status_code == 502 and page.headers["content-type"].startswith("text/html")


@BOTH
def test_breaks_is_cut_in_the_middle_of_an_event(fast: demo.Demo, path: str) -> None:
    found, failed = arriving(fast, path, asking("demo-breaks"))
    assert failed is not None
    assert 30 <= len(found) <= 50 and words(found).endswith("carry on from")
    with pytest.raises(requests.RequestException):
        post(fast, path, asking("demo-breaks"))


@BOTH
def test_errors_reports_it_in_the_stream(fast: demo.Demo, path: str) -> None:
    found, failed = arriving(fast, path, asking("demo-errors"))
    assert failed is None
    error = found[-2] if path == CHAT else found[-1]
    assert found[-1] == "[DONE]" if path == CHAT else error["type"] == "error"
    assert error["error"]["type"] == "overloaded_error" and error["error"]["message"]
    assert 15 <= len(found) <= 28 and len(words(found)) > 100
    assert post(fast, path, asking("demo-errors")).status_code == 500


@BOTH
def test_slow_pings_before_it_speaks(path: str) -> None:
    running = demo.start(pace=10)
    began, pings, quiet = time.monotonic(), 0, 0.0
    with post(running, path, asking("demo-slow", stream=True, max_tokens=2), stream=True) as answer:
        headers = time.monotonic() - began
        for line in answer.iter_lines():
            if line == b": PING":
                pings += 1
            elif line and not quiet:
                quiet = time.monotonic() - began
    running.close()
    assert headers < quiet and pings == 4 and quiet > 0.35


def test_the_tour_comes_at_sixty_pieces_a_second(steady: demo.Demo) -> None:
    began = time.monotonic()
    arriving(steady, CHAT, asking("demo-tour", max_tokens=45))
    assert time.monotonic() - began > 0.7


@BOTH
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["demo-silent", "demo-slow", "demo-endless", "demo-thinker"])
def test_a_client_that_leaves_is_noticed(patient: demo.Demo, path: str, stream: bool, model: str) -> None:
    assert soon(lambda: patient.open_streams == 0)
    before = threading.active_count()
    body = json.dumps(asking(model, stream=stream)).encode()
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("POST", patient.url + path, data=body))
        if stream:
            with session.send(prepared, stream=True, timeout=20):
                assert soon(lambda: patient.open_streams == 1)
        else:
            with pytest.raises(requests.Timeout):
                session.send(prepared, timeout=1)
    assert soon(lambda: patient.open_streams == 0)
    assert soon(lambda: threading.active_count() <= before)


def test_close_ends_everything() -> None:
    before = threading.active_count()
    running = demo.start()
    assert running.alive() and running.url.startswith("http://127.0.0.1:")
    idle = requests.Session()
    assert idle.get(running.url + "/v1/models", timeout=5).ok
    answers = [post(running, CHAT, asking(m, stream=True), stream=True) for m in ("demo-silent", "demo-slow")]
    assert soon(lambda: running.open_streams == 2)
    running.close()
    running.close()
    assert not running.alive()
    assert soon(lambda: running.open_streams == 0 and threading.active_count() <= before)
    for answer in answers:
        with pytest.raises(requests.RequestException):
            answer.content  # noqa: B018 - reading is what fails
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url + "/v1/models", timeout=1)
    idle.close()


@pytest.mark.parametrize(
    ("question", "sign"),
    [
        ("Who\n\nwas  [Ada](x)?", "You asked: “Who was &#91;Ada&#93;(x)?”."),
        ("Show me some Python", "```python"),
        ("来点代码", "## 一小段代码"),
        ("a formula, please", "\\frac"),
        ("做一个表", "| 水星 |"),
        ("这代表什么？", "# 欢迎使用 Antler"),
        ("How long are vegetables?", "# Welcome to Antler"),
        ("Something long", "# A long answer"),
    ],
)
def test_the_tour_follows_the_question(fast: demo.Demo, question: str, sign: str) -> None:
    text = answered(fast, question)
    assert sign in text and "DEERAPI_API_KEY" in text and "api_key" in text
    assert re.search(r"not a model|不是模型", text)
    assert (15_000 < len(text.encode()) < 18_000) == ("A long" in sign)


def test_later_turns_show_that_the_path_was_sent(fast: demo.Demo) -> None:
    body = asking("demo-tour", "One?", "1", "Two?", "2", "Three?")
    body["messages"].insert(0, {"role": "system", "content": "Be\nbrief."})
    text = post(fast, CHAT, body).json()["choices"][0]["message"]["content"]
    assert text.startswith("You have asked 3 questions so far, the whole path was sent")
    assert "1. “One?”\n2. “Two?”\n3. “Three?”" in text
    assert "“Be brief.”" in text and "**Next:**" in text and "# Welcome" not in text
    many = answered(fast, *[text for i in range(20) for text in (f"Q{i + 1}", "A")][:-1])
    assert "asked 20 questions" in many and "20. “Q20”" in many and "“Q12”" not in many
    assert "你已经问了 2 个问题" in answered(fast, "One?", "1", "再来")
    assert "```python" in answered(fast, "One?", "1", "Now code")
