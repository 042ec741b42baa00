"""The modes of access as they are set, and whom a sign-in lets in."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from lib.config import settings
from lib.config.auth import (
    CLOCK_SKEW_SECONDS,
    AccessSettings,
    check_claims,
    is_allowlisted,
    is_loopback,
    user_from_claims,
    user_from_proxy,
)
from lib.core.errors import SettingError
from lib.core.user import User

AUTH = {"redirect_uri": "https://c/oauth2callback", "cookie_secret": "s" * 20, "client_id": "i"}
SECRET = "0123456789abcdef"
NOW = 1_800_000_000.0
CLAIMS = MappingProxyType(
    {
        "iss": "https://id.example",
        "sub": "7",
        "iat": int(NOW) - 60,
        "exp": int(NOW) + 60,
        "email": "ann@example.org",
        "email_verified": True,
        "name": "Ann",
    }
)
HERS = ("@example.org",)


def load(environ: dict[str, str] | None = None, **secrets: Any) -> AccessSettings:
    return settings.load_settings(environ or {}, secrets).access


def test_nothing_set_is_local():
    assert load() == AccessSettings() == load({"ANTLER_ACCESS": " "})
    assert load().mode == "local"


@pytest.mark.parametrize(
    ("environ", "secrets", "expected"),
    [
        ({"ANTLER_ACCESS": "Viewers"}, {}, AccessSettings("viewers")),
        ({}, {"access": {"mode": "password", "password": 12345678}}, AccessSettings("password", "12345678")),
        (
            {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse"},
            {"access": {"mode": "local", "password": "another one"}},
            AccessSettings("password", "correct horse"),
        ),
        (
            {},
            {"access": {"mode": "oidc", "allow": ["@Example.org", " ann@x.com "]}, "auth": AUTH},
            AccessSettings("oidc", allowlist=("@example.org", "ann@x.com"), providers=("default",)),
        ),
        (
            {"ANTLER_ACCESS": "oidc", "ANTLER_ALLOW": "*"},
            {"auth": {**AUTH, "client_kwargs": {"prompt": "login"}, "google": {"client_id": "j"}}},
            AccessSettings("oidc", allowlist=("*",), providers=("default", "google")),
        ),
        (
            {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_HEADER": "X-User"},
            {},
            AccessSettings("proxy", user_header="X-User", proxy_secret=SECRET),
        ),
    ],
)
def test_a_mode_is_set_with_what_it_needs(environ, secrets, expected):
    assert load(environ, **secrets) == expected


@pytest.mark.parametrize(
    ("access", "auth", "named"),
    [
        ({"mode": "open"}, None, "[access] mode"),
        ({"mode": "password"}, None, "[access] password"),
        ({"mode": "password", "password": "short"}, None, "[access] password"),
        ({"mode": "oidc"}, AUTH, "[access] allow"),
        ({"mode": "oidc", "allow": []}, AUTH, "[access] allow"),
        ({"mode": "oidc", "allow": ["example.org"]}, AUTH, "[access] allow"),
        ({"mode": "oidc", "allow": ["ann@"]}, AUTH, "[access] allow"),
        ({"mode": "oidc", "allow": ["a@b@c"]}, AUTH, "[access] allow"),
        ({"mode": "oidc", "allow": ["*"]}, None, "[auth]"),
        ({"mode": "oidc", "allow": ["*"]}, {**AUTH, "cookie_secret": ""}, "[auth]"),
        ({"mode": "oidc", "allow": ["*"]}, {**AUTH, "client_id": ""}, "client_id"),
        ({"mode": "proxy"}, None, "[access] proxy_secret"),
        ({"mode": "proxy", "proxy_secret": "short"}, None, "[access] proxy_secret"),
        ({"mode": "proxy", "proxy_secret": "密" * 16}, None, "[access] proxy_secret"),
        ({"mode": "proxy", "proxy_secret": SECRET, "header": "X User"}, None, "[access] header"),
    ],
)
def test_what_is_missing_or_malformed_is_named(access, auth, named):
    with pytest.raises(SettingError) as refused:
        load(access=access, auth=auth)
    assert named in str(refused.value)


def test_no_secret_is_in_a_sentence_or_a_repr():
    for access in (
        {"mode": "password", "password": "abc\x07defgh"},
        {"mode": "proxy", "proxy_secret": "kurz!"},
    ):
        with pytest.raises(SettingError) as refused:
            load(access=access)
        assert not [value for value in list(access.values())[1:] if value in str(refused.value)]
    word = load({"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse"})
    proxy = load({"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET})
    assert "correct horse" not in repr(word)
    assert SECRET not in repr(proxy)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "LocalHost", "::1", "[::1]"])
def test_loopback_is_this_machine_alone(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "chat.example", "1"]
)
def test_all_else_is_reachable(address):
    assert not is_loopback(address)


@pytest.mark.parametrize(
    "allow", [("@example.org",), ("ann@example.org",), ("bob@x.com", "@example.org"), ("*",)]
)
def test_who_is_on_the_list_comes_in(allow):
    assert check_claims(CLAIMS, allow, NOW, 0.0) is None
    assert (
        check_claims({**CLAIMS, "email": "Ann@Example.ORG", "email_verified": "true"}, allow, NOW, 0.0)
        is None
    )


def test_everybody_needs_no_address():
    assert (
        check_claims({name: CLAIMS[name] for name in ("iss", "sub", "iat", "exp")}, ("*",), NOW, 0.0) is None
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"sub": ""}, "no_name"),
        ({"iss": None}, "no_name"),
        ({"iat": None}, "no_sign_in_time"),
        ({"iat": True}, "no_sign_in_time"),
        ({"exp": "9999999999"}, "no_sign_in_time"),
        ({"exp": NOW}, "expired"),
        ({"iat": NOW + CLOCK_SKEW_SECONDS + 1}, "future_sign_in_time"),
        ({"iat": NOW - 101}, "revoked"),
        ({"email": None}, "no_email"),
        ({"email_verified": False}, "unverified_email"),
        ({"email_verified": None}, "unverified_email"),
        ({"email_verified": "yes"}, "unverified_email"),
        ({"email_verified": 1}, "unverified_email"),
        ({"email": "ann@example.com"}, "not_allowed"),
        ({"email": "ann@sub.example.org"}, "not_allowed"),
        ({"email": "ann@evilexample.org"}, "not_allowed"),
        ({"email": "@example.org"}, "not_allowed"),
        ({"email": "example.org"}, "not_allowed"),
        ({"email": "ann@example.org@evil.com"}, "not_allowed"),
    ],
)
def test_who_is_refused_is_told_why(changed, why):
    assert check_claims({**CLAIMS, **changed}, HERS, NOW, NOW - 100) == why


def test_a_sign_in_after_the_revocation_counts():
    assert check_claims({**CLAIMS, "iat": NOW - 10}, HERS, NOW, NOW - 10) is None
    assert check_claims({**CLAIMS, "iat": NOW - 11}, HERS, NOW, NOW - 10) == "revoked"


def test_letters_that_fold_to_others_are_not_those():
    assert "\u212aate@example.org".lower() == "kate@example.org"
    assert not is_allowlisted("\u212aate@example.org", ("kate@example.org",))
    assert is_allowlisted("Kate@example.org", ("kate@example.org",))


def test_a_person_is_issuer_and_subject():
    ann = user_from_claims(CLAIMS)
    assert (ann.id[:5], len(ann.id), ann.name, ann.email) == ("oidc:", 37, "Ann", "ann@example.org")
    assert user_from_claims({**CLAIMS, "email": "new@example.org", "iat": 1}).id == ann.id
    assert (
        user_from_claims({**CLAIMS, "sub": "8"}).id
        != ann.id
        != user_from_claims({**CLAIMS, "iss": "https://other"}).id
    )
    thin = user_from_claims({"iss": CLAIMS["iss"], "sub": "7", "name": None})
    assert thin == User(ann.id)


PROXY = AccessSettings("proxy", proxy_secret=SECRET)


def told(access: AccessSettings = PROXY, /, **headers: list[str]) -> object:
    named = {name.replace("_", "-").lower(): values for name, values in headers.items()}
    return user_from_proxy(lambda name: named.get(name.lower(), []), access)


def test_the_proxy_names_the_person():
    ann = told(x_antler_proxy=[SECRET], x_forwarded_email=["Ann@example.org"])
    assert isinstance(ann, User)
    assert (ann.id[:6], len(ann.id), ann.email) == ("proxy:", 38, "ann@example.org")
    assert told(x_antler_proxy=[SECRET], x_forwarded_email=["ann@EXAMPLE.org"]).id == ann.id
    assert told(x_antler_proxy=[SECRET], x_forwarded_email=["bob@example.org"]).id != ann.id
    user = told(
        AccessSettings("proxy", user_header="X-User", proxy_secret=SECRET),
        x_antler_proxy=[SECRET],
        x_user=["ann"],
    )
    assert (user.name, user.email) == ("ann", "")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"x_forwarded_email": ["ann@example.org"]}, "untrusted_proxy"),
        ({"x_antler_proxy": [SECRET[:-1]], "x_forwarded_email": ["ann@example.org"]}, "untrusted_proxy"),
        ({"x_antler_proxy": [SECRET, SECRET], "x_forwarded_email": ["ann@example.org"]}, "untrusted_proxy"),
        ({"x_antler_proxy": ["密"], "x_forwarded_email": ["ann@example.org"]}, "untrusted_proxy"),
        ({"x_antler_proxy": [SECRET]}, "no_name"),
        ({"x_antler_proxy": [SECRET], "x_forwarded_email": [" "]}, "no_name"),
        ({"x_antler_proxy": [SECRET], "x_forwarded_email": ["eve@x.com", "ann@example.org"]}, "no_name"),
        ({"x_antler_proxy": [SECRET], "x_forwarded_email": ["eve@x.com, ann@example.org"]}, "no_name"),
        ({"x_antler_proxy": [SECRET], "x_forwarded_email": ["eve@x.com"]}, "not_allowed"),
    ],
)
def test_nobody_is_named_otherwise(headers, why):
    assert told(AccessSettings("proxy", allowlist=HERS, proxy_secret=SECRET), **headers) == why


def test_a_proxy_without_a_secret_names_nobody():
    assert (
        told(AccessSettings("proxy"), x_antler_proxy=[""], x_forwarded_email=["ann@example.org"])
        == "untrusted_proxy"
    )
