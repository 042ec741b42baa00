"""Recordings of the demo gateway, which links play: `python -m tests.pictures.recordings` makes them anew."""

from __future__ import annotations

import platform
from pathlib import Path

from lib import demo
from lib.config.settings import Settings
from lib.config.version import VERSION
from lib.core.conversation import Message, TextPart
from lib.core.exchanges import Exchange
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from lib.transfer import write_exchange

MAX_BYTES = 1_000_000
# Name, question and target of each recording.
RECORDINGS = {
    "tour": ("Give me a short tour of this page", Target("demo-tour", "openai")),
    "tour-zh": ("带我快速了解一下这个页面", Target("demo-tour", "anthropic")),
    "thinking": ("Which is larger, 9.9 or 9.11?", Target("demo-thinker", "anthropic")),
    "formulas": ("Explain a famous math formula", Target("demo-tour", "anthropic")),
    "table": ("Compare something in a table", Target("demo-tour", "openai")),
    "retries": ("Are you busy?", Target("demo-429-then-fine", "openai")),
}


def record(gateway: Gateway, question: str, target: Target) -> Exchange:
    """Ask a question at the pace of a reader, and return the recorded exchange."""
    recorder = ExchangeRecorder(MAX_BYTES)
    messages = [Message("user", (TextPart(question),))]
    for _ in gateway.stream(target, messages, Params(), CancelToken(), recorder=recorder):
        pass
    exchange = recorder.finish()
    assert exchange is not None
    return exchange


def main(folder: Path = demo.RECORDINGS) -> None:
    """Write all recordings into the folder."""
    folder.mkdir(exist_ok=True)
    server = demo.DemoGateway()
    gateway = Gateway(Settings(base_url=server.url))
    try:
        for name, (question, target) in RECORDINGS.items():
            exchange = record(gateway, question, target)
            data = write_exchange(exchange, {"antler": VERSION, "python": platform.python_version()})
            (folder / f"{name}.zip").write_bytes(data)
            print(f"{name}: {len(exchange.attempts)} requests, {len(data):,} bytes")
    finally:
        gateway.close()
        server.close()


if __name__ == "__main__":
    main()
