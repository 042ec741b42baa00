"""Child processes that use the same database, forked from a process that has imported the store."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import textwrap
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Self

import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError
from lib.storage.database.engine import connect, read_transaction, write_transaction
from lib.storage.store import Store

TIMEOUT = 240  # seconds to wait for a message or for the end of a process
LOCK_TIMEOUT = 120.0  # seconds; these machines are shared

# A fork from this process would copy its threads' locks and its open connections.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def conversation(name: str, text: str = "Why?") -> tuple[Conversation, list[Node]]:
    node = Node(f"q{name}", None, Message("user", (TextPart(text),)), 1.0)
    return Conversation(name, "Why?", 2.0, node.id), [node]


NAMES = {
    "LOCK_TIMEOUT": LOCK_TIMEOUT,
    "Store": Store,
    "StoreError": StoreError,
    "connect": connect,
    "conversation": conversation,
    "read_transaction": read_transaction,
    "sa": sa,
    "write_transaction": write_transaction,
}


def _run(program: str, url: str, connection: Connection) -> None:
    def wait() -> Any:
        connection.send("ready")
        return connection.recv()

    exec(program, {**NAMES, "url": url, "wait": wait, "send": connection.send})


def _start(process: BaseProcess) -> None:
    """Start a process that does not run the main module again: Streamlit's page tests leave a page in its place."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main


class Child:
    """Process that runs `program` with NAMES and `url`.

    Its `wait()` blocks until `resume(message)` and returns the message; `send(result)` sets the result.
    """

    def __init__(self, url: str, program: str) -> None:
        self._connection, other_end = _context.Pipe()
        self.process = _context.Process(target=_run, args=(textwrap.dedent(program), url, other_end), daemon=True)
        _start(self.process)
        other_end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join(TIMEOUT)
        self._connection.close()

    def wait_until_ready(self) -> None:
        assert self._receive() == "ready"

    def resume(self, message: Any = None) -> None:
        self._connection.send(message)

    def finish(self) -> Any:
        """Wait for a successful end, and return the result."""
        result = None
        try:
            while True:
                result = self._receive()
        except EOFError:
            self.process.join(TIMEOUT)
        assert self.process.exitcode == 0
        return result

    def _receive(self) -> Any:
        assert self._connection.poll(TIMEOUT), "the process sends nothing"
        return self._connection.recv()


@contextlib.contextmanager
def start_children(url: str, program: str, count: int) -> Iterator[list[Child]]:
    """Start processes that all wait to be resumed, so that what follows is a race."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(url, program)) for _ in range(count)]
        for child in children:
            child.wait_until_ready()
        yield children
