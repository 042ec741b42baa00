"""Export of conversations as JSON and Markdown, and import of JSON and of other chats' exports."""

from lib.transfer.antler_writer import write_export
from lib.transfer.detect import parse_export
from lib.transfer.exchange_archive import (
    ExchangeReport,
    find_recording,
    is_exchange_archive,
    read_exchange,
    write_exchange,
)
from lib.transfer.file_archive import MAX_ARCHIVE_BYTES, import_files, write_archive
from lib.transfer.markdown import export_markdown
from lib.transfer.recorded_exchanges import RecordedExchanges, list_members
from lib.transfer.result import (
    ConversationRecord,
    ImportReport,
    ImportResult,
    replace_existing_ids,
    replace_existing_prompt_ids,
)

__all__ = [
    "MAX_ARCHIVE_BYTES",
    "ConversationRecord",
    "ExchangeReport",
    "ImportResult",
    "ImportReport",
    "RecordedExchanges",
    "list_members",
    "replace_existing_ids",
    "replace_existing_prompt_ids",
    "export_markdown",
    "is_exchange_archive",
    "read_exchange",
    "write_exchange",
    "find_recording",
    "import_files",
    "parse_export",
    "write_archive",
    "write_export",
]
