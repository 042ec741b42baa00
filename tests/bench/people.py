"""How many people can watch an answer come before the lag of a token passes LAG, beside a naive app.

.venv/bin/python -m tests.bench.people

One process, three replicas behind nginx, and a naive app take turns on this machine, which runs the gateway
and the readers as well. These speak Streamlit's websocket themselves: browsers would take more than servers.
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

LAG = 250  # ms, of 95 in 100 tokens
RATE, SECONDS = 50, 12  # tokens a second of each answer, and for how long
THINKING = 0.5  # seconds before the first token
SPREAD = 5.0  # seconds over which people ask: nobody does so in the same instant
PARAGRAPH = 40  # tokens
PEOPLE = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
SETTLING = 2.0  # seconds for what a page still paints and saves when its answer is there
SECRET = "a secret of the proxy"
HERE = Path(__file__).parent
STAMP = re.compile(r"\d{10,}")  # a token is the moment that it was sent, in microseconds
TAIL = 3_000  # characters in which what is new must stand
MODELS = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()


def now() -> int:
    """Microseconds of a clock that all processes of the machine share."""
    return time.monotonic_ns() // 1000


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A gateway that streams tokens at a steady pace to whoever asks, each the moment that it was sent."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(size[1]) if size else 0)
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS))
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            begun = time.monotonic() + THINKING
            for number in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
                gap = "\n\n" if number % PARAGRAPH == PARAGRAPH - 1 else " "
                _delta(writer, {"content": f"{now()}{gap}"}, None)
                await writer.drain()
            _delta(writer, {}, "stop")
            writer.write(b"data: [DONE]\n\n")
            break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _delta(writer: asyncio.StreamWriter, delta: dict[str, str], finish: str | None) -> None:
    data = {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    writer.write(b"data: %s\n\n" % json.dumps(data).encode())


def gateway(port: multiprocessing.Queue[int]) -> None:
    """Serve until the process is ended; tells its port."""

    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@dataclass
class Reader:
    """Somebody with the page open: how late each token came, in ms."""

    url: str
    name: str
    lags: list[float] = field(default_factory=list)
    box: str = ""
    page: str = ""
    read_by_now: set[str] = field(default_factory=set)

    async def read(self, ready: asyncio.Barrier, pause: float) -> None:
        """Open the page, ask `pause` seconds after all have it open, and read the answer to its end."""
        headers = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": f"{self.name}@example.com"}
        address = f"{self.url.replace('http', 'ws')}/_stcore/stream"
        async with connect(address, origin=self.url, additional_headers=headers, max_size=None) as socket:
            taking = asyncio.create_task(self._take(socket))
            await socket.send(self._run(""))
            await self._painted()
            await ready.wait()
            await asyncio.sleep(pause)
            await socket.send(self._run("Go"))
            while len(self.lags) < RATE * SECONDS:
                await asyncio.sleep(0.1)
            await self._painted()
            taking.cancel()

    async def _painted(self) -> None:
        """Wait until the page has its box, and some time for what stands around it."""
        while not self.box:
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLING)

    def _run(self, words: str) -> bytes:
        message = BackMsg()
        message.rerun_script.query_string = "model=m&wire=openai"
        message.rerun_script.page_script_hash = self.page
        if words:
            box = message.rerun_script.widget_states.widgets.add()
            box.id = self.box
            box.chat_input_value.data = words
        return message.SerializeToString()

    async def _take(self, socket: object) -> None:
        async for data in socket:  # type: ignore[attr-defined]
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page = message.new_session.page_script_hash
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                if element.WhichOneof("type") == "chat_input":
                    self.box = element.chat_input.id
                elif element.WhichOneof("type") == "markdown":
                    self._saw(element.markdown.body[-TAIL:])

    def _saw(self, text: str) -> None:
        seen = now()
        # Not by the newest: a block that is finished can be sent after the next has begun.
        fresh = set(STAMP.findall(text)) - self.read_by_now
        self.lags += [(seen - int(sent)) / 1000 for sent in fresh]
        self.read_by_now |= fresh


async def watch(url: str, people: int, turn: int) -> list[float]:
    """The lags of all the tokens that so many people got at once."""
    ready = asyncio.Barrier(people)
    readers = [Reader(url, f"p{turn}-{number}") for number in range(people)]
    await asyncio.wait_for(
        asyncio.gather(
            *(reader.read(ready, SPREAD * number / people) for number, reader in enumerate(readers))
        ),
        300,
    )
    return sorted(lag for reader in readers for lag in reader.lags)


@contextmanager
def gateway_running() -> Iterator[dict[str, str]]:
    """A gateway, as the settings of an Antler that asks it and is told by a proxy who is who."""
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    serving = multiprocessing.Process(target=gateway, args=(port,), daemon=True)
    serving.start()
    yield {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"http://127.0.0.1:{port.get()}",
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
    }
    serving.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, gateway_running() as settings, ExitStack() as stack:
        plain = Path(folder) / "naive"
        (Path(folder) / "many").mkdir()
        plain.mkdir()
        shutil.copy(HERE / "naive.py", plain / "app.py")
        naive = AppServer(plain, {"BENCH_URL": settings["DEERAPI_BASE_URL"]}, program=plain)
        stack.callback(naive.close)
        alone = AppServer(Path(folder) / "antler", settings)
        stack.callback(alone.close)
        many = stack.enter_context(Fleet(Path(folder) / "many", settings))
        urls = {"naive": naive.url, "Antler": alone.url, "Antler, three replicas": many.url}
        print(f"| people | {' | '.join(f'{name}: p50, p95 ms' for name in urls)} |")
        print("|---" * (1 + len(urls)) + "|")
        over: set[str] = set()
        for people in PEOPLE:
            cells = []
            for turn, (name, url) in enumerate(urls.items()):
                if name in over:
                    cells.append("")
                    continue
                lags = asyncio.run(watch(url, people, 100 * people + turn))
                half, most = statistics.median(lags), lags[int(len(lags) * 0.95)]
                cells.append(f"{half:.0f}, {most:.0f}")
                if most > LAG:
                    over.add(name)
            print(f"| {people} | {' | '.join(cells)} |", flush=True)
            if len(over) == len(urls):
                break


if __name__ == "__main__":
    main()
