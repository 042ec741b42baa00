"""Earlier audio: an offer to transcribe files that were sent as audio, for a selected model that takes none."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.chat.attachments import FilePlan
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart
from lib.core.errors import AttachmentNotFound
from lib.core.user import User
from lib.ui.files import tray, tray_jobs
from lib.ui.files.file_text import short_name
from lib.ui.session import services
from lib.ui.session.uploads import TrayFile
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors


def render(user: User, plan: FilePlan) -> None:
    """Render the offer, or the transcription while it runs; nothing where each earlier file has a form."""
    parts = {file.part.digest: file.part for file in plan.earlier if _is_missing(file.part, file.form)}
    if not parts or not services.voice_models().transcription:
        return
    running = [(digest, file) for digest in parts for file in tray.list_files(_slot(digest)) if file.job]
    names = t("list.separator").join(escape_markdown(short_name(part.name)) for part in parts.values())
    with st.container(key="earlier-audio", horizontal=True, vertical_alignment="center", gap="small"):
        if running:
            st.caption(f":shimmer[{t('dictation.running')}] {names}", width="content")
            render_button(t("dictation.cancel"), "earlier-audio-cancel", "close", _cancel, running)
            tray_jobs.render_progress(_slot(running[0][0]))
        else:
            st.caption(t("files.earlier_audio", names=names, count=len(parts)), width="content")
            label = t("files.transcribe")
            render_button(label, "earlier-audio-start", "speech_to_text", _transcribe, user, list(parts.values()))


def _is_missing(part: FilePart, form: str) -> bool:
    """Return True for audio of which the model gets only the name."""
    return part.kind == "audio" and form == "name"


def _slot(digest: str) -> str:
    """Return the slot of a job; like that of an edited question, its store is that of the open chat."""
    return tray.edit_slot(f"audio-{digest}")


def _cancel(running: Sequence[tuple[str, TrayFile]]) -> None:
    for digest, file in running:
        tray.remove(_slot(digest), [file.id])


@shows_errors
def _transcribe(user: User, parts: Sequence[FilePart]) -> None:
    """Start the transcriptions; each text is stored with its file. A callback."""
    store = services.current_store().attachments
    for part in parts:
        stored = store.get(user.id, part.digest)
        if stored is None:
            raise AttachmentNotFound(part.name)
        duration = stored.facts.get("duration")
        audio = Attachment("audio", stored.media_type, part.name, stored.data, duration=duration)
        tray.close(_slot(part.digest))
        tray_jobs.add(user, _slot(part.digest), part.name, tray_jobs.start_transcript_of(audio))
