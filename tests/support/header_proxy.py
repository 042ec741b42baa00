"""A proxy that sets headers on each request, in place of those that the client sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping

END = b"\r\n\r\n"


class HeaderProxy:
    """A proxy on a free port, with one request for each connection; a context manager."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._to = ("127.0.0.1", port)
        self.headers = dict(headers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> HeaderProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(30)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while END not in head:
                part = client.recv(65_536)
                if not part:
                    return
                head += part
            head, _, body = head.partition(END)
            with socket.create_connection(self._to) as server:
                server.sendall(self._set_headers(head) + END + body)
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join(30)

    def _set_headers(self, head: bytes) -> bytes:
        first, *lines = head.split(b"\r\n")
        headers = dict(self.headers)
        if b"upgrade:" not in head.lower():
            # The headers of a second request on this connection would pass unread.
            headers["Connection"] = "close"
        dropped = {name.lower().encode() for name in headers}
        passed_on = [line for line in lines if line.partition(b":")[0].lower() not in dropped]
        passed_on += [f"{name}: {value}".encode() for name, value in headers.items()]
        return b"\r\n".join([first, *passed_on])


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65_536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
