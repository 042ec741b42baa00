"""Websocket client of the tests: the connection of a page to a running server."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.app_server import AppServer

RECEIVE_SECONDS = 60


def open_websocket(app: AppServer, **headers: str) -> ClientConnection:
    return open_websocket_at(app.url, **headers)


def open_websocket_at(url: str, *protocols: str, **headers: str) -> ClientConnection:
    """Open the websocket of a page, with the subprotocols that its browser offers."""
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    address = f"{url.replace('http', 'ws')}/_stcore/stream"
    return connect(
        address,
        origin=url,
        subprotocols=[Subprotocol(name) for name in protocols or ("streamlit",)],
        additional_headers=request_headers,
        # Without pings of its own, to which a busy machine answers late.
        ping_interval=None,
        # Behind a full queue of unread messages, closing waits ten seconds for the server's answer.
        max_queue=None,
    )


def ask(websocket: ClientConnection, question: str, query: str) -> None:
    """Open the chat page with a query string and submit a question; the answer is not awaited."""
    message = BackMsg()
    message.rerun_script.query_string = query
    websocket.send(message.SerializeToString())
    composer_id, received = "", ForwardMsg()
    while not received.HasField("script_finished"):
        data = websocket.recv(timeout=RECEIVE_SECONDS)
        assert isinstance(data, bytes)
        received = ForwardMsg.FromString(data)
        if received.HasField("new_session"):
            message.rerun_script.page_script_hash = received.new_session.page_script_hash
        element = received.delta.new_element
        if element.WhichOneof("type") == "chat_input":
            composer_id = element.chat_input.id
    assert composer_id, "the page has no input"
    widget = message.rerun_script.widget_states.widgets.add()
    widget.id, widget.chat_input_value.data = composer_id, question
    websocket.send(message.SerializeToString())


def rerun_message() -> bytes:
    message = BackMsg()
    message.rerun_script.query_string = ""
    return message.SerializeToString()


def receive_run(websocket: ClientConnection) -> str:
    """Return what the messages of a run hold, as text."""
    received = b""
    while True:
        data = websocket.recv(timeout=RECEIVE_SECONDS)
        assert isinstance(data, bytes)
        received += data
        if ForwardMsg.FromString(data).HasField("script_finished"):
            return received.decode("utf-8", "replace")
