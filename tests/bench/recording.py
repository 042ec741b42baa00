"""CPU time of recording, as a part of the client's: with and without it, over the same streams, in turns.

.venv/bin/python -m tests.bench.recording

At full speed no event is waited for, so that the client has nothing but its own work: recording weighs most there. At
the pace of a model the client reads what has come once in an interval, as the program does. Recording ends with the
search for the key; to save the exchange is measured apart.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lib.config.settings import RecordingSettings, Settings, Timeouts
from lib.core.conversation import Message, TextPart
from lib.core.exchanges import Exchange
from lib.core.params import Params
from lib.core.reply import Reply
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from lib.gateway.wires.request_body import WIRE_MODULES
from lib.storage.store import Store

KEY = "sk-bench-9f3b7c1d5e8a2046bb7e9f3b7c1d5e8a2046bb7e9f3b7c1d"  # as long as keys are
QUESTION = [Message("user", (TextPart("Stream. " * 2000),))]
# Events of an answer, milliseconds between two, seconds between two reads; pairs of answers.
CASES = {"full speed": (5_000, 0, 0.0, 60), "100 tokens/s": (300, 10, 0.05, 20)}

# Reads an answer, and returns the CPU time.
Read = Callable[[ExchangeRecorder | None], float]


def read_answer(url: str, wire: Wire, model: str, interval: float, recorder: ExchangeRecorder | None) -> float:
    """Fold an answer, and return the CPU time of this thread from the request to the end of its record, in seconds."""
    settings, reply = Settings(api_key=KEY, base_url=url, timeouts=Timeouts(20, 60)), Reply()
    with contextlib.closing(Gateway(settings, get_read_interval=lambda: interval)) as gateway:
        start = time.thread_time()
        for event in gateway.stream(Target(model, wire), QUESTION, Params(), CancelToken(), recorder=recorder):
            reply.add(event)
        if recorder:
            recorder.finish()
        seconds = time.thread_time() - start
    assert reply.finish is not None
    return seconds


def measure(read: Read, rounds: int) -> tuple[float, float, Exchange]:
    """Return the CPU time without recording, with it, and an exchange; of all answers the quarter that noise spares."""
    without, recorded = [], []
    recorder = ExchangeRecorder(RecordingSettings.max_bytes)
    for number in range(-1, rounds):  # the first pair warms up
        recorder = ExchangeRecorder(RecordingSettings.max_bytes)
        for each in (recorder, None) if number % 2 else (None, recorder):
            seconds = read(each)
            if number >= 0:
                (recorded if each else without).append(seconds)
    exchange = recorder.finish()
    assert exchange is not None
    return statistics.quantiles(without, n=4)[0], statistics.quantiles(recorded, n=4)[0], exchange


def measure_save(exchange: Exchange) -> tuple[float, int]:
    """Return the CPU time in seconds to encode and insert an exchange, and its size in the database."""
    times = []
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(f"sqlite:///{folder}/a.db")) as store:
        empty = Path(folder, "a.db-wal").stat().st_size
        for number in range(20):
            copy = Exchange(f"{number}", exchange.target, exchange.attempts, "probe")
            start = time.thread_time()
            store.exchanges.save("ann", copy)
            times.append(time.thread_time() - start)
        size = (Path(folder, "a.db-wal").stat().st_size - empty) // 20
    return statistics.median(times), size


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.event_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin and server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    print("| wire | stream | client, µs/event | recording | to save, µs/event | received | in the database |")
    print("|---|---|--:|--:|--:|--:|--:|")
    try:
        for wire in WIRE_MODULES:
            for name, (count, pause, interval, rounds) in CASES.items():
                read = partial(read_answer, url, wire, f"{count}-{pause}", interval)
                plain, recorded, exchange = measure(read, rounds)
                saved, size = measure_save(exchange)
                received = exchange.attempts[0].response_bytes
                print(
                    f"| {wire} | {name} | {plain / count * 1e6:.1f} | {(recorded / plain - 1) * 100:+.1f} % "
                    f"| {saved / count * 1e6:.1f} | {received / 1024:.0f} KB | {size / 1024:.0f} KB |",
                    flush=True,
                )
    finally:
        server.stdin.close()
        server.wait(20)


if __name__ == "__main__":
    main()
