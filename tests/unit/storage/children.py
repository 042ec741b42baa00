"""Other processes that use the same database: they run a piece of a program, and say when they are there."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[3]
BEFORE = """
import sys
import sqlalchemy as sa
from lib.core.errors import StoreError
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.engine import connect, read_transaction, write_transaction
from lib.storage.store import Store

def talk(name, text="Why?"):
    node = Node(f"q{name}", None, Message("user", (TextPart(text),)), 1.0)
    return Conversation(name, "Why?", 2.0, node.id), [node]

def wait():
    print("there", flush=True)
    sys.stdin.readline()

url = sys.argv[1]
LOCK_TIMEOUT = 120  # seconds; these machines are shared
"""


class Child:
    """A process that runs `program`, which may `wait()`; `go` lets it on."""

    def __init__(self, url: str, program: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEFORE + textwrap.dedent(program), url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def there(self) -> None:
        """Until it waits."""
        assert self.process.stdout
        assert self.process.stdout.readline() == "there\n"

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Until it has ended well; what it said."""
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return said
