"""Keys of people's own: where an operator lets them be sent, and what is shown of them."""

from __future__ import annotations

from typing import Any

import pytest

from lib.chat.own_key import key_suffix
from lib.config.settings import load_settings
from lib.core.errors import SettingError

KEY = {"DEERAPI_API_KEY": "sk-team", "DEERAPI_BASE_URL": "https://team.example/v1"}
ON = {"ANTLER_OWN_KEY": "on"}
ONE, TWO = "https://one.example", "https://two.example/api"


@pytest.mark.parametrize(
    ("environ", "secrets", "found"),
    [
        (KEY, {}, ()),
        ({}, {}, ()),
        ({**KEY, "ANTLER_OWN_KEY_URLS": ONE}, {}, ()),
        ({**KEY, "ANTLER_OWN_KEY": "off"}, {"own_key": {"allow": True}}, ()),
        ({**KEY, **ON}, {}, ("https://team.example",)),
        (KEY, {"own_key": {"allow": True}}, ("https://team.example",)),
        ({**KEY, **ON, "ANTLER_OWN_KEY_URLS": f"{ONE}/v1/, {TWO},{ONE}"}, {}, (ONE, TWO)),
        (KEY, {"own_key": {"allow": True, "base_urls": [TWO, ONE]}}, (TWO, ONE)),
        ({**KEY, "ANTLER_OWN_KEY_URLS": TWO}, {"own_key": {"allow": True, "base_urls": [ONE]}}, (TWO,)),
        ({**ON, "ANTLER_OWN_KEY_URLS": ONE}, {}, (ONE,)),
    ],
)
def test_where_own_keys_may_be_sent(
    environ: dict[str, str], secrets: dict[str, Any], found: tuple[str, ...]
) -> None:
    keys = load_settings(environ, secrets).personal_keys
    assert keys.base_urls == found
    assert keys.is_allowed is bool(found)


@pytest.mark.parametrize(
    ("environ", "secrets", "words"),
    [
        (ON, {}, "[own_key] base_urls must list the addresses"),
        (
            {**KEY, **ON, "ANTLER_OWN_KEY_URLS": "one.example"},
            {},
            "ANTLER_OWN_KEY_URLS must be a web address",
        ),
        ({**KEY, **ON, "ANTLER_OWN_KEY_URLS": f"{ONE},file:///x"}, {}, "ANTLER_OWN_KEY_URLS must be a web"),
        ({**KEY, "ANTLER_OWN_KEY_URLS": "https://me:it@one.example"}, {}, "must not hold a name or password"),
        ({**KEY, "ANTLER_OWN_KEY": "perhaps"}, {}, "ANTLER_OWN_KEY must be on or off."),
        (KEY, {"own_key": True}, "[own_key] in secrets.toml must be a table"),
    ],
)
def test_what_is_wrong_is_said(environ: dict[str, str], secrets: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(environ, secrets)
    assert words in str(caught.value)


def test_of_a_short_key_nothing_is_shown() -> None:
    assert (key_suffix("sk-123456789abc"), key_suffix("sk-12345678"), key_suffix("")) == ("9abc", "", "")
