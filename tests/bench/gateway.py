"""A gateway whose answers tell when each part of them was sent, in a process of its own.

The text of a question says how long its answer is, of what, and at which pace it comes: see `question`. Any other
question gets a short answer, so that requests which a program makes by itself cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, cycle, islice

from tests.bench.answers import TIME, TOKENS

FIRST_TOKEN_DELAY = 0.5  # seconds
SHORT_ANSWER = ("A ", "short ", "answer.")
MARKDOWN, TIMES = "Markdown", "times"
TIMES_PER_PARAGRAPH = 40
# The tokens of each kind of answer, which are repeated as often as an answer needs.
KINDS = {MARKDOWN: TOKENS, TIMES: (f"{TIME} ",) * (TIMES_PER_PARAGRAPH - 1) + (f"{TIME}\n\n",)}
MODELS = ("bench",)
# A time of sending in microseconds. The letter tells it from digits before it, as in a table's cells.
TIMESTAMP = re.compile(rb"t(\d{14})")
_QUESTION = re.compile(r"Write (\d+) tokens of ([\w ]+), (\d+) a second\.")


def question(tokens: int, rate: int, kind: str = MARKDOWN, name: object = "") -> str:
    """Return a question whose answer has so many tokens at so many a second; the name tells it from others."""
    return f"Write {tokens} tokens of {kind}, {rate} a second." + (f" This is {name}." if name != "" else "")


def now() -> int:
    """Monotonic time in microseconds; all processes of the machine share the clock."""
    return time.monotonic_ns() // 1000


def times_in(tokens: int, kind: str = MARKDOWN) -> int:
    """Return the number of times of sending in an answer."""
    return sum(TIME in token for token in _answer(tokens, KINDS[kind]))


def _answer(tokens: int, repeated: Sequence[str]) -> Iterator[str]:
    """Yield the tokens of an answer; the first and the last are times of sending."""
    return chain([f"{TIME}\n\n"], islice(cycle(repeated), max(0, tokens - 2)), [f"\n\n{TIME}"])


def _text_of(message: Mapping[str, object]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content)


def _plan(body: bytes) -> tuple[Iterator[str], float]:
    """Return the tokens of the answer to a request, and the seconds from one to the next."""
    messages = json.loads(body).get("messages") or [{}]
    if match := _QUESTION.match(_text_of(messages[-1])):
        return _answer(int(match[1]), KINDS[match[2]]), 1 / int(match[3])
    return iter(SHORT_ANSWER), 0.0


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if not head.startswith(b"POST"):
                _write_models(writer)
            elif b'"stream": true' in body or b'"stream":true' in body:
                await _stream(writer, *_plan(body))
                break
            else:
                _write_json(writer, {"choices": [{"index": 0, "message": {"content": "".join(SHORT_ANSWER)}}]})
    writer.close()


def _write_models(writer: asyncio.StreamWriter) -> None:
    _write_json(writer, {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})


def _write_json(writer: asyncio.StreamWriter, data: object) -> None:
    body = json.dumps(data).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


async def _stream(writer: asyncio.StreamWriter, tokens: Iterator[str], interval: float) -> None:
    """Send tokens at a steady pace; a time is that of its sending."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    start = time.monotonic() + FIRST_TOKEN_DELAY
    for number, token in enumerate(tokens):
        if (wait := start + number * interval - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        _delta(writer, {"content": token.replace(TIME, f"t{now():014d}")}, None)
        await writer.drain()
    _delta(writer, {}, "stop")
    writer.write(b"data: [DONE]\n\n")


def _delta(writer: asyncio.StreamWriter, delta: dict[str, str], finish_reason: str | None) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": [choice]}
    writer.write(b"data: %s\n\n" % json.dumps(data).encode())


def _run(port: multiprocessing.Queue[int]) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(_serve_connection, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def running_gateway(kinds: Mapping[str, Sequence[str]] | None = None) -> Iterator[str]:
    """Run the gateway, with further kinds of answers; yields its URL."""
    KINDS.update(kinds or {})
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_run, args=(port,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{port.get()}"
    process.terminate()
    process.join()
