"""Secrets: found under every name they have, in each form, and struck out of any text."""

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
def test_what_is_secret_is_found_and_struck(environ, table):
    said = f"refused: {KEY}!"
    assert redaction.redact(said, redaction.find_secrets(environ, table)) == f"refused: {redaction.REDACTED}!"


def test_a_password_is_struck_as_it_is_written_and_as_it_is_meant():
    values = redaction.find_secrets({"DATABASE_URL": "postgresql://ann:p%40ss%2Fword@host/name"}, {})
    for said in ("p%40ss%2Fword", "p@ss/word"):
        assert redaction.redact(f"<{said}>", values) == f"<{redaction.REDACTED}>"


def test_what_is_no_secret_stays():
    environ = {
        "DEERAPI_BASE_URL": "https://gw.example",
        "DATABASE_URL": "sqlite:///data/antler.db",
        "KEY": KEY,
    }
    table = {"gateway": {"cheap_model": "gpt-4o-mini", "retries": 2}, "server": {"log": "json"}}
    assert redaction.find_secrets(environ, table) == frozenset()


@pytest.mark.parametrize(
    "text", [f"[gateway]\napi_key = {KEY}\n", f"api_key: {KEY}", f'key = "{KEY}', f"key = '{KEY}'\n[["]
)
def test_of_a_broken_file_every_value_is_secret(text):
    assert KEY not in redaction.redact(f"cannot read {KEY}", redaction.find_values_in_malformed(text))


@given(st.text(min_size=4).filter(str.strip), st.text(), st.text())
def test_no_text_keeps_a_secret(secret, before, after):
    values = redaction.find_secrets({"DEERAPI_API_KEY": secret}, {})
    struck = redaction.redact(before + secret + after, values)
    assert len(secret.strip()) < 4 or secret not in struck.replace(redaction.REDACTED, "\0")
