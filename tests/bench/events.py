"""CPU per event and the lag from socket to event, beside a bare loop and the official SDKs, in one run.

.venv/bin/python -m tests.bench.events
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import anthropic
import openai
import urllib3

from lib.config.settings import Settings, Timeouts
from lib.core.conversation import Message, TextPart
from lib.core.events import TextDelta
from lib.core.params import Params
from lib.core.reply import Reply
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.bench import event_server

COUNT, WINDOW_SIZE, ROUNDS = 50_000, 2_500, 3  # events per answer, events per timing, answers
PACED_COUNT, PACED_INTERVAL, PACED_ROUNDS = 100, 4, 10  # events, milliseconds between two, answers
KEY = "sk-bench"
QUESTION = [Message("user", (TextPart("Stream."),))]

# Reads an answer: (url, wire, model) to its text deltas.
Client = Callable[[str, Wire, str], Iterator[str]]


def read_with_loop(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Read, split at blank lines, parse JSON, take the text: the minimum."""
    pool = urllib3.PoolManager()
    body = json.dumps({"model": model, "messages": [], "stream": True}).encode()
    response = pool.request("POST", url + WIRE_MODULES[wire].PATH, body=body, preload_content=False)
    buffer = b""
    while chunk := response.read1(65_536, decode_content=True):
        *blocks, buffer = (buffer + chunk).split(b"\n\n")
        for block in blocks:
            data = block[block.index(b"data: ") + 6 :]
            if data == b"[DONE]":
                continue
            event = json.loads(data)
            if wire == "openai":
                yield event["choices"][0]["delta"].get("content") or ""
            elif event["type"] == "content_block_delta":
                yield event["delta"]["text"]
    response.close()
    pool.clear()


def read_with_gateway(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Read with the gateway client, as the program does."""
    with contextlib.closing(Gateway(Settings(api_key=KEY, base_url=url, timeouts=Timeouts(20, 60)))) as gateway:
        for event in gateway.stream(Target(model, wire), QUESTION, Params(), CancelToken()):
            if isinstance(event, TextDelta):
                yield event.text


def read_with_reply(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Read with the gateway client and fold the events into a Reply."""
    reply = Reply()
    with contextlib.closing(Gateway(Settings(api_key=KEY, base_url=url, timeouts=Timeouts(20, 60)))) as gateway:
        for event in gateway.stream(Target(model, wire), QUESTION, Params(), CancelToken()):
            reply.add(event)
            if isinstance(event, TextDelta):
                yield event.text
    assert reply.finish is not None


def read_with_sdk(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Read with the official SDK."""
    messages: list[Any] = [{"role": "user", "content": "Stream."}]
    if wire == "openai":
        with openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0) as sdk_client:
            for chunk in sdk_client.chat.completions.create(model=model, messages=messages, stream=True):
                if chunk.choices:
                    yield chunk.choices[0].delta.content or ""
    else:
        with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as sdk_client:
            for event in sdk_client.messages.create(model=model, messages=messages, max_tokens=9, stream=True):
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text


CLIENTS: dict[str, Client] = {
    "bare loop": read_with_loop,
    "Antler": read_with_gateway,
    "Antler, folded into a Reply": read_with_reply,
    "the official SDK": read_with_sdk,
}


def measure_cpu(client: Client, url: str, wire: Wire) -> float:
    """CPU time per event in microseconds, of the least disturbed window."""
    gc.collect()
    best = float("inf")
    size = 0
    texts = client(url, wire, f"{COUNT}-0")
    size += len(next(texts))  # excludes the request
    for _ in range(COUNT // WINDOW_SIZE):
        start = time.process_time()
        size += sum(map(len, itertools.islice(texts, WINDOW_SIZE)))
        best = min(best, time.process_time() - start)
    size += sum(map(len, texts))
    assert size == COUNT * len(event_server.TEXT), size
    return best / WINDOW_SIZE * 1e6


def measure_lag(client: Client, url: str, wire: Wire) -> float:
    """Median time from socket write to text in microseconds; both processes read the same clock."""
    lags = [
        time.monotonic_ns() - int(text) for text in client(url, wire, f"{PACED_COUNT}-{PACED_INTERVAL}") if text.strip()
    ]
    assert len(lags) == PACED_COUNT
    return statistics.median(lags) / 1000


def measure(url: str, wire: Wire) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The lowest CPU time of each client, and its lag per round; clients take turns under the same noise."""
    cpu_by_client = dict.fromkeys(CLIENTS, float("inf"))
    lags_by_client: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for _ in range(ROUNDS):
        for name, client in CLIENTS.items():
            cpu_by_client[name] = min(cpu_by_client[name], measure_cpu(client, url, wire))
    for _ in range(PACED_ROUNDS):
        for name, client in CLIENTS.items():
            lags_by_client[name].append(measure_lag(client, url, wire))
    return cpu_by_client, lags_by_client


def print_report(wire: Wire, cpu_by_client: dict[str, float], lags_by_client: dict[str, list[float]]) -> None:
    """Print a row per client; lag ratios are the median and the quartiles of the rounds."""
    for name, times in lags_by_client.items():
        label = f"`{wire}` {version(wire)}" if name == "the official SDK" else name
        ratios = [time / loop_lag for time, loop_lag in zip(times, lags_by_client["bare loop"], strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        cpu_ratio = cpu_by_client[name] / cpu_by_client["bare loop"]
        print(
            f"| {wire} | {label} | {cpu_by_client[name]:.1f} | {cpu_ratio:.2f} "
            f"| {statistics.median(times):.0f} | {median:.2f} ({low:.2f} to {high:.2f}) |"
        )


def main() -> None:
    start = time.monotonic()
    event_sizes = ", ".join(f"{wire} {len(event_server.delta(wire, event_server.TEXT))} bytes" for wire in WIRE_MODULES)
    versions = ", ".join(f"{name} {version(name)}" for name in ("urllib3", "requests", "sseclient-py"))
    print(f"{COUNT:,} events, one per HTTP chunk ({event_sizes}); best {WINDOW_SIZE:,} of {ROUNDS} rounds.")
    print(f"Lag: {PACED_COUNT} events {PACED_INTERVAL} ms apart, {PACED_ROUNDS} rounds in turns; (middle half).")
    print(f"Python {platform.python_version()}, {versions}.\n")
    print("| wire | client | CPU µs/event | to bare | lag µs | to bare |\n|---|---|--:|--:|--:|--:|")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.event_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin and server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        for wire in WIRE_MODULES:
            print_report(wire, *measure(url, wire))
    finally:
        server.stdin.close()
        server.wait(20)
    print(f"\n{time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
