"""A reading process as seen from the program: start, one exchange at a time, kill."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lib.chat.attachments.protocol import REQUEST_MARK, Message, MessageParser, ProtocolError

log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[3]
# openpyxl would load numpy, which takes a second and 60 MB and is not needed for reading.
_START = "import sys; sys.modules['numpy'] = None; from lib.chat.attachments.worker import main; sys.exit(main())"
# Nothing else of the environment: it holds keys, and the process reads what others wrote.
_ENVIRONMENT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "TZ",
    "TMPDIR",
    "SYSTEMROOT",
)
_CHUNK = 1024 * 1024
# Seconds for what follows a result: the thumbnail, and the end of the child.
_SECONDS_AFTER_RESULT = 8.0
_END_SECONDS = 2.0


@dataclass(frozen=True)
class Exchange:
    """The messages of one request, and how the child ended: its exit code, negative for a signal, None if unknown.

    `peak_memory` is what the file took in bytes, `cpu_seconds` in seconds, both 0 where unknown. `has_timed_out` when
    it was killed.
    """

    messages: tuple[Message, ...]
    exit_code: int | None = None
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    has_timed_out: bool = False


class ReadingProcess:
    """A process that reads files, one at a time. It is started without a fork of this program and its threads."""

    def __init__(self) -> None:
        environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            # One arena: each further one of a thread takes 64 MB of the address space that is limited.
            env={**environment, "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            # A group of its own, to be killed as a whole, and to be left alone by Ctrl-C.
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self.is_reusable = True

    def exchange(self, request: Sequence[bytes], seconds: float, max_bytes: int) -> Exchange:
        """Send a request and return the answer. The process is killed after `seconds` and on too long an answer."""
        self.is_reusable = False
        deadline = time.monotonic() + seconds
        messages: list[Message] = []
        try:
            end = self._follow(request, MessageParser(max_bytes), messages, deadline)
        except TimeoutError:
            self.kill()
            return Exchange(tuple(messages), has_timed_out=True)
        except (ProtocolError, OSError) as error:
            log.warning("The answer of the reading process is invalid: %s.", error)
            self.kill()
            return Exchange(())
        if end is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self.kill()
            return Exchange(tuple(messages), self._process.returncode)
        exit_code, peak, cpu = (end.header.get(key) for key in ("end", "peak", "cpu"))
        self.is_reusable = end.header.get("takes_more") is True and self._process.poll() is None
        if not self.is_reusable:
            self.kill()
        return Exchange(tuple(messages), int(exit_code or 0), int(peak or 0), float(cpu or 0))

    def _follow(
        self, request: Sequence[bytes], parser: MessageParser, messages: list[Message], deadline: float
    ) -> Message | None:
        """Write and read at the same time. Return the last message, None if the process ended without it."""
        waiting = [memoryview(buffer) for buffer in (REQUEST_MARK, *request) if buffer]
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stdin, selectors.EVENT_WRITE)
            while True:
                events = selector.select(max(0.0, deadline - time.monotonic()))
                if not events:
                    raise TimeoutError
                for key, _ in events:
                    if key.fileobj is self._stdin:
                        if not self._write_some(waiting):
                            selector.unregister(self._stdin)
                        continue
                    data = self._stdout.read(_CHUNK)
                    if not data:
                        return None
                    for message in parser.feed(data):
                        if "end" in message.header:
                            return message
                        messages.append(message)
                        deadline = min(deadline, time.monotonic() + _SECONDS_AFTER_RESULT)

    def _write_some(self, waiting: list[memoryview]) -> bool:
        """Write what the pipe takes. Return False when nothing is left to write, or nobody reads it."""
        try:
            written = os.write(self._stdin.fileno(), waiting[0][:_CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError:  # its output tells what happened
            return False
        waiting[0] = waiting[0][written:]
        if not waiting[0]:
            waiting.pop(0)
        return bool(waiting)

    def is_alive(self) -> bool:
        """Return True if the process can take a request."""
        return self.is_reusable and self._process.poll() is None

    def kill(self) -> None:
        """End the process and its child at once."""
        self.is_reusable = False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
