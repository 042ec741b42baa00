"""Export of conversations as JSON and Markdown, and import of JSON and of other chats' exports."""

from lib.transfer.antler_writer import write_export
from lib.transfer.detect import parse_export
from lib.transfer.markdown import export_markdown
from lib.transfer.result import ConversationRecord, ImportReport, ImportResult, replace_existing_ids

__all__ = [
    "ConversationRecord",
    "ImportResult",
    "ImportReport",
    "replace_existing_ids",
    "export_markdown",
    "parse_export",
    "write_export",
]
