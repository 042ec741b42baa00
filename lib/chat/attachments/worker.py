"""The reading process: `python -m lib.chat.attachments.worker`, with requests on standard input.

It loads the libraries once and forks a child for each request. The child alone sees the file, under limits for memory,
CPU time and files, and ends with its answer: whatever a hostile file does to it, the next file has a clean one. Nothing
but this process forks, and it has a single thread. Where forking is not safe (macOS) it reads one file and ends.

macOS does not enforce a limit on memory: there, only the limits on pixels, pages, unpacked sizes and time hold.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from lxml import etree

from lib.chat.attachments import protocol
from lib.chat.attachments.parse import THUMBNAIL_SECONDS, read_file, render_thumbnail
from lib.chat.attachments.parsed import ReadRequest
from lib.core.attachment_errors import BrokenFile, FileOutOfMemory
from lib.core.attachments import AttachmentLimits
from lib.core.errors import AttachmentError

_CAN_FORK = sys.platform.startswith("linux")
_NICENESS = 5  # answers of other users go first
_MAX_OPEN_FILES = 64
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Answer requests until standard input ends."""
    requests, replies = _open_streams()
    # Objects of the libraries stay shared with the children.
    gc.collect()
    gc.freeze()
    base = _memory_pages()[1] * resource.getpagesize()
    while requests.read(len(protocol.REQUEST_MARK)):
        if not _CAN_FORK:
            _answer(requests, replies)
            return _report_end(replies, 0, base, resource.getrusage(resource.RUSAGE_SELF))
        child = os.fork()
        if not child:
            _answer(requests, replies)
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        _report_end(replies, os.waitstatus_to_exitcode(status), base, usage)
        if status:
            return 1
    return 0


def _open_streams() -> tuple[FileIO, FileIO]:
    """Take standard input and output for messages; what a library prints goes nowhere."""
    # Unbuffered: a buffer of this process would hold bytes that its child is to read.
    requests, replies = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return requests, replies


def _report_end(replies: FileIO, exit_code: int, base: int, usage: resource.struct_rusage) -> int:
    """Send how a child ended and what it took beside the libraries, whose memory it shares."""
    unit = 1 if sys.platform == "darwin" else 1024
    header = {
        "end": exit_code,
        "takes_more": _CAN_FORK and not exit_code,
        "peak": max(1, usage.ru_maxrss * unit - base),
        "cpu": usage.ru_utime + usage.ru_stime,
    }
    _send(replies, header)
    return 0


def _answer(requests: FileIO, replies: FileIO) -> None:
    """Read a file and send the result, then its thumbnail: one that fails costs nothing else."""
    buffered = os.fdopen(os.dup(requests.fileno()), "rb")
    message = protocol.read(buffered)
    limits = AttachmentLimits(**message.header["limits"])
    request = ReadRequest(
        str(message.header["name"]),
        message.parts[0],
        str(message.header["choice"]),
        limits,
        previews=bool(message.header["previews"]),
        is_page=bool(message.header.get("is_page")),
    )
    _limit_resources(limits)
    try:
        parsed = read_file(request)
        _send(replies, parsed.header(), parsed.parts)
        # The CPU time that is left is enough for a thumbnail, or it is not worth it.
        _limit_cpu(resource.getrusage(resource.RUSAGE_SELF).ru_utime + THUMBNAIL_SECONDS)
        _send(replies, {"thumbnail": True}, [render_thumbnail(request, parsed)])
    except AttachmentError as error:
        _send(replies, {"error": error.code, "values": error.values})
    except MemoryError:
        _send(replies, {"error": FileOutOfMemory.code, "values": {}})
    # Libraries raise anything at a damaged file. The type is for the log; a message could quote the file.
    except Exception as error:  # noqa: BLE001
        code = FileOutOfMemory.code if _is_out_of_memory(error) else BrokenFile.code
        _send(replies, {"error": code, "values": {}, "reason": _describe(error)})


def _is_out_of_memory(error: Exception) -> bool:
    """Return True for the errors of libraries that get no memory and raise no MemoryError."""
    if isinstance(error, etree.XMLSyntaxError):
        return bool(error.code == etree.ErrorTypes.ERR_NO_MEMORY)
    return "alloc" in str(error).lower() or "memory" in str(error).lower()


def _describe(error: Exception) -> str:
    """Return the type of an exception and the line that raised it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__} {place}"


def _send(replies: FileIO, header: dict[str, Any], parts: list[bytes] | tuple[bytes, ...] = ()) -> None:
    for buffer in protocol.pack(header, parts):
        view = memoryview(buffer)
        while view:
            view = view[replies.write(view) :]


def _limit_resources(limits: AttachmentLimits) -> None:
    """Limit this process for good: memory, CPU time, open files; no file can be written."""
    with suppress(OSError):
        os.nice(_NICENESS)
    # Where the machine itself runs out of memory, this process is the one to end.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _limit_cpu(limits.seconds)
    wanted = [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)]
    if pages := _memory_pages()[0]:
        wanted.append((resource.RLIMIT_AS, pages * resource.getpagesize() + limits.memory))
    for kind, value in wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))


def _limit_cpu(seconds: float) -> None:
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (max(1, round(seconds)), resource.RLIM_INFINITY))


def _memory_pages() -> tuple[int, int]:
    """Return the address space in use and the memory that a fork shares, in pages; 0 where the system does not tell.

    Mapped files are not counted: a child begins without them.
    """
    try:
        size, resident, mapped, *_ = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    return int(size), int(resident) - int(mapped)


if __name__ == "__main__":
    sys.exit(main())
