"""Access settings and checks of sign-in claims and proxy headers."""

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
ALLOWLIST = ("@example.org",)


def load(environ: dict[str, str] | None = None, **secrets: Any) -> AccessSettings:
    return settings.load_settings(environ or {}, secrets).access


def test_the_default_mode_is_local():
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
        (
            {"ANTLER_ACCESS": "password", "ANTLER_PUBLIC_LINKS": "on"},
            {"access": {"password": "correct horse", "public_links": False}},
            AccessSettings("password", "correct horse", public_links=True),
        ),
    ],
)
def test_each_mode_loads_its_settings(environ, secrets, expected):
    assert load(environ, **secrets) == expected


@pytest.mark.parametrize(
    ("access", "auth", "setting_name"),
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
        ({"mode": "password", "password": "correct horse", "public_links": "some"}, None, "[access] public_links"),
    ],
)
def test_missing_and_malformed_settings_are_named(access, auth, setting_name):
    with pytest.raises(SettingError) as caught:
        load(access=access, auth=auth)
    assert setting_name in str(caught.value)


def test_public_links_need_a_sign_in_to_differ_from_those_of_the_team():
    for mode in ("local", "viewers"):
        assert not AccessSettings(mode, public_links=True).allows_public_links
    proxy = AccessSettings("proxy", proxy_secret=SECRET, public_links=True)
    assert proxy.allows_public_links and proxy.is_reader("no_name") and not proxy.is_reader("untrusted_proxy")
    assert not AccessSettings("oidc").is_reader("signed_out")


def test_no_secret_is_in_a_message_or_repr():
    for table in (
        {"mode": "password", "password": "abc\x07defgh"},
        {"mode": "proxy", "proxy_secret": "kurz!"},
    ):
        with pytest.raises(SettingError) as caught:
            load(access=table)
        assert not [value for value in list(table.values())[1:] if value in str(caught.value)]
    password_settings = load({"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse"})
    proxy_settings = load({"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET})
    assert "correct horse" not in repr(password_settings)
    assert SECRET not in repr(proxy_settings)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "LocalHost", "::1", "[::1]"])
def test_loopback_addresses(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "chat.example", "1"]
)
def test_other_addresses_are_not_loopback(address):
    assert not is_loopback(address)


@pytest.mark.parametrize("allowlist", [("@example.org",), ("ann@example.org",), ("bob@x.com", "@example.org"), ("*",)])
def test_users_on_the_allowlist_are_admitted(allowlist):
    assert check_claims(CLAIMS, allowlist, NOW, 0.0) is None
    assert check_claims({**CLAIMS, "email": "Ann@Example.ORG", "email_verified": "true"}, allowlist, NOW, 0.0) is None


def test_a_wildcard_allowlist_needs_no_email():
    assert check_claims({name: CLAIMS[name] for name in ("iss", "sub", "iat", "exp")}, ("*",), NOW, 0.0) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
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
def test_refused_claims_have_a_reason(changes, reason):
    assert check_claims({**CLAIMS, **changes}, ALLOWLIST, NOW, NOW - 100) == reason


def test_only_sign_ins_before_the_revocation_are_revoked():
    assert check_claims({**CLAIMS, "iat": NOW - 10}, ALLOWLIST, NOW, NOW - 10) is None
    assert check_claims({**CLAIMS, "iat": NOW - 11}, ALLOWLIST, NOW, NOW - 10) == "revoked"


def test_case_folding_characters_do_not_match_ascii():
    assert "\u212aate@example.org".lower() == "kate@example.org"
    assert not is_allowlisted("\u212aate@example.org", ("kate@example.org",))
    assert is_allowlisted("Kate@example.org", ("kate@example.org",))


def test_a_user_is_identified_by_issuer_and_subject():
    ann = user_from_claims(CLAIMS)
    assert (ann.id[:5], len(ann.id), ann.name, ann.email) == ("oidc:", 37, "Ann", "ann@example.org")
    assert user_from_claims({**CLAIMS, "email": "new@example.org", "iat": 1}).id == ann.id
    assert (
        user_from_claims({**CLAIMS, "sub": "8"}).id != ann.id != user_from_claims({**CLAIMS, "iss": "https://other"}).id
    )
    minimal_user = user_from_claims({"iss": CLAIMS["iss"], "sub": "7", "name": None})
    assert minimal_user == User(ann.id)


PROXY = AccessSettings("proxy", proxy_secret=SECRET)


def user_of_headers(access: AccessSettings = PROXY, /, **headers: list[str]) -> object:
    values_by_name = {name.replace("_", "-").lower(): values for name, values in headers.items()}
    return user_from_proxy(lambda name: values_by_name.get(name.lower(), []), access)


def test_proxy_headers_identify_the_user():
    ann = user_of_headers(x_antler_proxy=[SECRET], x_forwarded_email=["Ann@example.org"])
    assert isinstance(ann, User)
    assert (ann.id[:6], len(ann.id), ann.email) == ("proxy:", 38, "ann@example.org")
    assert user_of_headers(x_antler_proxy=[SECRET], x_forwarded_email=["ann@EXAMPLE.org"]).id == ann.id
    assert user_of_headers(x_antler_proxy=[SECRET], x_forwarded_email=["bob@example.org"]).id != ann.id
    other_user = user_of_headers(
        AccessSettings("proxy", user_header="X-User", proxy_secret=SECRET),
        x_antler_proxy=[SECRET],
        x_user=["ann"],
    )
    assert (other_user.name, other_user.email) == ("ann", "")


@pytest.mark.parametrize(
    ("headers", "reason"),
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
def test_invalid_proxy_headers_are_refused(headers, reason):
    assert user_of_headers(AccessSettings("proxy", allowlist=ALLOWLIST, proxy_secret=SECRET), **headers) == reason


def test_a_proxy_without_a_secret_is_not_trusted():
    assert (
        user_of_headers(AccessSettings("proxy"), x_antler_proxy=[""], x_forwarded_email=["ann@example.org"])
        == "untrusted_proxy"
    )
