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

from lib.config.settings import Settings, load_settings
from lib.core.errors import SettingError
from lib.core.params import ParamAdjustment, Params
from lib.core.user import User

ROOT = Path(__file__).parents[3]
ANN = User("oidc:ann", "Ann Example", "ann@example.com", groups=("design", "sales"))
BEN = User("oidc:ben", "Ben", "ben@example.com")
KEY = {"DEERAPI_API_KEY": "sk-team-0123456789"}
SECRET = "a-secret-of-sixteen-signs"


def name(settings: Settings, person: User = ANN) -> str:
    return settings.caller_identity.pseudonym(person)


def test_a_pseudonym_is_an_hmac_with_the_secret_that_is_set() -> None:
    found = name(load_settings({**KEY, "ANTLER_PSEUDONYM_SECRET": SECRET}, {}))
    assert found == "antler-" + hmac.digest(SECRET.encode(), b"oidc:ann", "sha256").hex()[:32]
    assert found == name(load_settings(KEY, {"team": {"pseudonym_secret": SECRET}}))
    assert len(found) <= 64


SOURCES: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"ANTLER_PSEUDONYM_SECRET": SECRET}, {}),
    ({"ANTLER_PSEUDONYM_SECRET": SECRET + "2"}, {}),
    ({}, {"auth": {"cookie_secret": SECRET}}),
    ({}, {"auth": {"cookie_secret": "another"}}),
    (KEY, {}),
    ({"DEERAPI_API_KEY": "sk-another"}, {}),
    ({"DEERAPI_API_KEY": SECRET}, {}),
]


def test_each_secret_makes_names_of_its_own() -> None:
    found = [name(load_settings(*source)) for source in SOURCES]
    assert len(set(found)) == len(SOURCES)
    assert all(name(load_settings(*source), BEN) not in found for source in SOURCES)


def test_the_cookies_secret_is_taken_before_the_key() -> None:
    auth = {"auth": {"cookie_secret": SECRET}}
    assert name(load_settings(KEY, auth)) == name(load_settings({"DEERAPI_API_KEY": "sk-new"}, auth))


def test_another_process_gives_the_same_name() -> None:
    program = (
        "from lib.config.settings import load_settings; from lib.core.user import User\n"
        f"print(load_settings({KEY!r}, {{}}).caller_identity.pseudonym(User('oidc:ann')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == name(load_settings(KEY, {}))


def test_who_else_a_person_is_does_not_change_the_name() -> None:
    settings = load_settings(KEY, {})
    assert name(settings, User("oidc:ann", "Ann Married", "new@example.org", True)) == name(settings)


@pytest.mark.parametrize("environ", [{}, {"ANTLER_PSEUDONYM": "on"}])
def test_without_any_secret_there_is_no_name_that_could_be_guessed(environ: dict[str, str]) -> None:
    settings = load_settings({**environ, "ANTLER_HEADERS": '{"X-User": "{pseudonym}"}'}, {})
    caller = settings.caller_identity.build_caller(ANN)
    assert (name(settings), caller.user_id, caller.build_headers("c")) == ("", "", {})
    assert settings.caller_identity.overridden_params(Params(user="me")) == []


def test_no_secret_is_in_the_repr_or_in_a_name() -> None:
    for environ, secrets in SOURCES:
        settings = load_settings(environ, secrets)
        assert SECRET not in repr(settings) + name(settings)
        assert repr(settings.caller_identity.pseudonym_secret) not in repr(settings)


@given(st.builds(User, st.text(), st.text(), st.text()))
def test_any_person_gets_a_name_that_a_header_can_carry(person: User) -> None:
    found = name(load_settings(KEY, {}), person)
    assert len(found) == 39
    assert found.isascii()
    assert found.isprintable()


@pytest.mark.parametrize(
    ("environ", "secrets", "tells"),
    [
        ({}, {}, True),
        ({"ANTLER_PSEUDONYM": "off"}, {"team": {"pseudonym": True}}, False),
        ({"ANTLER_PSEUDONYM": "ON"}, {"team": {"pseudonym": False}}, True),
        ({}, {"team": {"pseudonym": False}}, False),
        ({}, {"team": {"pseudonym": "off"}}, False),
    ],
)
def test_the_switch(environ: dict[str, str], secrets: dict[str, Any], tells: bool) -> None:
    team = load_settings({**KEY, **environ}, secrets).caller_identity
    assert team.sends_pseudonym is tells
    assert bool(team.build_caller(ANN).user_id) is tells
    assert bool(team.overridden_params(Params(user="me"))) is tells


@pytest.mark.parametrize(
    ("params", "lost"),
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
def test_what_the_pseudonym_takes_the_place_of_is_told(params: Params, lost: list[str]) -> None:
    assert load_settings(KEY, {}).caller_identity.overridden_params(params) == [
        ParamAdjustment("pseudonym", field) for field in lost
    ]


def headers(value: Any, person: User = ANN) -> dict[str, str]:
    return (
        load_settings(KEY, {"team": {"headers": value}})
        .caller_identity.build_caller(person)
        .build_headers("c-1")
    )


def test_headers_are_filled_for_each_request() -> None:
    templates = {
        "X-Team": "design",
        "X-User": "{pseudonym}",
        "X-Groups": "{group}",
        "X-Trace": "antler/{conversation}/{pseudonym}; v=1",
    }
    known = name(load_settings(KEY, {}))
    filled = {
        "X-Team": "design",
        "X-User": known,
        "X-Groups": "design,sales",
        "X-Trace": f"antler/c-1/{known}; v=1",
    }
    assert headers(templates) == filled
    typed = {**KEY, "ANTLER_HEADERS": json.dumps(templates)}
    assert (
        load_settings(typed, {"team": {"headers": {"X-Other": "a"}}})
        .caller_identity.build_caller(ANN)
        .build_headers("c-1")
        == filled
    )


def test_a_header_about_which_nothing_is_known_is_left_out() -> None:
    assert headers({"X-Groups": "{group}", "X-Team": "a"}, BEN) == {"X-Team": "a"}
    team = load_settings(KEY, {"team": {"headers": {"X-Talk": "{conversation}"}}}).caller_identity
    assert team.build_caller(ANN).build_headers("") == {}


def test_the_switch_is_for_the_body_alone() -> None:
    team = load_settings(
        {**KEY, "ANTLER_PSEUDONYM": "off", "ANTLER_HEADERS": '{"X-User": "{pseudonym}"}'}, {}
    ).caller_identity
    assert team.build_caller(ANN).build_headers("") == {"X-User": team.pseudonym(ANN)}
    assert team.build_caller(ANN).user_id == ""


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
def test_a_groups_name_is_written_so_that_a_header_can_carry_it(group: str, sent: str) -> None:
    assert headers({"X-Group": "{group}"}, User("p", groups=(group,))) == {"X-Group": sent}


@given(st.lists(st.text()), st.text())
def test_nothing_that_is_filled_in_can_break_out(groups: list[str], conversation: str) -> None:
    team = load_settings(
        KEY, {"team": {"headers": {"X-All": "a {group} {conversation} {pseudonym} b"}}}
    ).caller_identity
    found = team.build_caller(User("p", groups=tuple(groups))).build_headers(conversation)
    for value in found.values():
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()


@pytest.mark.parametrize(
    ("found", "words"),
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
def test_headers_that_cannot_be_sent_are_refused_at_the_start(found: str, words: str) -> None:
    with pytest.raises(SettingError, match="^ANTLER_HEADERS ") as caught:
        load_settings({"ANTLER_HEADERS": found}, {})
    assert words in str(caught.value)


TAKEN = (
    "Authorization proxy-authorization X-Api-Key api-key x-goog-api-key Cookie Set-Cookie Host Content-Type"
)
TAKEN += " content-length Accept accept-encoding User-Agent anthropic-version Connection Transfer-Encoding TE"
TAKEN += " Expect Upgrade Trailer Proxy-Connection Keep-Alive"


@pytest.mark.parametrize("header", TAKEN.split())
def test_headers_with_another_use_are_refused(header: str) -> None:
    with pytest.raises(SettingError, match=rf"^\[team.headers\] must not set {header}"):
        headers({header: "a"})


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ({"team": "design"}, "[team] in secrets.toml must be a table"),
        ({"team": {"headers": "X-Team"}}, "[team.headers] must hold headers"),
        ({"team": {"pseudonym": "maybe"}}, "[team] pseudonym must be on or off."),
        ({"team": {"pseudonym_secret": "short"}}, "[team] pseudonym_secret must have 16 characters or more."),
    ],
)
def test_what_is_wrong_is_said_and_no_secret_is(secrets: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(KEY, secrets)
    assert words in str(caught.value)
    assert "short" not in str(caught.value)
