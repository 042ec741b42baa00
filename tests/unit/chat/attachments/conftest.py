"""A reader of attached files, shared by all tests of a worker: starting its process takes about a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.chat.attachments import AttachmentReader
from lib.chat.attachments.parse import read_file
from lib.chat.attachments.parsed import Parsed, ReadRequest
from lib.core.attachments import AttachmentLimits

FILES = Path(__file__).parents[3] / "data" / "files"


@pytest.fixture(scope="session")
def reader() -> Iterator[AttachmentReader]:
    reader = AttachmentReader(AttachmentLimits())
    yield reader
    reader.close()


@pytest.fixture
def load() -> Callable[[str], bytes]:
    """Return a function that returns the bytes of a file made by another program."""
    return lambda name: (FILES / name).read_bytes()


@pytest.fixture
def parse() -> Callable[..., Parsed]:
    """Return a function that reads a file in this process, for files that are harmless."""

    def parse(name: str, data: bytes, pages: str = "", limits: AttachmentLimits | None = None) -> Parsed:
        return read_file(ReadRequest(name, data, pages, limits or AttachmentLimits()))

    return parse
