"""A page of a Streamlit app without a browser: its users cost less CPU than the server that they measure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.bench.gateway import TIMESTAMP, now

SECRET = "a secret of the proxy"
TAIL_LENGTH = 3_000  # bytes of a message that are searched for new times


class Tab:
    """A page of a user: its widgets by label, and the lag of each time that it shows, in milliseconds."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._query = "model=bench&wire=openai"
        self._page = ""
        self._widgets: dict[str, str] = {}
        self._finished = asyncio.Event()
        self._seen: set[int] = set()
        self.lags: list[float] = []

    async def receive(self) -> None:
        """Take messages until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            async for data in self._socket:
                assert isinstance(data, bytes)
                self._receive(data)

    def _receive(self, data: bytes) -> None:
        self._record(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "script_finished":
            # A run that another one replaces has not rendered all.
            if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
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

    def _record(self, data: bytes) -> None:
        received_at = now()
        # Compared as sets: a finished block can be sent after the next one has started.
        times = set(map(int, TIMESTAMP.findall(data[-TAIL_LENGTH:]))) - self._seen
        self.lags += [(received_at - sent_at) / 1000 for sent_at in times]
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


def proxy_headers(name: str) -> dict[str, str]:
    """Return the headers by which a proxy signs a user in."""
    return {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": f"{name}@example.com"}


@contextlib.asynccontextmanager
async def open_tab(url: str, name: str) -> AsyncIterator[Tab]:
    """Open a page of a user that a proxy has signed in, and yield it after its first run."""
    address = f"{url.replace('http', 'ws')}/_stcore/stream"
    async with connect(
        address, origin=url, additional_headers=proxy_headers(name), max_size=None, ping_interval=None
    ) as socket:
        tab = Tab(socket)
        receiver = asyncio.create_task(tab.receive())
        await tab.run()
        yield tab
        receiver.cancel()
