"""AttachmentReader: attached files in, values out; each file is read in a process with limits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lib.chat.attachments import protocol
from lib.chat.attachments.names import sanitize_name
from lib.chat.attachments.process import Exchange, ReadingProcess
from lib.chat.attachments.result import build_attachment, build_previews
from lib.core.attachment_errors import (
    AttachmentsDisabled,
    EmptyFile,
    FileReaderBusy,
    FileReaderFailed,
    FileTooLarge,
    MessageFilesTooLarge,
    TooManyFiles,
)
from lib.core.attachments import Attachment, AttachmentLimits
from lib.core.images import format_size

log = logging.getLogger(__name__)
_IDLE_SECONDS = 60.0
_MAX_WAIT_SECONDS = 60.0
# The limit is one of CPU time, which a loaded machine takes longer to give.
_CLOCK_FACTOR = 4.0
# Starting is no part of what a file may take.
_START_SECONDS = 30.0
# Four bytes a character, the converted file, and pictures.
_MAX_RESULT_OVERHEAD = 16_000_000


@dataclass
class ReaderStatus:
    """The last exchange of a reader, for tests and logs: memory in bytes beside the libraries, seconds of CPU time."""

    peak_memory: int = 0
    cpu_seconds: float = 0.0
    exit_code: int | None = None


class AttachmentReader:
    """Reader of attached files; one for the whole process, used from any thread.

    At most `processes` files are read at once. A process stays for a minute after its last file, since starting one
    takes about a second; it has no file any more by then.
    """

    def __init__(self, limits: AttachmentLimits | None, processes: int = 2) -> None:
        """Take the limits, None to refuse all files."""
        self._limits = limits
        self._slots = threading.BoundedSemaphore(processes)
        self._lock = threading.Lock()
        self._idle: list[tuple[ReadingProcess, float]] = []
        self._timer: threading.Timer | None = None
        self._is_closed = False
        self.status = ReaderStatus()

    @property
    def is_enabled(self) -> bool:
        return self._limits is not None

    @property
    def limits(self) -> AttachmentLimits:
        """Return the limits. Raises AttachmentsDisabled."""
        if self._limits is None:
            raise AttachmentsDisabled
        return self._limits

    def check(self, files: Sequence[tuple[str, int]]) -> None:
        """Check names and sizes of the files of one message, before any is read. Raises AttachmentError."""
        limits = self.limits
        for name, size in files:
            self._check_size(sanitize_name(name), size)
        if len(files) > limits.max_files:
            raise TooManyFiles(sanitize_name(files[limits.max_files][0]), limit=limits.max_files)
        if (total := sum(size for _, size in files)) > limits.max_message_bytes:
            raise MessageFilesTooLarge(size=format_size(total), limit=format_size(limits.max_message_bytes))

    def read(
        self, name: str, data: bytes, pages: str = "", *, seconds: float | None = None, is_page: bool = False
    ) -> Attachment:
        """Return a file as an attachment; `pages` chooses pages of a PDF, such as "1-3, 7"; `is_page`: one of the web.

        It takes at most `seconds` by the clock, by default four times the limit of CPU time. Raises AttachmentError,
        with a sentence for the user as its code; the other files and the program are as before.
        """
        name = sanitize_name(name)
        self._check_size(name, len(data))
        exchange = self._run(name, data, pages, previews=False, seconds=seconds, is_page=is_page)
        return build_attachment(name, data, exchange, self.limits)

    def previews(self, name: str, data: bytes, pages: str = "", *, seconds: float | None = None) -> dict[int, bytes]:
        """Return small WebP images of the pages of a PDF by number, of the first 40 where they are more.

        Raises AttachmentError.
        """
        name = sanitize_name(name)
        self._check_size(name, len(data))
        return build_previews(name, self._run(name, data, pages, previews=True, seconds=seconds), self.limits)

    def close(self) -> None:
        """End all idle processes; one that reads a file ends after it."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            if self._timer:
                self._timer.cancel()
        for process, _ in idle:
            process.kill()

    def _check_size(self, name: str, size: int) -> None:
        if size > self.limits.max_file_bytes:
            raise FileTooLarge(name, size=format_size(size), limit=format_size(self.limits.max_file_bytes))
        if not size:
            raise EmptyFile(name)

    def _run(
        self, name: str, data: bytes, choice: str, *, previews: bool, seconds: float | None, is_page: bool = False
    ) -> Exchange:
        limits = self.limits
        header = {"name": name, "choice": choice[:200], "limits": asdict(limits)}
        request = protocol.pack({**header, "previews": previews, "is_page": is_page}, [data])
        seconds = seconds or limits.seconds * _CLOCK_FACTOR
        # Text and file, in the worst case as large as they may be.
        max_bytes = 4 * limits.max_text_chars + 2 * limits.max_file_bytes + _MAX_RESULT_OVERHEAD
        if not self._slots.acquire(timeout=_MAX_WAIT_SECONDS):
            raise FileReaderBusy(name)
        try:
            process, is_new = self._take_process(name)
            exchange = process.exchange(request, seconds + (_START_SECONDS if is_new else 0), max_bytes)
            self._give_back(process)
        finally:
            self._slots.release()
        self.status = ReaderStatus(exchange.peak_memory, exchange.cpu_seconds, exchange.exit_code)
        return exchange

    def _take_process(self, name: str) -> tuple[ReadingProcess, bool]:
        """Return an idle process, or a new one and True."""
        with self._lock:
            while self._idle:
                process, _ = self._idle.pop()
                if process.is_alive():
                    return process, False
                process.kill()
        try:
            return ReadingProcess(), True
        except OSError as error:  # no memory or no more processes on this machine
            log.error("The reading process cannot be started: %s.", error)
            raise FileReaderFailed(name) from None

    def _give_back(self, process: ReadingProcess) -> None:
        with self._lock:
            if process.is_reusable and not self._is_closed:
                self._idle.append((process, time.monotonic()))
                self._start_timer()
                return
        process.kill()

    def _start_timer(self) -> None:
        """End processes after a while without files; the caller holds the lock."""
        if self._timer is None and self._idle and not self._is_closed:
            self._timer = threading.Timer(_IDLE_SECONDS / 2, self._end_idle_processes)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle_processes(self) -> None:
        oldest = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            ended = [process for process, since in self._idle if since < oldest]
            self._idle = [(process, since) for process, since in self._idle if since >= oldest]
            self._timer = None
            self._start_timer()
        for process in ended:
            process.kill()
