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
from tests.bench import pouring

COUNT, WINDOW, ROUNDS = 50_000, 2_500, 3  # events of one answer, events timed at once, answers
PACED, PAUSE, PACED_ROUNDS = 100, 4, 10  # events, ms between two of them, answers
KEY = "sk-bench"
QUESTION = [Message("user", (TextPart("Pour."),))]

# A way to read an answer: its text, piece by piece, of (url, wire, model).
Way = Callable[[str, Wire, str], Iterator[str]]


def bare(url: str, wire: Wire, model: str) -> Iterator[str]:
    """The least that can be done: read, split at blank lines, parse, take the text."""
    pool = urllib3.PoolManager()
    body = json.dumps({"model": model, "messages": [], "stream": True}).encode()
    response = pool.request("POST", url + WIRE_MODULES[wire].PATH, body=body, preload_content=False)
    rest = b""
    while piece := response.read1(65_536, decode_content=True):
        *blocks, rest = (rest + piece).split(b"\n\n")
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


def antler(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Our client as the program uses it."""
    with contextlib.closing(
        Gateway(Settings(api_key=KEY, base_url=url, timeouts=Timeouts(20, 60)))
    ) as gateway:
        for event in gateway.stream(Target(model, wire), QUESTION, Params(), CancelToken()):
            if isinstance(event, TextDelta):
                yield event.text


def folded(url: str, wire: Wire, model: str) -> Iterator[str]:
    """Our client, and the answer added up."""
    reply = Reply()
    with contextlib.closing(
        Gateway(Settings(api_key=KEY, base_url=url, timeouts=Timeouts(20, 60)))
    ) as gateway:
        for event in gateway.stream(Target(model, wire), QUESTION, Params(), CancelToken()):
            reply.add(event)
            if isinstance(event, TextDelta):
                yield event.text
    assert reply.finish is not None


def sdk(url: str, wire: Wire, model: str) -> Iterator[str]:
    """The maker's own SDK, each event as it comes."""
    said: list[Any] = [{"role": "user", "content": "Pour."}]
    if wire == "openai":
        with openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0) as client:
            for chunk in client.chat.completions.create(model=model, messages=said, stream=True):
                if chunk.choices:
                    yield chunk.choices[0].delta.content or ""
    else:
        with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
            for event in client.messages.create(model=model, messages=said, max_tokens=9, stream=True):
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text


WAYS: dict[str, Way] = {
    "bare loop": bare,
    "Antler": antler,
    "Antler, folded into a Reply": folded,
    "the official SDK": sdk,
}


def cpu(way: Way, url: str, wire: Wire) -> float:
    """Microseconds of this process for one event, in the window that other programs disturbed least."""
    gc.collect()
    best = float("inf")
    size = 0
    texts = way(url, wire, f"{COUNT}-0")
    size += len(next(texts))  # with it the request is behind us
    for _ in range(COUNT // WINDOW):
        start = time.process_time()
        size += sum(map(len, itertools.islice(texts, WINDOW)))
        best = min(best, time.process_time() - start)
    size += sum(map(len, texts))
    assert size == COUNT * len(pouring.TEXT), size
    return best / WINDOW * 1e6


def lag(way: Way, url: str, wire: Wire) -> float:
    """Microseconds from the write to the text, the median of an answer; both processes read one clock."""
    found = [time.monotonic_ns() - int(text) for text in way(url, wire, f"{PACED}-{PAUSE}") if text.strip()]
    assert len(found) == PACED
    return statistics.median(found) / 1000


def measured(url: str, wire: Wire) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The best CPU of each way, and its lag in each round; they take turns, to have the same noise."""
    spent = dict.fromkeys(WAYS, float("inf"))
    waited: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            spent[name] = min(spent[name], cpu(way, url, wire))
    for _ in range(PACED_ROUNDS):
        for name, way in WAYS.items():
            waited[name].append(lag(way, url, wire))
    return spent, waited


def report(wire: Wire, spent: dict[str, float], waited: dict[str, list[float]]) -> None:
    """One row for each way; the lag's ratio is the median of the rounds' own, its spread the middle half."""
    for name, times in waited.items():
        shown = f"`{wire}` {version(wire)}" if name == "the official SDK" else name
        ratios = [time / base for time, base in zip(times, waited["bare loop"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {wire} | {shown} | {spent[name]:.1f} | {spent[name] / spent['bare loop']:.2f} "
            f"| {statistics.median(times):.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) |"
        )


def main() -> None:
    start = time.monotonic()
    sizes = ", ".join(f"{wire} {len(pouring.delta(wire, pouring.TEXT))} bytes" for wire in WIRE_MODULES)
    used = ", ".join(f"{name} {version(name)}" for name in ("urllib3", "requests", "sseclient-py"))
    print(f"{COUNT:,} events, one to an HTTP chunk ({sizes}); the best {WINDOW:,} of {ROUNDS} rounds.")
    print(f"Lag: {PACED} events {PAUSE} ms apart, {PACED_ROUNDS} rounds in turns; (middle half).")
    print(f"Python {platform.python_version()}, {used}.\n")
    print("| wire | client | CPU µs/event | to bare | lag µs | to bare |\n|---|---|--:|--:|--:|--:|")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.pouring"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin and server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        for wire in WIRE_MODULES:
            report(wire, *measured(url, wire))
    finally:
        server.stdin.close()
        server.wait(20)
    print(f"\n{time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
