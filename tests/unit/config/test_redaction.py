"""Redaction: secrets of all settings are found and removed from any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config import redaction

KEY = "sk-Very-Secret-0123456789"


@pytest.mark.parametrize(
    ("environ", "table"),
    [
        ({"DEERAPI_API_KEY": KEY}, {}),
        ({"DEERAPI_API_KEY": f' "Bearer {KEY}" '}, {}),
        ({"DEERAPI_API_KEY": f"{KEY[:5]}\u200d{KEY[5:]}"}, {}),
        ({"ANTLER_METRICS_TOKEN": KEY}, {}),
        ({"STREAMLIT_SERVER_COOKIE_SECRET": KEY}, {}),
        ({"DATABASE_URL": f"postgresql://ann:{KEY}@host/name"}, {}),
        ({"DATABASE_URL": f"postgresql://ann:{KEY}@host:no/name"}, {}),
        ({}, {"gateway": {"api_key": KEY}}),
        ({}, {"storage": {"url": f"postgres://ann:{KEY}@host/name"}}),
        ({}, {"auth": {"cookie_secret": "else", "google": {"client_secret": KEY}}}),
        ({}, {"access": {"passwords": ["else", KEY]}}),
    ],
)
def test_secrets_of_all_settings_are_redacted(environ, table):
    text = f"refused: {KEY}!"
    assert redaction.redact(text, redaction.find_secrets(environ, table)) == f"refused: {redaction.REDACTED}!"


def test_passwords_are_redacted_encoded_and_decoded():
    values = redaction.find_secrets({"DATABASE_URL": "postgresql://ann:p%40ss%2Fword@host/name"}, {})
    for text in ("p%40ss%2Fword", "p@ss/word"):
        assert redaction.redact(f"<{text}>", values) == f"<{redaction.REDACTED}>"


def test_other_settings_are_not_secrets():
    environ = {
        "DEERAPI_BASE_URL": "https://gw.example",
        "DATABASE_URL": "sqlite:///data/antler.db",
        "KEY": KEY,
    }
    table = {"gateway": {"cheap_model": "gpt-4o-mini", "retries": 2}, "server": {"log": "json"}}
    assert redaction.find_secrets(environ, table) == frozenset()


@pytest.mark.parametrize(
    "content", [f"[gateway]\napi_key = {KEY}\n", f"api_key: {KEY}", f'key = "{KEY}', f"key = '{KEY}'\n[["]
)
def test_every_value_of_a_malformed_file_is_a_secret(content):
    assert KEY not in redaction.redact(f"cannot read {KEY}", redaction.find_values_in_malformed(content))


@given(st.text(min_size=4).filter(str.strip), st.text(), st.text())
def test_redacted_text_has_no_secret(secret, prefix, suffix):
    values = redaction.find_secrets({"DEERAPI_API_KEY": secret}, {})
    redacted = redaction.redact(prefix + secret + suffix, values)
    assert len(secret.strip()) < 4 or secret not in redacted.replace(redaction.REDACTED, "\0")
