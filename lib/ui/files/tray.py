"""Trays: the files of each question that is being written, by the slot of its draft."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from lib.chat.attachments import format_pages, sanitize_name, to_file_part, to_stored_file
from lib.chat.turns.ports import AttachmentStore
from lib.core.attachment_errors import TooManyPages
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart, new_id
from lib.core.errors import AntlerError
from lib.core.file_storage import DIGEST_PATTERN, UNREAD, FileFacts
from lib.core.user import User
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.uploads import TrayFile
from lib.ui.text import t

_MAX_REFERENCES = 100
_MAX_NOTES, _MAX_NOTE_CHARS = 10, 400


@dataclass(frozen=True)
class FileReference:
    """A stored file as the browser names it; `source` is the digest of the whole file."""

    digest: str
    name: str
    source: str = ""
    notes: tuple[str, ...] = ()


def edit_slot(node_id: str) -> str:
    """Return the slot of an edited question."""
    return f"edit.{node_id}"


def is_edit_slot(slot: str) -> bool:
    return slot.startswith("edit.")


def list_files(slot: str) -> tuple[TrayFile, ...]:
    """Return the files of a tray, with those that were refused."""
    return session_state.trays.get(slot, ())


def list_parts(slot: str) -> tuple[FilePart, ...]:
    """Return the parts of the message that the files of a tray make."""
    return tuple(file.part for file in list_files(slot) if file.part)


def is_known(slot: str) -> bool:
    """Tell if this session has had files in the tray, or has heard from the browser that there are none."""
    return slot in session_state.trays


def set_files(slot: str, files: Iterable[TrayFile]) -> None:
    session_state.trays = {**session_state.trays, slot: tuple(files)}


def close(slot: str) -> None:
    """Forget a tray."""
    session_state.trays = {name: files for name, files in session_state.trays.items() if name != slot}


def add_parts(slot: str, parts: Iterable[FilePart], roles: Mapping[str, str] = MappingProxyType({})) -> None:
    """Add stored files to a tray, with their roles by digest; one that is there already is not added again."""
    files = list_files(slot)
    set_files(slot, [*files, *new_files(files, parts, roles)])


def new_files(
    files: Sequence[TrayFile], parts: Iterable[FilePart], roles: Mapping[str, str] = MappingProxyType({})
) -> list[TrayFile]:
    """Return the files for the parts that are not among `files` yet."""
    present = {file.part.digest for file in files if file.part}
    unique = {part.digest: part for part in parts if part.digest not in present}
    return [
        TrayFile(new_id(), part.name, part, source=digest, role=roles.get(digest, ""))
        for digest, part in unique.items()
    ]


def remove(slot: str, file_ids: Iterable[str]) -> None:
    """Remove files from a tray. The bytes of an upload that no message uses expire in the store."""
    removed = set(file_ids)
    for file in list_files(slot):
        if file.job and file.id in removed:
            file.job.cancel()
    set_files(slot, [file for file in list_files(slot) if file.id not in removed])


def remove_sent(slot: str, parts: Iterable[FilePart]) -> None:
    """Remove files that were sent from a tray, and the refused ones, which are explained by now."""
    sent = {part.digest for part in parts}
    set_files(slot, [file for file in list_files(slot) if file.job or (file.part and file.part.digest not in sent)])


def refuse(slot: str, name: str, error: AntlerError) -> None:
    """Show that a file was not attached, and why."""
    set_files(slot, [*list_files(slot), TrayFile(new_id(), sanitize_name(name), error=error)])


def move_with(user: User, switch: Callable[[], None]) -> None:
    """Take the files of the open chat along while `switch` makes it temporary, or ends that. Raises StoreError."""
    slot, store = conversation_view.draft_slot(), services.current_store().attachments
    files = list_files(slot)
    contents = {file.part.digest: store.get(user.id, file.part.digest) for file in files if file.part}
    switch()
    set_files(slot, ())
    slot, store = conversation_view.draft_slot(), services.current_store().attachments
    for file in files:
        try:
            if file.part and (content := contents[file.part.digest]):
                store.put(user.id, content)
        except AntlerError as error:
            refuse(slot, file.name, error)
        else:
            # The whole file of chosen pages stays behind.
            set_files(slot, [*list_files(slot), replace(file, source=file.part.digest if file.part else "")])


def restore(user: User, slot: str, references: Iterable[FileReference]) -> None:
    """Put files that the browser names into a tray, as far as they are stored for the user. Raises StoreError."""
    references = list(references)
    store = services.current_store().attachments
    found = _find(user, references)
    store.touch(user.id, list(found))
    files = list_files(slot)
    roles = {digest: str(stored.facts.get("role") or "") for digest, (_, stored) in found.items()}
    unread = {digest: found.pop(digest) for digest, (_, stored) in list(found.items()) if stored.facts.get(UNREAD)}
    restored = new_files(files, (part for part, _ in found.values()), roles)
    sources = {reference.digest: reference.source for reference in references if reference.source}
    restored = [replace(file, source=sources.get(file.source, file.source)) for file in restored]
    present = {file.source for file in files}
    whole = [_to_unread(part) for digest, (part, _) in unread.items() if digest not in present]
    set_files(slot, [*files, *restored, *whole])


def _to_unread(part: FilePart) -> TrayFile:
    """Return a file of which only chosen pages can be read."""
    limit = resources.attachment_reader().limits.max_pages
    error = TooManyPages(part.name, count=part.pages or 0, limit=limit)
    return TrayFile(new_id(), part.name, error=error, source=part.digest)


def resolve(user: User, slot: str, references: Sequence[FileReference]) -> tuple[FilePart, ...] | None:
    """Return the files that a question of the browser names; None if one is not stored for the user.

    Raises StoreError.
    """
    parts = {part.digest: part for part in list_parts(slot)}
    missing = [reference for reference in references if reference.digest not in parts]
    if missing:
        found = _find(user, missing).items()
        parts |= {digest: part for digest, (part, stored) in found if not stored.facts.get(UNREAD)}
    digests = dict.fromkeys(reference.digest for reference in references)
    return tuple(parts[digest] for digest in digests) if digests.keys() <= parts.keys() else None


def parse_references(received: object) -> list[FileReference]:
    """Return the files that the browser names, without anything that the page itself would not send."""
    references = []
    for item in received[:_MAX_REFERENCES] if isinstance(received, list) else []:
        fields = item if isinstance(item, dict) else {}
        digest, name, source = fields.get("digest"), fields.get("name"), fields.get("source", "")
        if not isinstance(name, str) or not _is_digest(digest):
            continue
        notes = fields.get("notes")
        texts = [note[:_MAX_NOTE_CHARS] for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
        source = source if _is_digest(source) else ""
        references.append(FileReference(str(digest), sanitize_name(name), source, tuple(texts[:_MAX_NOTES])))
    return references


def check(files: Sequence[TrayFile], name: str, size: int) -> None:
    """Raise AttachmentError if a message with these files may not have one more of this size."""
    reader = resources.attachment_reader()
    max_bytes = reader.limits.max_file_bytes
    present = [(file.name, min(file.part.size, max_bytes)) for file in files if file.part]
    reader.check([*present, (name, size)])


def store_of(slot: str) -> AttachmentStore:
    """Return the store for the files of a slot, which may not be that of the open chat any more."""
    is_temporary = slot == services.TEMPORARY_SLOT or is_edit_slot(slot)
    return services.current_store().attachments if is_temporary else resources.store().attachments


def store(user: User, slot: str, attachment: Attachment) -> FilePart:
    """Keep a file, and return its part of a message. Raises AttachmentError and StoreError."""
    store_of(slot).put(user.id, to_stored_file(attachment))
    return to_file_part(attachment, [t(note.key, **dict(note.values)) for note in attachment.notes])


def _find(user: User, references: Sequence[FileReference]) -> dict[str, tuple[FilePart, FileFacts]]:
    """Return files with their facts by digest; those not stored, or for another user only, are left out."""
    facts = services.current_store().attachments.facts(user.id, [reference.digest for reference in references])
    return {
        reference.digest: (_build_part(reference, facts[reference.digest]), facts[reference.digest])
        for reference in references
        if reference.digest in facts
    }


def _build_part(reference: FileReference, stored: FileFacts) -> FilePart:
    facts = stored.facts
    return FilePart(
        digest=reference.digest,
        name=reference.name,
        media_type=stored.media_type,
        size=stored.size,
        kind=facts.get("kind", "document"),
        width=facts.get("width"),
        height=facts.get("height"),
        pages=facts.get("page_count"),
        selection=format_pages(facts.get("pages", ())),
        notes=reference.notes,
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(DIGEST_PATTERN.fullmatch(value))
