"""Personal keys: allowed addresses and the displayed suffix."""

from __future__ import annotations

from typing import Any

import pytest

from lib.chat.connection import key_suffix
from lib.config.settings import load_settings
from lib.core.errors import SettingError

ENVIRON = {"DEERAPI_API_KEY": "sk-team", "DEERAPI_BASE_URL": "https://team.example/v1"}
ENABLED = {"ANTLER_OWN_KEY": "on"}
FIRST_URL, SECOND_URL = "https://one.example", "https://two.example/api"


@pytest.mark.parametrize(
    ("environ", "secrets", "expected"),
    [
        (ENVIRON, {}, ()),
        ({}, {}, ()),
        ({**ENVIRON, "ANTLER_OWN_KEY_URLS": FIRST_URL}, {}, ()),
        ({**ENVIRON, "ANTLER_OWN_KEY": "off"}, {"own_key": {"allow": True}}, ()),
        ({**ENVIRON, **ENABLED}, {}, ("https://team.example",)),
        (ENVIRON, {"own_key": {"allow": True}}, ("https://team.example",)),
        (
            {**ENVIRON, **ENABLED, "ANTLER_OWN_KEY_URLS": f"{FIRST_URL}/v1/, {SECOND_URL},{FIRST_URL}"},
            {},
            (FIRST_URL, SECOND_URL),
        ),
        (
            ENVIRON,
            {"own_key": {"allow": True, "base_urls": [SECOND_URL, FIRST_URL]}},
            (SECOND_URL, FIRST_URL),
        ),
        (
            {**ENVIRON, "ANTLER_OWN_KEY_URLS": SECOND_URL},
            {"own_key": {"allow": True, "base_urls": [FIRST_URL]}},
            (SECOND_URL,),
        ),
        ({**ENABLED, "ANTLER_OWN_KEY_URLS": FIRST_URL}, {}, (FIRST_URL,)),
    ],
)
def test_allowed_addresses_of_personal_keys(
    environ: dict[str, str], secrets: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert load_settings(environ, secrets).personal_key_urls == expected


@pytest.mark.parametrize(
    ("environ", "secrets", "message"),
    [
        (ENABLED, {}, "[own_key] base_urls must list the addresses"),
        (
            {**ENVIRON, **ENABLED, "ANTLER_OWN_KEY_URLS": "one.example"},
            {},
            "ANTLER_OWN_KEY_URLS must be a web address",
        ),
        (
            {**ENVIRON, **ENABLED, "ANTLER_OWN_KEY_URLS": f"{FIRST_URL},file:///x"},
            {},
            "ANTLER_OWN_KEY_URLS must be a web",
        ),
        (
            {**ENVIRON, "ANTLER_OWN_KEY_URLS": "https://me:it@one.example"},
            {},
            "must not hold a name or password",
        ),
        ({**ENVIRON, "ANTLER_OWN_KEY": "perhaps"}, {}, "ANTLER_OWN_KEY must be on or off."),
        (ENVIRON, {"own_key": True}, "[own_key] in secrets.toml must be a table"),
    ],
)
def test_invalid_settings_are_refused_with_a_message(
    environ: dict[str, str], secrets: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(environ, secrets)
    assert message in str(caught.value)


def test_short_keys_have_no_suffix() -> None:
    assert (key_suffix("sk-123456789abc"), key_suffix("sk-12345678"), key_suffix("")) == ("9abc", "", "")
