"""A gateway process that streams events at full speed, or at an interval with the time of writing as text.

python -m tests.bench.event_server prints its port, and ends with its standard input.
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

RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
RESPONSE_ID = "chatcmpl-B7Xk2mQ9vR4tY8wZ1nL5pS3dF6gH0"
TEXT = " stream"


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """An event of OpenAI's wire."""
    payload = {
        "id": RESPONSE_ID,
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "gpt-5-mini-2025-08-07",
        "system_fingerprint": "fp_560af6e559",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "usage": None,
    }
    return b"data: %s\n\n" % json.dumps(payload, separators=(",", ":")).encode()


def event(payload: dict[str, Any]) -> bytes:
    """An event of Anthropic's wire."""
    data = json.dumps(payload, separators=(",", ":")).encode()
    return b"event: %s\ndata: %s\n\n" % (payload["type"].encode(), data)


def delta(wire: str, text: str) -> bytes:
    """The event with this text."""
    if wire == "openai":
        return chunk({"content": text})
    text_delta = {"type": "text_delta", "text": text}
    return event({"type": "content_block_delta", "index": 0, "delta": text_delta})


def start_and_end(wire: str) -> tuple[bytes, bytes]:
    """The events before the text and after it."""
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
    start = event({"type": "message_start", "message": message})
    start += event({"type": "content_block_start", "index": 0, "content_block": block})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    end = event({"type": "content_block_stop", "index": 0})
    end += event({"type": "message_delta", "delta": stop, "usage": usage}) + event({"type": "message_stop"})
    return start, end


def http_chunk(data: bytes) -> bytes:
    """`data` as a chunk of HTTP."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def body(wire: str, count: int, interval: float) -> Iterator[bytes]:
    """The events of an answer; with an interval, their text is the time of writing in nanoseconds."""
    start, end = start_and_end(wire)
    yield http_chunk(start)
    if interval:
        for _ in range(count):
            time.sleep(interval)
            yield http_chunk(delta(wire, f" {time.monotonic_ns()}"))
    else:
        yield from [http_chunk(delta(wire, TEXT)) * 100] * (count // 100)
    yield http_chunk(end) + b"0\r\n\r\n"


def serve(connection: socket.socket) -> None:
    """Serve the requests of a connection. Their model is "<count>-<interval in ms>"."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
        while line := reader.readline():
            path = line.split()[1]
            size = 0
            while (header := reader.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            count, interval = json.loads(reader.read(size))["model"].split("-")
            wire = "anthropic" if path.endswith(b"/messages") else "openai"
            connection.sendall(RESPONSE_HEAD)
            for part in body(wire, int(count), int(interval) / 1000):
                connection.sendall(part)


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
