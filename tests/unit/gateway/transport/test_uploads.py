"""Requests with large files on a connection that does not take them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from lib.config.settings import Settings, Timeouts
from lib.core import errors
from lib.core.conversation import FilePart, Message
from lib.core.file_content import FileContent
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.unit.gateway.recordings import KEY

SIZE = 30_000_000  # more than the buffers of a connection hold
WAIT = 20.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        yield server


@contextlib.contextmanager
def client_of(listener: socket.socket) -> Iterator[Gateway]:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    timeouts = Timeouts(connect=WAIT, first_byte=WAIT, idle=WAIT)
    client = Gateway(Settings(api_key=KEY, base_url=url, timeouts=timeouts, retries=0))
    yield client
    client.close()


def upload(client: Gateway, cancel: CancelToken, on_load: threading.Event) -> None:
    """Send a question with a large image."""

    def load() -> bytes:
        on_load.set()
        return bytes(SIZE)

    part = FilePart("digest", "large.png", "image/png", SIZE, "image")
    files = {part.digest: FileContent(part.digest, part.media_type, SIZE, load)}
    list(client.stream(Target("m", "openai"), [Message("user", (part,))], Params(), cancel, files=files))


def test_stop_ends_an_upload_that_the_gateway_does_not_read(listener: socket.socket) -> None:
    cancel, on_load = CancelToken(), threading.Event()
    with client_of(listener) as client:
        failures: list[BaseException] = []

        def run() -> None:
            try:
                upload(client, cancel, on_load)
            except errors.AnswerError as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        connection, _ = listener.accept()
        with connection:
            assert on_load.wait(WAIT)
            cancel.cancel()
            thread.join(WAIT)
            assert not thread.is_alive()
    assert len(failures) <= 1  # which the cancelled generation does not show


def test_a_refusal_before_the_end_of_the_body_is_the_error(listener: socket.socket) -> None:
    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            body = b'{"error": {"message": "request body too large", "type": "new_api_error"}}'
            head = b"HTTP/1.1 413 Payload Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass

    server = threading.Thread(target=refuse)
    server.start()
    with client_of(listener) as client, pytest.raises(errors.RequestTooLarge) as raised:
        upload(client, CancelToken(), threading.Event())
    server.join(WAIT)
    assert raised.value.status == 413
