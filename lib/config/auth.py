"""Who may come in: the modes of access, and the rules that a sign-in is held against."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from lib.core.errors import SettingError
from lib.core.user import User

AccessMode = Literal["local", "viewers", "password", "oidc", "proxy"]
Refusal = Literal[
    "signed_out",
    "unprotected",
    "undated",
    "early",
    "expired",
    "revoked",
    "nameless",
    "mailless",
    "unverified",
    "stranger",
    "untrusted",
]
SettingReader = Callable[[str, str], tuple[str, str]]

PROXY_SECRET_HEADER = "X-Antler-Proxy"
ALLOW_ANYONE = "*"
CLOCK_SKEW_SECONDS = 30.0  # seconds by which a provider's clock may be ahead of ours
MIN_PASSWORD_LENGTH, MIN_SECRET_LENGTH = 8, 16
_FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
_NON_PROVIDER_KEYS = frozenset({"client_kwargs"})


@dataclass(frozen=True)
class AccessSettings:
    """How people come in; neither `password` nor `proxy_secret` is in the repr.

    `allow` holds addresses, domains with @ in front, or "*" for all whom the provider knows. `providers` are
    the names of the sections under [auth], with "default" for that section itself.
    """

    mode: AccessMode = "local"
    password: str = field(default="", repr=False)
    allowlist: tuple[str, ...] = ()
    user_header: str = "X-Forwarded-Email"
    proxy_secret: str = field(default="", repr=False)
    providers: tuple[str, ...] = ()


def parse_access(read_setting: SettingReader, auth_table: object) -> AccessSettings:
    """The access that is set: `read` gives a setting and its name, `auth` is the [auth] table or None.

    Raises SettingError, whose sentence never holds a secret.
    """
    word, name = read_setting("ANTLER_ACCESS", "mode")
    mode: AccessMode | None = next(
        (one for one in get_args(AccessMode) if one == (word.lower() or "local")), None
    )
    if mode is None:
        raise SettingError(f"{name} must be one of {', '.join(get_args(AccessMode))}.")
    allow = _parse_allowlist(*read_setting("ANTLER_ALLOW", "allow"))
    if mode == "password":
        return AccessSettings(
            mode,
            password=_parse_secret(*read_setting("ANTLER_PASSWORD", "password"), MIN_PASSWORD_LENGTH, mode),
        )
    if mode == "oidc":
        if not allow:
            raise SettingError(
                f'[access] allow must say who may come in, such as "ann@example.com" or "@example.org"; '
                f'"{ALLOW_ANYONE}" is everybody whom the provider signs in.'
            )
        return AccessSettings(mode, allowlist=allow, providers=_parse_providers(auth_table))
    if mode == "proxy":
        secret = _parse_secret(*read_setting("ANTLER_PROXY_SECRET", "proxy_secret"), MIN_SECRET_LENGTH, mode)
        return AccessSettings(
            mode,
            allowlist=allow,
            user_header=_parse_header_name(*read_setting("ANTLER_HEADER", "header")),
            proxy_secret=secret,
        )
    return AccessSettings(mode)


def _parse_secret(value: str, name: str, min_length: int, mode: AccessMode) -> str:
    if len(value) < min_length:
        raise SettingError(f"{name} must have {min_length} characters or more: the access mode is {mode}.")
    if not value.isprintable() or (mode == "proxy" and not value.isascii()):
        raise SettingError(f"{name} has a character that cannot be sent; choose another.")
    return value


def _parse_allowlist(value: str, name: str) -> tuple[str, ...]:
    entries = tuple(_normalize_email(entry.strip()) for entry in value.split(",") if entry.strip())
    for entry in entries:
        if entry != ALLOW_ANYONE and (entry.count("@") != 1 or entry.endswith("@") or " " in entry):
            raise SettingError(
                f"{name} must list addresses, or domains with @ in front, such as @example.org."
            )
    return entries


def _parse_header_name(value: str, name: str) -> str:
    header = value or AccessSettings.user_header
    if not header.isascii() or not header.replace("-", "").isalnum():
        raise SettingError(f"{name} must be the name of a header, such as {AccessSettings.user_header}.")
    return header


def _parse_providers(auth_table: object) -> tuple[str, ...]:
    if (
        not isinstance(auth_table, Mapping)
        or not auth_table.get("redirect_uri")
        or not auth_table.get("cookie_secret")
    ):
        raise SettingError(
            "[auth] in secrets.toml must hold redirect_uri and cookie_secret: the access mode is oidc."
        )
    names = ["default"] if auth_table.get("client_id") else []
    names += [
        name
        for name, value in auth_table.items()
        if isinstance(value, Mapping) and name not in _NON_PROVIDER_KEYS
    ]
    if not names:
        raise SettingError("[auth] in secrets.toml must hold client_id: the access mode is oidc.")
    return tuple(names)


def is_loopback(address: str | None) -> bool:
    """Whether a server that is bound to this address can be reached from its own machine alone.

    None or "" is every address that the machine has.
    """
    if address and address.lower() == "localhost":
        return True
    try:
        return ip_address((address or "").strip("[]")).is_loopback
    except ValueError:
        return False


def is_local_request(bind_address: str | None, get_header: Callable[[str], str | None]) -> bool:
    """Whether a request to a server bound to `address` was made on its own machine; `read` gives a header.

    A proxy beside the server makes it the world's, and a page elsewhere can give loopback a name of its own.
    """
    try:
        host = urlsplit(f"//{get_header('Host') or 'localhost'}").hostname
    except ValueError:
        return False
    return (
        is_loopback(bind_address)
        and is_loopback(host)
        and not any(get_header(name) for name in _FORWARDING_HEADERS)
    )


def user_from_claims(claims: Mapping[str, Any]) -> User:
    """Whom the claims of an ID token name: issuer and subject, never the address, which can change hands."""
    known = f"{claims.get('iss')}|{claims.get('sub')}"
    name, email = claims.get("name"), claims.get("email")
    return User(
        "oidc:" + _digest(known),
        name=name if isinstance(name, str) else "",
        email=email if isinstance(email, str) else "",
    )


def check_claims(
    claims: Mapping[str, Any], allowlist: Sequence[str], now: float, revoked_before: float
) -> Refusal | None:
    """Why the claims of an ID token let nobody in; None where they do.

    `now` and `revoked_before` are in seconds since 1970. A token that says not when it was made is refused:
    it could never be revoked.
    """
    if not all(isinstance(claims.get(name), str) and claims[name] for name in ("iss", "sub")):
        return "nameless"
    issued, expires = _parse_timestamp(claims.get("iat")), _parse_timestamp(claims.get("exp"))
    if issued is None or expires is None:
        return "undated"
    if now >= expires:
        return "expired"
    if issued > now + CLOCK_SKEW_SECONDS:
        return "early"
    # `iat` is in whole seconds: within the second of the revocation, the older one is assumed.
    if issued < revoked_before:
        return "revoked"
    return None if ALLOW_ANYONE in allowlist else _check_allowlist(claims, allowlist)


def _check_allowlist(claims: Mapping[str, Any], allowlist: Sequence[str]) -> Refusal | None:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        return "mailless"
    if not is_email_verified(claims):
        return "unverified"
    return None if is_allowlisted(email, allowlist) else "stranger"


def is_email_verified(claims: Mapping[str, Any]) -> bool:
    """Whether the provider has made sure whose the address is; some send the word in place of the value."""
    told = claims.get("email_verified")
    return told is True or told == "true"


def is_allowlisted(email: str, allowlist: Sequence[str]) -> bool:
    """Whether an address is on the list, itself or by its domain; a domain's subdomains are others."""
    email = _normalize_email(email)
    local, at, domain = email.rpartition("@")
    return bool(local and at) and (
        ALLOW_ANYONE in allowlist or email in allowlist or f"@{domain}" in allowlist
    )


def user_from_proxy(
    get_header_values: Callable[[str], Sequence[str]], access: AccessSettings
) -> User | Refusal:
    """Whom the proxy names; `read` gives all values of a header. Without the proxy's secret, nobody."""
    secrets, users = get_header_values(PROXY_SECRET_HEADER), get_header_values(access.user_header)
    expected = access.proxy_secret.encode()
    if len(secrets) != 1 or not expected or not hmac.compare_digest(secrets[0].encode(), expected):
        return "untrusted"
    user = users[0].strip() if len(users) == 1 else ""
    # A comma is what a proxy leaves that adds to the client's own header in place of replacing it.
    if not user or "," in user or not user.isprintable():
        return "nameless"
    if access.allowlist and not is_allowlisted(user, access.allowlist):
        return "stranger"
    email = _normalize_email(user) if "@" in user else ""
    return User("proxy:" + _digest(email or user), name=user, email=email)


def _normalize_email(email: str) -> str:
    """An address as it is compared; only ASCII is folded, where no two letters become one."""
    return email.lower() if email.isascii() else email


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _parse_timestamp(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
