"""Conversations to one JSON file and to Markdown, and back from it and from what other chats export."""

from lib.transfer.antler_writer import write
from lib.transfer.detect import read
from lib.transfer.markdown import markdown
from lib.transfer.result import Entry, Loaded, Report, fresh

__all__ = ["Entry", "Loaded", "Report", "fresh", "markdown", "read", "write"]
