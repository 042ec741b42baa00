"""Settings of voice: models, voices, and what is refused."""

import pytest

from lib.config.settings import load_settings
from lib.config.voice import VoiceSettings
from lib.core.errors import SettingError


def test_models_and_voices_come_from_the_environment_or_the_file():
    assert load_settings({}, {}).voice == VoiceSettings("", "", ())
    environ = {
        "ANTLER_SPEECH_MODEL": "tts-1",
        "ANTLER_TRANSCRIPTION_MODEL": "off",
        "ANTLER_SPEECH_VOICES": "nova, a b,nova",
    }
    assert load_settings(environ, {}).voice == VoiceSettings(None, "tts-1", ("nova", "a b"))
    table = {"speech_model": "off", "transcription_model": "whisper-1", "voices": ["alloy"]}
    assert load_settings({}, {"voice": table}).voice == VoiceSettings("whisper-1", None, ("alloy",))


@pytest.mark.parametrize(
    "environ",
    [
        {"ANTLER_SPEECH_MODEL": "two words"},
        {"ANTLER_TRANSCRIPTION_MODEL": "a\u200bb"},
        {"ANTLER_SPEECH_VOICES": ",".join(f"v{number}" for number in range(51))},
        {"ANTLER_SPEECH_VOICES": "x" * 101},
    ],
    ids=str,
)
def test_what_is_no_model_or_voice_is_refused_by_name(environ):
    with pytest.raises(SettingError, match=next(iter(environ))):
        load_settings(environ, {})
