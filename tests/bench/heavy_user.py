"""Lag of tokens and clicks of one user, alone and beside another user who does the worst that the page allows.

.venv/bin/python -m tests.bench.heavy_user

The heavy user has the maximum of running answers, each a text that is expensive to render, reads them all, and
searches a history of long messages as fast as the page responds. Both use one process, and speak Streamlit's protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.store import Store
from tests.bench.concurrent_users import MODELS, RATE, SECRET, now
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer

ROUNDS = 2  # with and without the heavy user, in turns
DURATION = 8.0  # seconds of the measured answer
HEAVY_ANSWERS = 10
HISTORY, MESSAGE_LENGTH = 100, 10_000
PIECE = 400  # characters of a heavy delta
TAIL_LENGTH = 3_000
# Small texts that cost a renderer much, one after the other.
HEAVY_TEXT = "".join(
    [
        "|" + "a|" * 90 + "\n|" + "-|" * 90 + "\n" + ("|" + "**b**|" * 90 + "\n") * 20 + "\n",
        *(f"{'  ' * level}- item `x` $y_{level}$\n" for level in range(30)),
        "\n$$\n\\begin{matrix}" + ("a & " * 30 + "b \\\\\n") * 30 + "\\end{matrix}\n$$\n\n",
        "*a **b _c_ [d](https://e.com/" * 60 + "\n\n",
        "```python\n" + "x = [1, 2, (3), {4: 5}] + f(a, b)\n" * 80 + "```\n\n",
    ]
)


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stream the time of sending at a steady rate, or for the model "heavy" 4,000 characters a second."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
            )
            body = await reader.readexactly(length)
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS))
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            await (_stream_heavy if b'"heavy"' in body else _stream_times)(writer)
            break
    writer.close()


async def _stream_times(writer: asyncio.StreamWriter) -> None:
    start = time.monotonic() + 0.5
    for number in range(int(RATE * DURATION)):
        await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
        separator = "\n\n" if number % 40 == 39 else " "
        await _send(writer, {"content": f"{now()}{separator}"}, None)
    await _send(writer, {}, "stop")


async def _stream_heavy(writer: asyncio.StreamWriter) -> None:
    while True:
        for start in range(0, len(HEAVY_TEXT), PIECE):
            await _send(writer, {"content": HEAVY_TEXT[start : start + PIECE]}, None)
            await asyncio.sleep(0.1)


async def _send(writer: asyncio.StreamWriter, delta: dict[str, str], reason: str | None) -> None:
    data = {"id": "a", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    writer.write(b"data: %s\n\n" % json.dumps(data).encode())
    await writer.drain()


def _run_gateway(port: multiprocessing.Queue[int]) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(_serve_connection, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Tab:
    """A page of a user: its widgets by label, and the lag of each token that it shows, in milliseconds."""

    def __init__(self, socket: ClientConnection, model: str) -> None:
        self._socket = socket
        self._query = f"model={model}&wire=openai"
        self._page = ""
        self._widgets: dict[str, str] = {}
        self._finished = asyncio.Event()
        self._seen: set[str] = set()
        self.lags: list[float] = []

    async def receive(self) -> None:
        async for data in self._socket:
            message = ForwardMsg.FromString(data)  # type: ignore[arg-type]
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._page = message.new_session.page_script_hash
            elif kind == "script_finished":
                self._finished.set()
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                match element.WhichOneof("type"):
                    case "chat_input":
                        self._widgets["chat"] = element.chat_input.id
                    case "button":
                        # The id ends with the key.
                        self._widgets[f"button-{element.button.id.split('-', 2)[-1]}"] = element.button.id
                    case "text_input":
                        self._widgets[element.text_input.label] = element.text_input.id
                    case "markdown":
                        self._record(element.markdown.body[-TAIL_LENGTH:])

    def _record(self, text: str) -> None:
        times = {word for word in text.split() if word.isdecimal() and len(word) > 9} - self._seen
        self.lags += [(now() - int(word)) / 1000 for word in times]
        self._seen |= times

    async def run(self, question: str = "", search: str = "", *, waits: bool = True) -> float:
        """Run the page, with a question or a search; returns the milliseconds to the end of the run."""
        message = BackMsg()
        message.rerun_script.query_string = self._query
        message.rerun_script.page_script_hash = self._page
        if question:
            widget = message.rerun_script.widget_states.widgets.add()
            widget.id, widget.chat_input_value.data = self._widgets["chat"], question
        if search:
            label = next(name for name in self._widgets if "earch" in name)
            widget = message.rerun_script.widget_states.widgets.add()
            widget.id, widget.string_value = self._widgets[label], search
        return await self._send(message, waits=waits)

    def has_button(self, key: str) -> bool:
        """Return True if the page has, or had, a button with that key."""
        return f"button-{key}" in self._widgets

    async def press(self, key: str) -> None:
        """Press a button, without waiting for the end of the run."""
        message = BackMsg()
        message.rerun_script.query_string = self._query
        message.rerun_script.page_script_hash = self._page
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id, widget.trigger_value = self._widgets[f"button-{key}"], True
        await self._send(message, waits=False)

    def drop(self) -> None:
        """Lose the connection, without a word to the server."""
        self._socket.transport.abort()

    async def _send(self, message: BackMsg, *, waits: bool) -> float:
        self._finished.clear()
        start = time.monotonic()
        await self._socket.send(message.SerializeToString())
        if waits:
            await asyncio.wait_for(self._finished.wait(), 120)
        return (time.monotonic() - start) * 1000


@contextlib.asynccontextmanager
async def open_tab(url: str, name: str, model: str = "m"):
    headers = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": f"{name}@example.com"}
    address = f"{url.replace('http', 'ws')}/_stcore/stream"
    async with connect(address, origin=url, additional_headers=headers, max_size=None, ping_interval=None) as socket:
        tab = Tab(socket, model)
        receiver = asyncio.create_task(tab.receive())
        await tab.run()
        yield tab
        receiver.cancel()


async def measure(url: str, number: int) -> tuple[list[float], list[float]]:
    """Return the sorted lags of the tokens of an answer, and of clicks in another tab."""
    clicks: list[float] = []
    async with open_tab(url, f"user{number}") as reading, open_tab(url, f"user{number}") as clicking:
        await reading.run("Go", waits=False)
        end = time.monotonic() + DURATION + 1
        while time.monotonic() < end:
            clicks.append(await clicking.run())
            await asyncio.sleep(0.3)
        for _ in range(600):
            if len(reading.lags) >= RATE * DURATION:
                break
            await asyncio.sleep(0.1)
    return sorted(reading.lags), sorted(clicks)


def run_heavy_user(url: str, ready: Event, stop: Event) -> None:
    """Be heavy in a process of its own, in which the other user's messages do not wait."""
    asyncio.run(be_heavy(url, ready, stop))


async def be_heavy(url: str, ready: Event, stop: Event) -> None:
    """Ask for the maximum of answers, read them, and search until `stop`."""
    searches = 0
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(HEAVY_ANSWERS):
            tab = await stack.enter_async_context(open_tab(url, "heavy", "heavy"))
            await tab.run("Go", waits=False)
        searching = await stack.enter_async_context(open_tab(url, "heavy"))
        ready.set()
        while not stop.is_set():
            await searching.run(search=f"word{searches % 50} number")
            searches += 1
    print(f"searches: {searches}", file=sys.stderr)


@contextmanager
def running_server() -> Iterator[str]:
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_run_gateway, args=(port,), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": f"http://127.0.0.1:{port.get()}"}
        access = {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET}
        database = f"sqlite:///{folder}/bench.db"
        store = Store(database)
        seed_history(store)
        store.close()
        server = AppServer(Path(folder) / "app", {**settings, **access, "ANTLER_DATABASE_URL": database})
        yield server.url
        server.close()
    process.terminate()


def seed_history(store: Store) -> None:
    """Store long messages of the heavy user, who signs in by the proxy's header."""
    text = " ".join(f"word{number % 997} number" for number in range(MESSAGE_LENGTH // 14))
    records = []
    for number in range(HISTORY):
        node = Node(f"n{number}", None, Message("user", (TextPart(text),)), float(number))
        records.append((Conversation(f"c{number}", f"Chat {number}", float(number), node.id), [node]))
    store.conversations.import_all("proxy:heavy@example.com", records)


async def compare(url: str) -> None:
    alone: list[tuple[list[float], list[float]]] = []
    beside: list[tuple[list[float], list[float]]] = []
    for number in range(ROUNDS):
        alone.append(await measure(url, 2 * number))
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        heavy = multiprocessing.Process(target=run_heavy_user, args=(url, ready, stop), daemon=True)
        heavy.start()
        await asyncio.to_thread(ready.wait, 120)
        beside.append(await measure(url, 2 * number + 1))
        stop.set()
        await asyncio.to_thread(heavy.join, 120)
    print("| | alone, ms | beside a heavy user, ms | ratio |\n|---|--:|--:|--:|")
    for index, name in enumerate(("token lag", "click")):
        for label, share in (("median", 0.5), ("95th percentile", 0.95)):
            values = [
                statistics.median(round_[index][int((len(round_[index]) - 1) * share)] for round_ in rounds)
                for rounds in (alone, beside)
            ]
            print(f"| {name}, {label} | {values[0]:.0f} | {values[1]:.0f} | {values[1] / values[0]:.2f} |", flush=True)


if __name__ == "__main__":
    with running_server() as server_url:
        asyncio.run(compare(server_url))
