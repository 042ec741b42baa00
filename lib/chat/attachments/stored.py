"""Forms of a file that was read: its content for the store, and its part of a message."""

from __future__ import annotations

from collections.abc import Sequence

from lib.chat.attachments.page_choice import format_pages
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart
from lib.core.file_storage import StoredFile, digest_of


def to_stored_file(attachment: Attachment) -> StoredFile:
    """Return what is kept of a file beside its part of a message."""
    facts = {
        "kind": attachment.kind,
        "is_truncated": attachment.is_truncated,
        "text_tokens": attachment.text_tokens,
        "width": attachment.width,
        "height": attachment.height,
        "page_count": attachment.page_count,
        "pages": list(attachment.pages),
        "duration": attachment.duration,
    }
    set_facts = {name: value for name, value in facts.items() if value}
    return StoredFile(attachment.media_type, attachment.data, attachment.text, attachment.thumbnail, set_facts)


def to_file_part(attachment: Attachment, notes: Sequence[str] = ()) -> FilePart:
    """Return the part of a message that refers to a file; `notes` are those of the file in the user's language."""
    return FilePart(
        digest=digest_of(attachment.data),
        name=attachment.name,
        media_type=attachment.media_type,
        size=attachment.size,
        kind=attachment.kind,
        width=attachment.width or None,
        height=attachment.height or None,
        pages=attachment.page_count or None,
        selection=format_pages(attachment.pages),
        notes=tuple(notes),
    )
