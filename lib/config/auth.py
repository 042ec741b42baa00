"""Authentication: access modes, and the checks of ID token claims, proxy headers and local requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from lib.config.parse import MIN_SECRET_LENGTH, SettingReader
from lib.core.errors import SettingError
from lib.core.user import User

AccessMode = Literal["local", "viewers", "password", "oidc", "proxy"]
Refusal = Literal[
    "signed_out",
    "unprotected",
    "no_sign_in_time",
    "future_sign_in_time",
    "expired",
    "revoked",
    "no_name",
    "no_email",
    "unverified_email",
    "not_allowed",
    "untrusted_proxy",
]

PROXY_SECRET_HEADER = "X-Antler-Proxy"
ALLOW_ANYONE = "*"
CLOCK_SKEW_SECONDS = 30.0  # that a provider's clock may be ahead of this one
MIN_PASSWORD_LENGTH = 8
_FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
_NON_PROVIDER_KEYS = frozenset({"client_kwargs"})


@dataclass(frozen=True)
class AccessSettings:
    """The access mode and its settings; `password` and `proxy_secret` are not in the repr.

    `allowlist` holds addresses, domains with @ in front, or "*" for every user of the provider. `providers`
    are the names of the sections under [auth], with "default" for [auth] itself. With `public_links`, users may share
    chats with readers who are not signed in.
    """

    mode: AccessMode = "local"
    password: str = field(default="", repr=False)
    allowlist: tuple[str, ...] = ()
    user_header: str = "X-Forwarded-Email"
    proxy_secret: str = field(default="", repr=False)
    providers: tuple[str, ...] = ()
    public_links: bool = False

    @property
    def has_sign_in(self) -> bool:
        return self.mode in ("password", "oidc", "proxy")

    @property
    def allows_public_links(self) -> bool:
        """True if public links differ from those of the team: without a sign-in, all readers are the team."""
        return self.public_links and self.has_sign_in

    def is_reader(self, refusal: Refusal) -> bool:
        """Tell if a client that is refused may open public links: any, but not past the proxy."""
        return self.allows_public_links and refusal != "untrusted_proxy"


def parse_access(reader: SettingReader, auth_table: object) -> AccessSettings:
    """Return the access settings; `auth_table` is the [auth] table or None.

    Raises SettingError; its message never holds a secret.
    """
    has_public_links = reader.read_bool("ANTLER_PUBLIC_LINKS", "public_links", default=False)
    return replace(_parse_mode(reader, auth_table), public_links=has_public_links)


def _parse_mode(reader: SettingReader, auth_table: object) -> AccessSettings:
    word, name = reader.read("ANTLER_ACCESS", "mode")
    modes: dict[str, AccessMode] = {mode: mode for mode in get_args(AccessMode)}
    mode = modes.get(word.lower() or "local")
    if mode is None:
        raise SettingError(f"{name} must be one of {', '.join(modes)}.")
    allowlist = _parse_allowlist(*reader.read_list("ANTLER_ALLOW", "allow"))
    # Read in every mode: a setting of another one is none that nothing reads.
    password, header = reader.read("ANTLER_PASSWORD", "password"), reader.read("ANTLER_HEADER", "header")
    proxy_secret = reader.read("ANTLER_PROXY_SECRET", "proxy_secret")
    if mode == "password":
        return AccessSettings(mode, password=_parse_secret(*password, MIN_PASSWORD_LENGTH, mode))
    if mode == "oidc":
        if not allowlist:
            raise SettingError(
                f'[access] allow must say who may come in, such as "ann@example.com" or "@example.org"; '
                f'"{ALLOW_ANYONE}" allows every account of the provider.'
            )
        return AccessSettings(mode, allowlist=allowlist, providers=_parse_providers(auth_table))
    if mode == "proxy":
        return AccessSettings(
            mode,
            allowlist=allowlist,
            user_header=_parse_header_name(*header),
            proxy_secret=_parse_secret(*proxy_secret, MIN_SECRET_LENGTH, mode),
        )
    return AccessSettings(mode)


def _parse_secret(value: str, name: str, min_length: int, mode: AccessMode) -> str:
    if len(value) < min_length:
        raise SettingError(f"{name} must have {min_length} characters or more: the access mode is {mode}.")
    if not value.isprintable() or (mode == "proxy" and not value.isascii()):
        raise SettingError(f"{name} has a character that cannot be sent; choose another.")
    return value


def _parse_allowlist(entries: Sequence[str], name: str) -> tuple[str, ...]:
    allowlist = tuple(map(_normalize_identity, entries))
    for entry in allowlist:
        if entry != ALLOW_ANYONE and (entry.count("@") != 1 or entry.endswith("@") or " " in entry):
            raise SettingError(f"{name} must list addresses, or domains with @ in front, such as @example.org.")
    return allowlist


def _parse_header_name(value: str, name: str) -> str:
    header = value or AccessSettings.user_header
    if not header.isascii() or not header.replace("-", "").isalnum():
        raise SettingError(f"{name} must be the name of a header, such as {AccessSettings.user_header}.")
    return header


def _parse_providers(auth_table: object) -> tuple[str, ...]:
    if not isinstance(auth_table, Mapping) or not auth_table.get("redirect_uri") or not auth_table.get("cookie_secret"):
        raise SettingError("[auth] in secrets.toml must hold redirect_uri and cookie_secret: the access mode is oidc.")
    names = ["default"] if auth_table.get("client_id") else []
    names += [
        name for name, value in auth_table.items() if isinstance(value, Mapping) and name not in _NON_PROVIDER_KEYS
    ]
    if not names:
        raise SettingError("[auth] in secrets.toml must hold client_id: the access mode is oidc.")
    return tuple(names)


def is_loopback(address: str | None) -> bool:
    """Return True if a server bound to this address is reachable from its own machine only.

    None and "" bind every address of the machine.
    """
    if address and address.lower() == "localhost":
        return True
    try:
        ip = ip_address((address or "").strip("[]"))
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def is_local_request(bind_address: str | None, get_header: Callable[[str], str | None]) -> bool:
    """Return True if a request to a server bound to `bind_address` was made on the same machine.

    Headers count too: a local proxy forwards remote requests, and a foreign page can resolve a name of its
    own to loopback (DNS rebinding).
    """
    try:
        host = urlsplit(f"//{get_header('Host') or 'localhost'}").hostname
    except ValueError:
        return False
    return is_loopback(bind_address) and is_loopback(host) and not any(get_header(name) for name in _FORWARDING_HEADERS)


def user_from_claims(claims: Mapping[str, Any]) -> User:
    """Return the user of an ID token.

    The id is made of issuer and subject, never of the email address, which can be reassigned.
    """
    subject = f"{claims.get('iss')}|{claims.get('sub')}"
    name, email = claims.get("name"), claims.get("email")
    return User(
        "oidc:" + _digest(subject),
        name=name if isinstance(name, str) else "",
        email=email if isinstance(email, str) else "",
    )


def check_claims(
    claims: Mapping[str, Any], allowlist: Sequence[str], now: float, revoked_before: float
) -> Refusal | None:
    """Return the reason to refuse an ID token, None to accept it.

    `now` and `revoked_before` are in seconds since 1970. A token without an issue time is refused, because
    it could not be revoked.
    """
    if not all(isinstance(claims.get(name), str) and claims[name] for name in ("iss", "sub")):
        return "no_name"
    issued, expires = _parse_timestamp(claims.get("iat")), _parse_timestamp(claims.get("exp"))
    if issued is None or expires is None:
        return "no_sign_in_time"
    if now >= expires:
        return "expired"
    if issued > now + CLOCK_SKEW_SECONDS:
        return "future_sign_in_time"
    # `iat` is in whole seconds: within the second of the revocation, the token counts as older.
    if issued < revoked_before:
        return "revoked"
    return None if ALLOW_ANYONE in allowlist else _check_allowlist(claims, allowlist)


def _check_allowlist(claims: Mapping[str, Any], allowlist: Sequence[str]) -> Refusal | None:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        return "no_email"
    if not is_email_verified(claims):
        return "unverified_email"
    return None if is_allowlisted(email, allowlist) else "not_allowed"


def is_email_verified(claims: Mapping[str, Any]) -> bool:
    """Return True if the provider has verified the email address; some send the text "true"."""
    is_verified = claims.get("email_verified")
    return is_verified is True or is_verified == "true"


def is_allowlisted(email: str, allowlist: Sequence[str]) -> bool:
    """Return True if the list allows an email address; names without @ are never allowed."""
    local, at, _ = email.rpartition("@")
    return bool(local and at) and (ALLOW_ANYONE in allowlist or is_listed(email, allowlist))


def is_listed(identity: str, entries: Collection[str]) -> bool:
    """Return True if the entries hold an address or name, or the domain of the address with @ in front.

    A subdomain is not part of its domain.
    """
    identity = _normalize_identity(identity)
    local, at, domain = identity.rpartition("@")
    if at:
        return bool(local) and (identity in entries or f"@{domain}" in entries)
    return bool(identity) and identity in entries


def user_from_proxy(get_header_values: Callable[[str], Sequence[str]], access: AccessSettings) -> User | Refusal:
    """Return the user named by a trusted proxy; `get_header_values` returns all values of a header."""
    secrets, users = get_header_values(PROXY_SECRET_HEADER), get_header_values(access.user_header)
    expected = access.proxy_secret.encode()
    if len(secrets) != 1 or not expected or not hmac.compare_digest(secrets[0].encode(), expected):
        return "untrusted_proxy"
    user = users[0].strip() if len(users) == 1 else ""
    # A comma shows a proxy that appends to the client's own header instead of replacing it.
    if not user or "," in user or not user.isprintable():
        return "no_name"
    if access.allowlist and not is_allowlisted(user, access.allowlist):
        return "not_allowed"
    email = _normalize_identity(user) if "@" in user else ""
    return User("proxy:" + _digest(email or user), name=user, email=email)


def _normalize_identity(identity: str) -> str:
    """Fold the case of ASCII only: in other scripts lower() maps some letters onto others."""
    return identity.lower() if identity.isascii() else identity


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _parse_timestamp(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
