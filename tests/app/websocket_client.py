"""Websocket client of the tests: the connection of a page to a running server."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.support.app_server import AppServer

RECEIVE_SECONDS = 60


def open_websocket(app: AppServer, **headers: str) -> ClientConnection:
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    address = f"{app.url.replace('http', 'ws')}/_stcore/stream"
    return connect(address, origin=app.url, subprotocols=["streamlit"], additional_headers=request_headers)


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
