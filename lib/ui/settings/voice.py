"""Voice section of the settings: the voice that reads answers aloud, its speed, and a sample."""

from __future__ import annotations

import streamlit as st

from lib.chat.voice.speech import speak_text
from lib.core.errors import AntlerError
from lib.core.user import User
from lib.core.voice import SPEEDS, VoiceModels
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button, render_choice
from lib.ui.widgets.errors import flash_warning, shows_errors, voice_error_message

_VOICE_KEY, _SPEED_KEY = "settings.voice", "settings.speed"


def render(user: User) -> None:
    """Render the section, where the gateway has a model for speech."""
    models = services.voice_models()
    if not models.speech:
        return
    preferences = services.preferences(user.id)
    st.header(t("voice.title"), anchor=False)
    st.caption(t("voice.about"))
    voice = models.select_voice(preferences.voice)
    with st.container(key="voice-row", horizontal=True, vertical_alignment="bottom", gap="small"):
        if models.voices:
            st.selectbox(
                t("voice.voice"),
                models.voices,
                index=models.voices.index(voice),
                key=_VOICE_KEY,
                format_func=lambda name: escape_markdown(name.capitalize() if name.islower() else name),
                on_change=_save,
                args=(user,),
                width=220,
            )
        render_button(t("voice.sample"), "voice-sample", "volume_up", _load_sample, models, voice, type="secondary")
    st.markdown(f":small[{t('voice.speed')}]")
    render_choice(
        t("voice.speed"),
        _SPEED_KEY,
        SPEEDS,
        lambda speed: t("voice.times", speed=f"{speed:g}"),
        default=preferences.speech_speed,
        on_change=lambda: _save(user),
    )
    _render_sample(models, voice)


@shows_errors
def _save(user: User) -> None:
    voice, speed = session_state.widget(_VOICE_KEY, ""), session_state.widget(_SPEED_KEY)
    resources.store().preferences.set_speech(user.id, voice, speed or services.preferences(user.id).speech_speed)


def _load_sample(models: VoiceModels, voice: str) -> None:
    """Request the sample of a voice, once in a session; a callback."""
    key = models.speech, voice
    try:
        if key not in session_state.voice_samples:
            passage = speak_text(services.voice_services(), t("voice.sample_text"), voice)
            session_state.voice_samples = {**session_state.voice_samples, key: passage}
        session_state.played_voice = voice
    except AntlerError as error:
        flash_warning(voice_error_message(error))


def _render_sample(models: VoiceModels, voice: str) -> None:
    """Render the player of a sample that was requested; it plays at once after the click."""
    passage = session_state.voice_samples.get((models.speech, voice))
    is_played = session_state.played_voice == voice
    del session_state.played_voice
    if passage:
        st.audio(passage.read(0).data, format=passage.media_type, autoplay=is_played)
