"""Dictation: a recording becomes text in the message input, for review before it is sent."""

from __future__ import annotations

import streamlit as st

from lib.chat.voice.transcription import TranscriptionJob, check_recording
from lib.core.errors import AntlerError
from lib.core.user import User
from lib.core.voice import MAX_RECORDING_SECONDS, Recording, wav_duration
from lib.core.voice_errors import RecordingTooLong, RecordingUnreadable
from lib.ui.browser import scripts
from lib.ui.composer import drafts
from lib.ui.files import uploader
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import current_language, escape_markdown, t
from lib.ui.widgets.controls import render_button, render_choice
from lib.ui.widgets.errors import voice_error_message

POLL_INTERVAL = 0.3  # seconds
# Most texts are there after this time, in seconds: then no fragment has to wait for the end of a running answer.
QUICK_END = 1.5
SAMPLE_RATE = 16_000  # what models for speech work with; a minute takes 2 MB
_INPUT_KEY, _LANGUAGE_KEY = "dictation-recording", "dictation-language"
_DETECT = "detect"


def take_result() -> None:
    """Put the text of a finished transcription into the message input; before the composer is rendered."""
    dictation = session_state.dictation
    if (job := dictation.job) is None or job.state == "running":
        return
    dictation.job, dictation.error = None, job.error
    dictation.is_done = job.state == "done"
    if dictation.is_done:
        drafts.append(job.text)
        scripts.request_composer_focus()


def render(user: User) -> None:
    """Render the button with the microphone, where the gateway has a model for transcription."""
    if not services.voice_models().transcription:
        return
    label = t("dictation.label")
    with (
        st.container(key="dictation-slot", width="content"),
        st.popover(label, icon=":material/mic:", key="dictation", type="tertiary", help=label),
    ):
        st.audio_input(label, key=_INPUT_KEY, sample_rate=SAMPLE_RATE, on_change=_take_recording)
        languages = [current_language(), _DETECT]
        render_choice(
            t("dictation.language"),
            _LANGUAGE_KEY,
            languages,
            lambda language: t(f"dictation.in_{language}"),
            default=languages[0],
        )
        _render_state(user)


def _render_state(user: User) -> None:
    dictation = session_state.dictation
    if dictation.job:
        with st.container(key="dictation-progress", horizontal=True, vertical_alignment="center", gap="small"):
            _render_progress(dictation.job)
            render_button(t("dictation.cancel"), "dictation-cancel", "close", dictation.job.cancel, type="secondary")
        return
    if dictation.error:
        st.error(escape_markdown(voice_error_message(dictation.error)), icon=":material/error:")
    elif dictation.is_done:
        st.caption(f":material/check: {t('dictation.done')}")
    else:
        st.caption(t("dictation.about", minutes=MAX_RECORDING_SECONDS // 60))
    if dictation.recording:
        with st.container(key="dictation-actions", horizontal=True, gap="small"):
            again = "dictation.retry" if dictation.error else "dictation.again"
            render_button(t(again), "dictation-again", "refresh", _transcribe, type="secondary")
            render_button(t("dictation.translate"), "dictation-translate", "translate", _translate)
            if uploader.is_enabled():
                render_button(t("dictation.attach"), "dictation-attach", "attach_file", _attach, user)


@st.fragment(run_every=POLL_INTERVAL)
def _render_progress(job: TranscriptionJob) -> None:
    """Say that the recording is transcribed; polls for the end."""
    st.markdown(f":shimmer[{t('dictation.running')}]", width="content")
    if job.state != "running":
        st.rerun()


def _take_recording() -> None:
    """Transcribe a new recording, or forget one that was removed; a callback."""
    dictation, upload = session_state.dictation, session_state.widget(_INPUT_KEY)
    if dictation.job:
        dictation.job.cancel()
    dictation.clear()
    if upload is None:
        return
    data = upload.getvalue()
    dictation.recording = recording = Recording(data, "audio/wav", wav_duration(data))
    try:
        _check(recording)
    except AntlerError as error:
        dictation.error = error
        return
    _transcribe()


def _check(recording: Recording) -> None:
    """Raise the error of a recording that is not sent."""
    if recording.duration is None:
        raise RecordingUnreadable
    if recording.duration > MAX_RECORDING_SECONDS:
        raise RecordingTooLong
    check_recording(recording)


def _transcribe(*, to_english: bool = False) -> None:
    """Start the transcription; a callback."""
    dictation, language = session_state.dictation, session_state.widget(_LANGUAGE_KEY)
    if not dictation.recording or dictation.job:
        return
    try:
        _check(dictation.recording)
    except AntlerError as error:
        dictation.error = error
        return
    conversation_id = conversation_view.current_view().conversation_id
    dictation.error, dictation.is_done = None, False
    dictation.job = TranscriptionJob(
        services.voice_services(),
        dictation.recording,
        "" if language == _DETECT else language or current_language(),
        to_english=to_english,
        conversation_id=None if session_state.temporary_store else conversation_id,
    )
    dictation.job.wait(QUICK_END)


def _translate() -> None:
    """Put an English translation of the recording into the message input; a callback."""
    _transcribe(to_english=True)


def _attach(user: User) -> None:
    """Attach the recording to the question; a callback."""
    if recording := session_state.dictation.recording:
        slot = conversation_view.draft_slot()
        uploader.attach(user, slot, f"{t('dictation.file_name')}.wav", recording.data)
