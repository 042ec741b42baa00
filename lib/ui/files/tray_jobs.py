"""Jobs of trays: files that are still made, as a fetched page or a transcript, beside those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from lib.chat.attachments import AttachmentJob, sanitize_name, takes_audio
from lib.chat.voice.transcription import start_transcript
from lib.core.attachments import Attachment
from lib.core.conversation import new_id
from lib.core.errors import AntlerError
from lib.core.user import User
from lib.ui.files import tray
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.session.uploads import TrayFile
from lib.ui.widgets.errors import flash_warning, voice_error_message

POLL_INTERVAL = 0.3  # seconds
# Most are finished after this time, in seconds: then nothing has to wait for the end of a running answer.
QUICK_END = 1.5


def add(user: User, slot: str, name: str, job: AttachmentJob, note: str = "") -> None:
    """Show a job in a tray until it is finished; `note` is one that its file gets."""
    file = TrayFile(new_id(), sanitize_name(name), job=job, note=note)
    tray.set_files(slot, [*tray.list_files(slot), file])
    if job.wait(QUICK_END):
        finish(user)


def finish(user: User) -> None:
    """Put what finished jobs have made into their trays, or the reasons why there is nothing."""
    for slot, files in session_state.trays.items():
        if any(map(_is_finished, files)):
            tray.set_files(slot, _finish_files(user, slot, files))


def has_finished() -> bool:
    """Tell if there is something for `finish` to do."""
    return any(_is_finished(file) for files in session_state.trays.values() for file in files)


def render_progress(slot: str) -> None:
    """Look for the end of the jobs of a tray while there are any."""
    if any(file.job for file in tray.list_files(slot)):
        _follow()


def needs_transcript(attachment: Attachment) -> bool:
    """Return True for audio without a text that the selected model takes in no other form, if it can be transcribed."""
    return attachment.kind == "audio" and not attachment.text and _lacks_audio(attachment.media_type)


def start_transcript_of(attachment: Attachment) -> AttachmentJob:
    """Start to transcribe attached audio for the user of this session; after an error it has no text."""
    return start_transcript(services.voice_services(), attachment)


def _lacks_audio(media_type: str) -> bool:
    """Return True if there is a model for transcription, and the selected one does not take the audio."""
    if not services.voice_models().transcription:
        return False
    target = session_state.selected_target
    return target is None or not takes_audio(target, services.model(target.model).capabilities, media_type)


@st.fragment(run_every=POLL_INTERVAL)
def _follow() -> None:
    if has_finished():
        st.rerun()


def _is_finished(file: TrayFile) -> bool:
    return file.job is not None and not file.job.is_running


def _finish_files(user: User, slot: str, files: Sequence[TrayFile]) -> list[TrayFile]:
    """Return the files of a tray with those of finished jobs in their places; one that is there already is left out."""
    finished: list[TrayFile] = []
    for index, file in enumerate(files):
        if file.job is None or file.job.is_running:
            finished.append(file)
        elif file.job.state != "cancelled":
            others = [*finished, *files[index + 1 :]]
            made = _finish_file(user, slot, file, file.job, others)
            digests = {other.part.digest for other in others if other.part}
            if made.part is None or made.part.digest not in digests:
                finished.append(made)
    return finished


def _finish_file(user: User, slot: str, file: TrayFile, job: AttachmentJob, others: Sequence[TrayFile]) -> TrayFile:
    if job.attachment is None:
        return TrayFile(file.id, getattr(job.error, "name", "") or file.name, error=job.error)
    if job.error:
        flash_warning(voice_error_message(job.error))
    try:
        return _store_made(user, slot, file, job.attachment, others)
    except AntlerError as error:
        return TrayFile(file.id, job.attachment.name, error=error)


def _store_made(user: User, slot: str, file: TrayFile, attachment: Attachment, others: Sequence[TrayFile]) -> TrayFile:
    tray.check(others, attachment.name, len(attachment.data))
    part = tray.store(user, slot, attachment)
    if file.note:
        part = replace(part, notes=(*part.notes, file.note))
    return TrayFile(file.id, part.name, part, source=part.digest)
