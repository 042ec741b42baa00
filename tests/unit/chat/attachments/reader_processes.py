"""Readers for tests: with limits of their own, and with a process that behaves as a test wants."""

from __future__ import annotations

from unittest.mock import patch

from lib.chat.attachments import AttachmentReader, process
from lib.core.attachments import AttachmentLimits

# Without the libraries, which take half a second to load.
_WORKER = """
import os, signal, sys, time, types
from lib.chat.attachments.parsed import Parsed
def read_file(request):
    {body}
def render_thumbnail(request, parsed):
    {thumbnail}
parse = types.ModuleType("parse")
parse.read_file, parse.render_thumbnail, parse.THUMBNAIL_SECONDS = read_file, render_thumbnail, 5.0
sys.modules["lib.chat.attachments.parse"] = parse
from lib.chat.attachments import worker
worker._CAN_FORK = {can_fork}
sys.exit(worker.main())
"""
ECHO = "return Parsed('text', 'text/plain', text=request.data.decode())"


def make_reader(limits: AttachmentLimits | None = None, processes: int = 2) -> AttachmentReader:
    """Return a reader with these limits."""
    return AttachmentReader(limits or AttachmentLimits(), processes)


def replaced_reading(  # type: ignore[no-untyped-def]
    body: str = ECHO, thumbnail: str = "return b''", *, can_fork: bool = True
):
    """Replace, in processes that start meanwhile, the reading of a file by these statements."""
    body = body.replace("\n", "\n    ")
    return patch.object(process, "_START", _WORKER.format(body=body, thumbnail=thumbnail, can_fork=can_fork))


def replaced_process(code: str):  # type: ignore[no-untyped-def]
    """Replace the program of processes that start meanwhile."""
    return patch.object(process, "_START", code)
