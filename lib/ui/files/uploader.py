"""Uploader: takes the files that were picked, dropped or pasted, and reads them into a tray."""

from __future__ import annotations

import math
from dataclasses import replace

import streamlit as st

from lib.chat.attachments import start_page
from lib.core.attachment_errors import TooManyFiles, TooManyPages
from lib.core.conversation import FilePart, new_id
from lib.core.errors import AntlerError, AttachmentNotFound
from lib.core.file_storage import UNREAD, StoredFile
from lib.core.user import User
from lib.ui.files import tray, tray_jobs
from lib.ui.server import streamlit_private
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.uploads import TrayFile, Upload, UploadedContent, UploadQueue
from lib.ui.text import t
from lib.ui.widgets.controls import render_button

COMPOSER = "composer"  # the uploader of the message input; others are named after the question that is edited
_MAX_SHOWN_URL = 300  # characters
_MB, _MIB = 1_000_000, 1024 * 1024


def is_enabled() -> bool:
    """Tell if files can be attached."""
    return resources.settings().files.is_allowed


def fetches_pages() -> bool:
    """Tell if the operator allows files, and pages of the web among them."""
    return is_enabled() and resources.settings().files.fetches_pages


def max_file_bytes() -> int:
    """Return the size of the largest file that can be attached: Streamlit has a limit of its own."""
    streamlit_limit = int(st.get_option("server.maxUploadSize")) * _MIB
    return min(resources.settings().files.limits.max_file_bytes, streamlit_limit)


def batch_count(place: str) -> int:
    """Return the number of batches that were taken from an uploader; its widget is a new one after each."""
    return session_state.uploader_counts.get(place, 0)


def render(place: str, slot: str) -> None:
    """Render the button that picks files, and the hidden uploader that `uploads.js` feeds; outside of any form."""
    render_button(t("files.attach"), f"attach-{place}", "attach_file", _ignore_click)
    key = f"upload-{place}-{batch_count(place)}"
    with st.container(key=f"uploader-{place}"):
        st.file_uploader(
            t("files.attach"),
            accept_multiple_files=True,
            key=key,
            on_change=_take_batch,
            args=(place, slot, key),
            max_upload_size=math.ceil(max_file_bytes() / _MB),
            label_visibility="collapsed",
        )


def read_waiting(user: User) -> None:
    """Read the uploads that wait, each into the tray that it was made for, and take what jobs have made.

    A click may end the run between two files: the next run goes on.
    """
    tray_jobs.finish(user)
    queue = session_state.upload_queue
    while queue and queue.waiting:
        with queue.lock:
            # The run before may have read it meanwhile.
            if queue.waiting:
                _read_first(user, queue)
        streamlit_private.check_interrupted()


def attach(user: User, slot: str, name: str, data: bytes) -> None:
    """Read a file that the server has into a tray; a refusal is shown there."""
    try:
        _read(user, slot, name, data)
    except AntlerError as error:
        tray.refuse(slot, name, error)


def add_stored(user: User, slot: str, file: StoredFile, part: FilePart) -> None:
    """Store a file that needs no reading, and put it into a tray. Raises AttachmentError and StoreError."""
    tray.check(tray.list_files(slot), part.name, part.size)
    tray.store_of(slot).put(user.id, file)
    tray.add_parts(slot, [part], {part.digest: str(file.facts.get("role") or "")})


def choose_pages(user: User, slot: str, file_id: str, choice: str) -> None:
    """Read a PDF of the tray again, with the pages of a choice such as "1-3, 7"; a refusal is shown beside it."""
    files = list(tray.list_files(slot))
    index = next((index for index, file in enumerate(files) if file.id == file_id), None)
    if index is None:
        return
    file = files[index]
    try:
        data = file.data or tray.store_of(slot).contents(user.id, [file.source]).get(file.source)
        if not data:
            raise AttachmentNotFound(file.name)
        part = tray.store(user, slot, resources.attachment_reader().read(file.name, data, choice))
    except AntlerError as error:
        files[index] = TrayFile(file.id, file.name, file.part, error, file.source, file.data)
    else:
        files[index] = TrayFile(file.id, part.name, part, None, file.source, file.data)
    tray.set_files(slot, files)


def attach_page(user: User, slot: str, url: str) -> None:
    """Start to fetch a web page into a tray, or show there why not."""
    if not fetches_pages():
        return
    reader = resources.attachment_reader()
    try:
        tray.check(tray.list_files(slot), url, 1)
    except AntlerError as error:
        tray.refuse(slot, url, error)
    else:
        tray_jobs.add(user, slot, url, start_page(reader, url), t("page.note", url=url[:_MAX_SHOWN_URL]))


def _ignore_click() -> None:
    """Do nothing: the click opens the list of files in the browser."""


def _take_batch(place: str, slot: str, key: str) -> None:
    """Queue the files of an uploader, and replace it by an empty one; a callback."""
    queue = session_state.upload_queue = session_state.upload_queue or UploadQueue()
    files: list[UploadedContent] = session_state.widget(key) or []
    slot = conversation_view.follow_slot(slot)
    # A browser that does not have the new uploader yet sends the batch again.
    new_files = [file for file in files if file.file_id not in queue.taken]
    if not new_files:
        return
    counts = session_state.uploader_counts
    # From here on, no access to the session state can end the run between the two.
    with queue.lock:
        queue.taken.update(file.file_id for file in new_files)
        queue.waiting += [Upload(slot, file) for file in new_files]
    counts[place] = counts.get(place, 0) + 1


def _read_first(user: User, queue: UploadQueue) -> None:
    """Read the first upload of a queue. It leaves the queue once the tray has it, so that none is lost."""
    upload = queue.waiting[0]
    if upload.slot == services.TEMPORARY_SLOT and not session_state.temporary_store:
        queue.waiting.remove(upload)  # its chat has ended, and nothing of it may be stored
        return
    files, name, data = tray.list_files(upload.slot), upload.content.name, upload.content.getvalue()
    read = [upload]
    try:
        _read(user, upload.slot, name, data)
    except TooManyFiles as error:
        # One sentence for all of them.
        read = [waiting for waiting in queue.waiting if waiting.slot == upload.slot]
        tray.refuse(upload.slot, name, error)
    except TooManyPages as error:
        # Some of them can be read.
        tray.set_files(upload.slot, [*files, _keep_whole(user, upload.slot, error, data)])
    except AntlerError as error:
        tray.refuse(upload.slot, name, error)
    queue.waiting = [waiting for waiting in queue.waiting if waiting not in read]
    file_ids = [waiting.content.file_id for waiting in read]
    streamlit_private.remove_uploads(file_ids)
    resources.released_uploads().update(file_ids)


def _keep_whole(user: User, slot: str, error: TooManyPages, data: bytes) -> TrayFile:
    """Return the file of a tray that pages are chosen from; where it can be stored, a reload keeps it too."""
    file = TrayFile(new_id(), error.name, error=error)
    if slot == services.TEMPORARY_SLOT or tray.is_edit_slot(slot):
        return replace(file, data=data)  # no reload keeps their trays
    facts = {"kind": "pdf", "page_count": error.values.get("count"), UNREAD: True}
    whole = StoredFile("application/pdf", data, facts=facts)
    try:
        tray.store_of(slot).put(user.id, whole)
    except AntlerError:
        return replace(file, data=data)
    return replace(file, source=whole.digest)


def _read(user: User, slot: str, name: str, data: bytes) -> None:
    """Add a file to a tray, once it has a transcript if it needs one. Raises AttachmentError and StoreError."""
    reader = resources.attachment_reader()
    tray.check(tray.list_files(slot), name, len(data))
    attachment = reader.read(name, data)
    if tray_jobs.needs_transcript(attachment):
        tray_jobs.add(user, slot, attachment.name, tray_jobs.start_transcript_of(attachment))
    else:
        tray.add_parts(slot, [tray.store(user, slot, attachment)])
