"""Pseudonyms and custom headers."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config.caller import find_header_secrets
from lib.config.settings import Settings, load_settings
from lib.core.errors import SettingError
from lib.core.params import ParamAdjustment, Params
from lib.core.user import User

ROOT = Path(__file__).parents[3]
ANN = User("oidc:ann", "Ann Example", "ann@example.com", groups=("design", "sales"))
BEN = User("oidc:ben", "Ben", "ben@example.com")
KEY = {"DEERAPI_API_KEY": "sk-team-0123456789"}
SECRET = "a-secret-of-sixteen-characters"


def pseudonym(settings: Settings, user: User = ANN) -> str:
    return settings.caller_identity.pseudonym(user)


def test_a_pseudonym_is_an_hmac_with_the_configured_secret() -> None:
    value = pseudonym(load_settings({**KEY, "ANTLER_PSEUDONYM_SECRET": SECRET}, {}))
    assert value == "antler-" + hmac.digest(SECRET.encode(), b"oidc:ann", "sha256").hex()[:32]
    assert value == pseudonym(load_settings(KEY, {"team": {"pseudonym_secret": SECRET}}))
    assert len(value) <= 64


SOURCES: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"ANTLER_PSEUDONYM_SECRET": SECRET}, {}),
    ({"ANTLER_PSEUDONYM_SECRET": SECRET + "2"}, {}),
    ({}, {"auth": {"cookie_secret": SECRET}}),
    ({}, {"auth": {"cookie_secret": "another"}}),
    (KEY, {}),
    ({"DEERAPI_API_KEY": "sk-another"}, {}),
    ({"DEERAPI_API_KEY": SECRET}, {}),
]


def test_each_secret_gives_different_pseudonyms() -> None:
    pseudonyms = [pseudonym(load_settings(*source)) for source in SOURCES]
    assert len(set(pseudonyms)) == len(SOURCES)
    assert all(pseudonym(load_settings(*source), BEN) not in pseudonyms for source in SOURCES)


def test_the_cookie_secret_takes_precedence_over_the_key() -> None:
    auth = {"auth": {"cookie_secret": SECRET}}
    assert pseudonym(load_settings(KEY, auth)) == pseudonym(load_settings({"DEERAPI_API_KEY": "sk-new"}, auth))


def test_pseudonyms_are_equal_across_processes() -> None:
    program = (
        "from lib.config.settings import load_settings; from lib.core.user import User\n"
        f"print(load_settings({KEY!r}, {{}}).caller_identity.pseudonym(User('oidc:ann')))"
    )
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == pseudonym(load_settings(KEY, {}))


def test_other_attributes_do_not_change_the_pseudonym() -> None:
    settings = load_settings(KEY, {})
    assert pseudonym(settings, User("oidc:ann", "Ann Married", "new@example.org", True)) == pseudonym(settings)


@pytest.mark.parametrize("environ", [{}, {"ANTLER_PSEUDONYM": "on"}])
def test_there_is_no_pseudonym_without_a_secret(environ: dict[str, str]) -> None:
    settings = load_settings({**environ, "ANTLER_HEADERS": '{"X-User": "{pseudonym}"}'}, {})
    caller = settings.caller_identity.build_caller(ANN)
    assert (pseudonym(settings), caller.user_id, caller.build_headers("c")) == ("", "", {})
    assert settings.caller_identity.overridden_params(Params(user="me")) == []


def test_no_secret_is_in_the_repr_or_a_pseudonym() -> None:
    for environ, secrets in SOURCES:
        settings = load_settings(environ, secrets)
        assert SECRET not in repr(settings) + pseudonym(settings)
        assert repr(settings.caller_identity.pseudonym_secret) not in repr(settings)


@given(st.builds(User, st.text(), st.text(), st.text()))
def test_pseudonyms_are_valid_header_values(user: User) -> None:
    value = pseudonym(load_settings(KEY, {}), user)
    assert len(value) == 39
    assert value.isascii()
    assert value.isprintable()


@pytest.mark.parametrize(
    ("environ", "secrets", "is_enabled"),
    [
        ({}, {}, True),
        ({"ANTLER_PSEUDONYM": "off"}, {"team": {"pseudonym": True}}, False),
        ({"ANTLER_PSEUDONYM": "ON"}, {"team": {"pseudonym": False}}, True),
        ({}, {"team": {"pseudonym": False}}, False),
        ({}, {"team": {"pseudonym": "off"}}, False),
    ],
)
def test_the_pseudonym_can_be_switched_off(environ: dict[str, str], secrets: dict[str, Any], is_enabled: bool) -> None:
    caller_identity = load_settings({**KEY, **environ}, secrets).caller_identity
    assert caller_identity.sends_pseudonym is is_enabled
    assert bool(caller_identity.build_caller(ANN).user_id) is is_enabled
    assert bool(caller_identity.overridden_params(Params(user="me"))) is is_enabled


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        (Params(), []),
        (Params(extra='{"metadata": {"kind": "test"}, "verbosity": "low"}'), []),
        (Params(extra='{"metadata": "user_id"}'), []),
        (Params(user="me"), ["user"]),
        (Params(extra='{"user": null}'), ["extra"]),
        (Params(extra='{"safety_identifier": "me"}'), ["extra"]),
        (Params(user="me", extra='{"metadata": {"user_id": "me"}}'), ["user,extra"]),
    ],
)
def test_overridden_params_are_reported(params: Params, fields: list[str]) -> None:
    assert load_settings(KEY, {}).caller_identity.overridden_params(params) == [
        ParamAdjustment("pseudonym", field) for field in fields
    ]


def build_headers(value: Any, user: User = ANN) -> dict[str, str]:
    return load_settings(KEY, {"team": {"headers": value}}).caller_identity.build_caller(user).build_headers("c-1")


def test_header_templates_are_filled_per_request() -> None:
    templates = {
        "X-Team": "design",
        "X-User": "{pseudonym}",
        "X-Groups": "{group}",
        "X-Trace": "antler/{conversation}/{pseudonym}; v=1",
    }
    ann_pseudonym = pseudonym(load_settings(KEY, {}))
    expected = {
        "X-Team": "design",
        "X-User": ann_pseudonym,
        "X-Groups": "design,sales",
        "X-Trace": f"antler/c-1/{ann_pseudonym}; v=1",
    }
    assert build_headers(templates) == expected
    environ = {**KEY, "ANTLER_HEADERS": json.dumps(templates)}
    assert (
        load_settings(environ, {"team": {"headers": {"X-Other": "a"}}})
        .caller_identity.build_caller(ANN)
        .build_headers("c-1")
        == expected
    )


@pytest.mark.parametrize(
    ("name", "template", "found"),
    [
        ("X-Tenant-Key", "Basic dXNlcjpwYXNz", {"dXNlcjpwYXNz"}),
        ("X-Tenant-Key", "short", set()),
        ("X-Team", "research-and-development", set()),
        ("X-Team", "team of {group}: 9f3b7c1d5e8a2046", {"9f3b7c1d5e8a2046"}),
        ("X-Auth-User", "{pseudonym}", set()),
    ],
)
def test_credentials_in_headers_are_told_by_name_or_form(name: str, template: str, found: set[str]) -> None:
    assert find_header_secrets([(name, template)]) == found


def test_headers_without_a_value_are_omitted() -> None:
    assert build_headers({"X-Groups": "{group}", "X-Team": "a"}, BEN) == {"X-Team": "a"}
    caller_identity = load_settings(KEY, {"team": {"headers": {"X-Talk": "{conversation}"}}}).caller_identity
    assert caller_identity.build_caller(ANN).build_headers("") == {}


def test_the_switch_affects_only_the_body() -> None:
    caller_identity = load_settings(
        {**KEY, "ANTLER_PSEUDONYM": "off", "ANTLER_HEADERS": '{"X-User": "{pseudonym}"}'}, {}
    ).caller_identity
    assert caller_identity.build_caller(ANN).build_headers("") == {"X-User": caller_identity.pseudonym(ANN)}
    assert caller_identity.build_caller(ANN).user_id == ""


@pytest.mark.parametrize(
    ("group", "sent"),
    [
        ("R&D / Labs", "R&D / Labs"),
        ("设计", "%E8%AE%BE%E8%AE%A1"),
        ("a, b", "a%2C b"),
        ("50%", "50%25"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("{pseudonym}", "%7Bpseudonym%7D"),
    ],
)
def test_group_names_are_encoded_for_headers(group: str, sent: str) -> None:
    assert build_headers({"X-Group": "{group}"}, User("p", groups=(group,))) == {"X-Group": sent}


@given(st.lists(st.text()), st.text())
def test_filled_values_cannot_inject_headers(groups: list[str], conversation: str) -> None:
    caller_identity = load_settings(
        KEY, {"team": {"headers": {"X-All": "a {group} {conversation} {pseudonym} b"}}}
    ).caller_identity
    headers = caller_identity.build_caller(User("p", groups=tuple(groups))).build_headers(conversation)
    for value in headers.values():
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "must hold headers"),
        ("not json", "must hold headers"),
        ('{"X Team": "a"}', "cannot be the name"),
        ('{"X-Team:": "a"}', "cannot be the name"),
        ('{"X-Team\\r\\n": "a"}', "cannot be the name"),
        ('{"": "a"}', "cannot be the name"),
        ('{"X-Tëam": "a"}', "cannot be the name"),
        ('{"X-Team": "a\\r\\nX-Evil: 1"}', "on one line"),
        ('{"X-Team": "a\\u0000"}', "on one line"),
        ('{"X-Team": "dès"}', "on one line"),
        ('{"X-Team": ""}', "on one line"),
        ('{"X-Team": 1}', "on one line"),
        ('{"X-Team": "{email}"}', "{email}; what can stand there is {pseudonym}, {group}, {conversation}"),
        ('{"X-Team": "{pseudonym!r}"}', "what can stand there"),
        ('{"X-Team": "{}"}', "what can stand there"),
        ('{"X-Team": "{group"}', "brace"),
        ('{"X-Team": "{{group}}"}', "brace"),
        ('{"X-Team": "a", "x-team": "b"}', "twice"),
    ],
)
def test_invalid_headers_are_refused_on_load(text: str, message: str) -> None:
    with pytest.raises(SettingError, match="^ANTLER_HEADERS ") as caught:
        load_settings({"ANTLER_HEADERS": text}, {})
    assert message in str(caught.value)


RESERVED_HEADERS = (
    "Authorization proxy-authorization X-Api-Key api-key x-goog-api-key Cookie Set-Cookie Host Content-Type"
)
RESERVED_HEADERS += (
    " content-length Accept accept-encoding User-Agent anthropic-version Connection Transfer-Encoding TE"
)
RESERVED_HEADERS += " Expect Upgrade Trailer Proxy-Connection Keep-Alive"


@pytest.mark.parametrize("header", RESERVED_HEADERS.split())
def test_reserved_headers_are_refused(header: str) -> None:
    with pytest.raises(SettingError, match=rf"^\[team.headers\] must not set {header}"):
        build_headers({header: "a"})


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({"team": "design"}, "[team] in secrets.toml must be a table"),
        ({"team": {"headers": "X-Team"}}, "[team.headers] must hold headers"),
        ({"team": {"pseudonym": "maybe"}}, "[team] pseudonym must be on or off."),
        ({"team": {"pseudonym_secret": "short"}}, "[team] pseudonym_secret must have 16 characters or more."),
    ],
)
def test_errors_name_the_setting_without_secrets(secrets: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(KEY, secrets)
    assert message in str(caught.value)
    assert "short" not in str(caught.value)
