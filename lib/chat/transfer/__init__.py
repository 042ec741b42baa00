"""Conversations to one JSON file and to Markdown, and back from it and from what other chats export."""

from lib.chat.transfer.antler import write
from lib.chat.transfer.loaded import Entry, Loaded, Report, fresh
from lib.chat.transfer.markdown import markdown
from lib.chat.transfer.reading import read

__all__ = ["Entry", "Loaded", "Report", "fresh", "markdown", "read", "write"]
