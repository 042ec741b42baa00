"""Child processes that use the same database."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[3]
TIMEOUT = 240  # seconds, after which a process is killed
PRELUDE = """
import sys
import sqlalchemy as sa
from lib.core.errors import StoreError
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.engine import connect, read_transaction, write_transaction
from lib.storage.store import Store

def conversation(name, text="Why?"):
    node = Node(f"q{name}", None, Message("user", (TextPart(text),)), 1.0)
    return Conversation(name, "Why?", 2.0, node.id), [node]

def wait():
    print("ready", flush=True)
    sys.stdin.readline()

url = sys.argv[1]
LOCK_TIMEOUT = 120  # seconds; these machines are shared
"""


class Child:
    """Python process that runs `program`, whose `wait()` blocks until `resume()`."""

    def __init__(self, url: str, program: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(program), url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._watchdog = threading.Timer(TIMEOUT, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT)

    def wait_until_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def resume(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self) -> str:
        """Wait for a successful end, and return the output."""
        output, _ = self.process.communicate(timeout=TIMEOUT)
        assert self.process.returncode == 0
        return output
