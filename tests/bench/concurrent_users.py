"""Lag of streamed tokens by the number of concurrent users, up to MAX_LAG, compared with a naive app.

.venv/bin/python -m tests.bench.concurrent_users

One process, three replicas behind nginx, and a naive app take turns on one machine, which runs the gateway
and the users as well. Users speak Streamlit's websocket protocol: browsers would need more CPU than servers.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from tests.browser.conftest import KEY
from tests.support.app_server import AppServer
from tests.support.fleet import Fleet

MAX_LAG = 250  # milliseconds, 95th percentile
RATE, DURATION = 50, 12  # tokens per second of each answer, seconds
FIRST_TOKEN_DELAY = 0.5  # seconds
ARRIVAL_SPREAD = 5.0  # seconds over which the users' questions are spread
TOKENS_PER_PARAGRAPH = 40
USER_COUNTS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
SETTLE_TIME = 2.0  # seconds in which a page renders and saves the rest after its answer
SECRET = "a secret of the proxy"
HERE = Path(__file__).parent
TIMESTAMP = re.compile(r"\d{10,}")  # a token is the time of sending in microseconds
TAIL_LENGTH = 3_000  # characters of an element that are searched for new tokens
MODELS = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()


def now() -> int:
    """Monotonic time in microseconds; all processes of the machine share the clock."""
    return time.monotonic_ns() // 1000


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stream tokens at a steady rate; each is its time of sending."""
    try:
        while request_head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"content-length: *(\d+)", request_head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            if request_head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS))
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            start = time.monotonic() + FIRST_TOKEN_DELAY
            for number in range(RATE * DURATION):
                await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
                separator = "\n\n" if number % TOKENS_PER_PARAGRAPH == TOKENS_PER_PARAGRAPH - 1 else " "
                _delta(writer, {"content": f"{now()}{separator}"}, None)
                await writer.drain()
            _delta(writer, {}, "stop")
            writer.write(b"data: [DONE]\n\n")
            break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _delta(writer: asyncio.StreamWriter, delta: dict[str, str], finish_reason: str | None) -> None:
    data = {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
    writer.write(b"data: %s\n\n" % json.dumps(data).encode())


def run_gateway(port: multiprocessing.Queue[int]) -> None:
    """Serve until the process is terminated; puts the port into the queue."""

    async def serve() -> None:
        server = await asyncio.start_server(_serve_connection, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@dataclass
class User:
    """A user with the page open, and the lag of each token in milliseconds."""

    url: str
    name: str
    lags: list[float] = field(default_factory=list)
    composer_id: str = ""
    page: str = ""
    seen_timestamps: set[str] = field(default_factory=set)

    async def ask_and_read(self, ready: asyncio.Barrier, delay: float) -> None:
        """Open the page, ask `delay` seconds after all users have, and read the whole answer."""
        headers = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": f"{self.name}@example.com"}
        address = f"{self.url.replace('http', 'ws')}/_stcore/stream"
        async with connect(address, origin=self.url, additional_headers=headers, max_size=None) as socket:
            receiver = asyncio.create_task(self._receive_messages(socket))
            await socket.send(self._rerun_message(""))
            await self._wait_until_rendered()
            await ready.wait()
            await asyncio.sleep(delay)
            await socket.send(self._rerun_message("Go"))
            while len(self.lags) < RATE * DURATION:
                await asyncio.sleep(0.1)
            await self._wait_until_rendered()
            receiver.cancel()

    async def _wait_until_rendered(self) -> None:
        """Wait for the composer, and SETTLE_TIME for the rest of the page."""
        while not self.composer_id:
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_TIME)

    def _rerun_message(self, question: str) -> bytes:
        message = BackMsg()
        message.rerun_script.query_string = "model=m&wire=openai"
        message.rerun_script.page_script_hash = self.page
        if question:
            widget = message.rerun_script.widget_states.widgets.add()
            widget.id = self.composer_id
            widget.chat_input_value.data = question
        return message.SerializeToString()

    async def _receive_messages(self, socket: object) -> None:
        async for data in socket:  # type: ignore[attr-defined]
            message = ForwardMsg.FromString(data)
            message_type = message.WhichOneof("type")
            if message_type == "new_session":
                self.page = message.new_session.page_script_hash
            elif message_type == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                if element.WhichOneof("type") == "chat_input":
                    self.composer_id = element.chat_input.id
                elif element.WhichOneof("type") == "markdown":
                    self._record_tokens(element.markdown.body[-TAIL_LENGTH:])

    def _record_tokens(self, text: str) -> None:
        received_at = now()
        # Compared as sets: a finished block can be sent after the next one has started.
        new_timestamps = set(TIMESTAMP.findall(text)) - self.seen_timestamps
        self.lags += [(received_at - int(sent_at)) / 1000 for sent_at in new_timestamps]
        self.seen_timestamps |= new_timestamps


async def measure_lags(url: str, user_count: int, run_number: int) -> list[float]:
    """Sorted lags of all tokens of so many concurrent users, in milliseconds."""
    ready = asyncio.Barrier(user_count)
    users = [User(url, f"p{run_number}-{number}") for number in range(user_count)]
    await asyncio.wait_for(
        asyncio.gather(
            *(user.ask_and_read(ready, ARRIVAL_SPREAD * number / user_count) for number, user in enumerate(users))
        ),
        300,
    )
    return sorted(lag for user in users for lag in user.lags)


@contextmanager
def running_gateway() -> Iterator[dict[str, str]]:
    """Run the gateway; yields the settings of an app that uses it and signs users in by proxy headers."""
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=run_gateway, args=(port,), daemon=True)
    process.start()
    yield {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"http://127.0.0.1:{port.get()}",
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
    }
    process.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_gateway() as settings, ExitStack() as stack:
        naive_folder = Path(folder) / "naive"
        (Path(folder) / "many").mkdir()
        naive_folder.mkdir()
        shutil.copy(HERE / "naive.py", naive_folder / "app.py")
        naive = AppServer(naive_folder, {"BENCH_URL": settings["DEERAPI_BASE_URL"]}, program=naive_folder)
        stack.callback(naive.close)
        single = AppServer(Path(folder) / "antler", settings)
        stack.callback(single.close)
        fleet = stack.enter_context(Fleet(Path(folder) / "many", settings))
        urls = {"naive": naive.url, "Antler": single.url, "Antler, three replicas": fleet.url}
        print(f"| users | {' | '.join(f'{name}: p50, p95 ms' for name in urls)} |")
        print("|---" * (1 + len(urls)) + "|")
        overloaded: set[str] = set()
        for user_count in USER_COUNTS:
            cells = []
            for run_number, (name, url) in enumerate(urls.items()):
                if name in overloaded:
                    cells.append("")
                    continue
                lags = asyncio.run(measure_lags(url, user_count, 100 * user_count + run_number))
                median, p95 = statistics.median(lags), lags[int(len(lags) * 0.95)]
                cells.append(f"{median:.0f}, {p95:.0f}")
                if p95 > MAX_LAG:
                    overloaded.add(name)
            print(f"| {user_count} | {' | '.join(cells)} |", flush=True)
            if len(overloaded) == len(urls):
                break


if __name__ == "__main__":
    main()
