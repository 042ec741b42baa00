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
from lib.core.user import Person

Mode = Literal["local", "viewers", "password", "oidc", "proxy"]
Refusal = Literal[
    "undated", "early", "expired", "revoked", "nameless", "mailless", "unverified", "stranger", "untrusted"
]
Reader = Callable[[str, str], tuple[str, str]]

PROXY_HEADER = "X-Antler-Proxy"
EVERYBODY = "*"
LEAD = 30.0  # seconds by which a provider's clock may be ahead of ours
SHORTEST_WORD, SHORTEST_SECRET = 8, 16
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
_NOT_PROVIDERS = frozenset({"client_kwargs"})


@dataclass(frozen=True)
class Access:
    """How people come in; neither `password` nor `proxy_secret` is in the repr.

    `allow` holds addresses, domains with @ in front, or "*" for all whom the provider knows. `providers` are
    the names of the sections under [auth], with "default" for that section itself.
    """

    mode: Mode = "local"
    password: str = field(default="", repr=False)
    allow: tuple[str, ...] = ()
    header: str = "X-Forwarded-Email"
    proxy_secret: str = field(default="", repr=False)
    providers: tuple[str, ...] = ()


def settled(read: Reader, auth: object) -> Access:
    """The access that is set: `read` gives a setting and its name, `auth` is the [auth] table or None.

    Raises SettingError, whose sentence never holds a secret.
    """
    word, name = read("ANTLER_ACCESS", "mode")
    mode: Mode | None = next((one for one in get_args(Mode) if one == (word.lower() or "local")), None)
    if mode is None:
        raise SettingError(f"{name} must be one of {', '.join(get_args(Mode))}.")
    allow = _allow(*read("ANTLER_ALLOW", "allow"))
    if mode == "password":
        return Access(mode, password=_secret(*read("ANTLER_PASSWORD", "password"), SHORTEST_WORD, mode))
    if mode == "oidc":
        if not allow:
            raise SettingError(
                f'[access] allow must say who may come in, such as "ann@example.com" or "@example.org"; '
                f'"{EVERYBODY}" is everybody whom the provider signs in.'
            )
        return Access(mode, allow=allow, providers=_providers(auth))
    if mode == "proxy":
        secret = _secret(*read("ANTLER_PROXY_SECRET", "proxy_secret"), SHORTEST_SECRET, mode)
        return Access(
            mode, allow=allow, header=_header(*read("ANTLER_HEADER", "header")), proxy_secret=secret
        )
    return Access(mode)


def _secret(value: str, name: str, shortest: int, mode: Mode) -> str:
    if len(value) < shortest:
        raise SettingError(f"{name} must have {shortest} characters or more: the access mode is {mode}.")
    if not value.isprintable() or (mode == "proxy" and not value.isascii()):
        raise SettingError(f"{name} has a character that cannot be sent; choose another.")
    return value


def _allow(value: str, name: str) -> tuple[str, ...]:
    entries = tuple(_folded(entry.strip()) for entry in value.split(",") if entry.strip())
    for entry in entries:
        if entry != EVERYBODY and (entry.count("@") != 1 or entry.endswith("@") or " " in entry):
            raise SettingError(
                f"{name} must list addresses, or domains with @ in front, such as @example.org."
            )
    return entries


def _header(value: str, name: str) -> str:
    header = value or Access.header
    if not header.isascii() or not header.replace("-", "").isalnum():
        raise SettingError(f"{name} must be the name of a header, such as {Access.header}.")
    return header


def _providers(auth: object) -> tuple[str, ...]:
    if not isinstance(auth, Mapping) or not auth.get("redirect_uri") or not auth.get("cookie_secret"):
        raise SettingError(
            "[auth] in secrets.toml must hold redirect_uri and cookie_secret: the access mode is oidc."
        )
    names = ["default"] if auth.get("client_id") else []
    names += [
        name for name, value in auth.items() if isinstance(value, Mapping) and name not in _NOT_PROVIDERS
    ]
    if not names:
        raise SettingError("[auth] in secrets.toml must hold client_id: the access mode is oidc.")
    return tuple(names)


def loopback(address: str | None) -> bool:
    """Whether a server that is bound to this address can be reached from its own machine alone.

    None or "" is every address that the machine has.
    """
    if address and address.lower() == "localhost":
        return True
    try:
        return ip_address((address or "").strip("[]")).is_loopback
    except ValueError:
        return False


def from_here(address: str | None, read: Callable[[str], str | None]) -> bool:
    """Whether a request to a server bound to `address` was made on its own machine; `read` gives a header.

    A proxy beside the server makes it the world's, and a page elsewhere can give loopback a name of its own.
    """
    try:
        host = urlsplit(f"//{read('Host') or 'localhost'}").hostname
    except ValueError:
        return False
    return loopback(address) and loopback(host) and not any(read(name) for name in _FORWARDED)


def oidc_person(claims: Mapping[str, Any]) -> Person:
    """Whom the claims of an ID token name: issuer and subject, never the address, which can change hands."""
    known = f"{claims.get('iss')}|{claims.get('sub')}"
    name, email = claims.get("name"), claims.get("email")
    return Person(
        "oidc:" + _digest(known),
        name=name if isinstance(name, str) else "",
        email=email if isinstance(email, str) else "",
    )


def judged(
    claims: Mapping[str, Any], allow: Sequence[str], now: float, revoked_before: float
) -> Refusal | None:
    """Why the claims of an ID token let nobody in; None where they do.

    `now` and `revoked_before` are in seconds since 1970. A token that says not when it was made is refused:
    it could never be revoked.
    """
    if not all(isinstance(claims.get(name), str) and claims[name] for name in ("iss", "sub")):
        return "nameless"
    issued, expires = _moment(claims.get("iat")), _moment(claims.get("exp"))
    if issued is None or expires is None:
        return "undated"
    if now >= expires:
        return "expired"
    if issued > now + LEAD:
        return "early"
    # `iat` is in whole seconds: within the second of the revocation, the older one is assumed.
    if issued < revoked_before:
        return "revoked"
    return None if EVERYBODY in allow else _unlisted(claims, allow)


def _unlisted(claims: Mapping[str, Any], allow: Sequence[str]) -> Refusal | None:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        return "mailless"
    if not verified(claims):
        return "unverified"
    return None if listed(email, allow) else "stranger"


def verified(claims: Mapping[str, Any]) -> bool:
    """Whether the provider has made sure whose the address is; some send the word in place of the value."""
    told = claims.get("email_verified")
    return told is True or told == "true"


def listed(email: str, allow: Sequence[str]) -> bool:
    """Whether an address is on the list, itself or by its domain; a domain's subdomains are others."""
    email = _folded(email)
    local, at, domain = email.rpartition("@")
    return bool(local and at) and (EVERYBODY in allow or email in allow or f"@{domain}" in allow)


def proxied(read: Callable[[str], Sequence[str]], access: Access) -> Person | Refusal:
    """Whom the proxy names; `read` gives all values of a header. Without the proxy's secret, nobody."""
    secrets, users = read(PROXY_HEADER), read(access.header)
    expected = access.proxy_secret.encode()
    if len(secrets) != 1 or not expected or not hmac.compare_digest(secrets[0].encode(), expected):
        return "untrusted"
    user = users[0].strip() if len(users) == 1 else ""
    # A comma is what a proxy leaves that adds to the client's own header in place of replacing it.
    if not user or "," in user or not user.isprintable():
        return "nameless"
    if access.allow and not listed(user, access.allow):
        return "stranger"
    email = _folded(user) if "@" in user else ""
    return Person("proxy:" + _digest(email or user), name=user, email=email)


def _folded(email: str) -> str:
    """An address as it is compared; only ASCII is folded, where no two letters become one."""
    return email.lower() if email.isascii() else email


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
