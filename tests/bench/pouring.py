"""A gateway in a process of its own that pours events: as fast as it can, or paced with the time in them.

python -m tests.bench.pouring prints its port; it ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ID = "chatcmpl-B7Xk2mQ9vR4tY8wZ1nL5pS3dF6gH0"
TEXT = " stream"


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One of OpenAI's chunks, as a gateway writes it."""
    payload = {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "gpt-5-mini-2025-08-07",
        "system_fingerprint": "fp_560af6e559",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
    }
    return b"data: %s\n\n" % json.dumps(payload, separators=(",", ":")).encode()


def named(payload: dict[str, Any]) -> bytes:
    """One of Anthropic's events."""
    data = json.dumps(payload, separators=(",", ":")).encode()
    return b"event: %s\ndata: %s\n\n" % (payload["type"].encode(), data)


def delta(wire: str, text: str) -> bytes:
    """The event that says `text`."""
    if wire == "openai":
        return chunk({"content": text})
    inner = {"type": "text_delta", "text": text}
    return named({"type": "content_block_delta", "index": 0, "delta": inner})


def bounds(wire: str) -> tuple[bytes, bytes]:
    """What stands before the text, and what after it."""
    if wire == "openai":
        return chunk({"role": "assistant", "content": ""}), chunk({}, "stop") + b"data: [DONE]\n\n"
    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {
        "id": "msg_01Hq7vT2kXw9RzY4bN6cJ8dF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    block = {"type": "text", "text": ""}
    start = named({"type": "message_start", "message": message})
    start += named({"type": "content_block_start", "index": 0, "content_block": block})
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    end = named({"type": "content_block_stop", "index": 0})
    end += named({"type": "message_delta", "delta": ending, "usage": usage}) + named({"type": "message_stop"})
    return start, end


def framed(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def body(wire: str, count: int, pause: float) -> Iterator[bytes]:
    """The answer, event by event; paced ones say when they were written, in nanoseconds."""
    first, last = bounds(wire)
    yield framed(first)
    if pause:
        for _ in range(count):
            time.sleep(pause)
            yield framed(delta(wire, f" {time.monotonic_ns()}"))
    else:
        yield from [framed(delta(wire, TEXT)) * 100] * (count // 100)
    yield framed(last) + b"0\r\n\r\n"


def serve(connection: socket.socket) -> None:
    """Answer what comes on one connection. The question's model says how: "<count>-<pause in ms>"."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
        while line := reader.readline():
            path = line.split()[1]
            size = 0
            while (header := reader.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            count, pause = json.loads(reader.read(size))["model"].split("-")
            wire = "anthropic" if path.endswith(b"/messages") else "openai"
            connection.sendall(HEAD)
            for piece in body(wire, int(count), int(pause) / 1000):
                connection.sendall(piece)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
