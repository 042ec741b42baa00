"""What the gateway is told of who asks: a pseudonym, and headers of the team's own."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from lib.core.errors import SettingError
from lib.core.params import ParamAdjustment, Params, parse_json_object
from lib.core.user import User

SettingReader = Callable[[str, str], tuple[str, str]]
HeaderTemplate = tuple[str, str]

MIN_SECRET_LENGTH = 16
PSEUDONYM_PREFIX, _PSEUDONYM_DIGITS = (
    "antler-",
    32,
)  # together well below the 64 signs that OpenAI's format takes
PLACEHOLDERS = ("pseudonym", "group", "conversation")
_HEADER_EXAMPLE = 'X-Team = "design", with {pseudonym}, {group} or {conversation} in it if you like'
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# What carries a credential, frames the message, or is the wire's own.
_RESERVED_HEADERS = re.compile(
    r"(proxy-)?authorization|(x-)?(goog-)?api-key|(set-)?cookie2?|host|content-.*|accept(-.*)?|user-agent"
    r"|anthropic-version|connection|proxy-.*|keep-alive|transfer-encoding|te|trailer|upgrade|expect|http2-.*"
)
# What stands in a header as it is; a comma is left to part one group from the next.
_SAFE_HEADER_CHARS = " !#$&'()*+-./:;<=>?@[]^_`|~"


@dataclass(frozen=True)
class Caller:
    """Who sends a request, as far as the gateway may know.

    `user` goes into the body, "" for nothing; `places` say what stands for each place in the `templates`,
    but for the conversation's, which is the request's own.
    """

    user_id: str = ""
    placeholder_values: tuple[tuple[str, str], ...] = ()
    header_templates: tuple[HeaderTemplate, ...] = ()

    def build_headers(self, conversation_id: str) -> dict[str, str]:
        """The team's headers of a request; one with a place that nothing is known for is left out."""
        known = {**dict(self.placeholder_values), "conversation": _quote_header_value(conversation_id)}
        return {
            name: _PLACEHOLDER.sub(lambda place: known[place[1]], template)
            for name, template in self.header_templates
            if all(known.get(place) for place in _PLACEHOLDER.findall(template))
        }


@dataclass(frozen=True)
class CallerIdentity:
    """What is told. `tells` is whether each body carries the pseudonym; `secret` is what it is made with.

    Without a secret there are no pseudonyms: some ids of persons could be guessed from it.
    """

    sends_pseudonym: bool = True
    pseudonym_secret: bytes = field(default=b"", repr=False)
    header_templates: tuple[HeaderTemplate, ...] = ()

    def pseudonym(self, user: User) -> str:
        """The name by which the gateway knows a person: always the same, and no way back; "" for none."""
        if not self.pseudonym_secret:
            return ""
        digest = hmac.digest(self.pseudonym_secret, user.id.encode("utf-8", "surrogatepass"), "sha256")
        return PSEUDONYM_PREFIX + digest.hex()[:_PSEUDONYM_DIGITS]

    def build_caller(self, user: User) -> Caller:
        """What the requests of a person tell."""
        known = self.pseudonym(user)
        groups = ",".join(map(_quote_header_value, user.groups))
        return Caller(
            known if self.sends_pseudonym else "",
            (("pseudonym", known), ("group", groups)),
            self.header_templates,
        )

    def overridden_params(self, params: Params) -> list[ParamAdjustment]:
        """What of the parameters is not sent because the team's pseudonym stands in its place."""
        if not (self.sends_pseudonym and self.pseudonym_secret):
            return []
        more = parse_json_object(params.extra)
        inner = more.get("metadata")
        named = "user" in more or "safety_identifier" in more
        named = named or (isinstance(inner, Mapping) and "user_id" in inner)
        fields = [name for name, there in (("user", bool(params.user)), ("extra", named)) if there]
        return [ParamAdjustment("pseudonym", ",".join(fields))] if fields else []


def parse_caller_identity(
    read_setting: SettingReader,
    headers: tuple[Any, str],
    auth_table: Any,
    api_key: str,
    *,
    sends_pseudonym: bool,
) -> CallerIdentity:
    """What is set: `read` gives a setting and its name, `headers` the table or JSON, and its name.

    Without a secret of its own, one is made of the [auth] table's cookie_secret, else of the key: as long
    as these last, so does each pseudonym. Raises SettingError, whose sentence never holds a secret.
    """
    secret, name = read_setting("ANTLER_PSEUDONYM_SECRET", "pseudonym_secret")
    if secret and len(secret) < MIN_SECRET_LENGTH:
        raise SettingError(f"{name} must have {MIN_SECRET_LENGTH} characters or more.")
    cookie = str(auth_table.get("cookie_secret") or "") if isinstance(auth_table, Mapping) else ""
    key = (
        secret.encode("utf-8", "surrogateescape")
        or _derive_secret("cookie", cookie)
        or _derive_secret("key", api_key)
    )
    return CallerIdentity(sends_pseudonym, key, _parse_templates(*headers))


def _derive_secret(purpose: str, base_secret: str) -> bytes:
    """A secret for pseudonyms alone, out of one that has another use; b"" out of none."""
    if not base_secret:
        return b""
    return hmac.digest(
        base_secret.encode("utf-8", "surrogateescape"), f"antler pseudonym, {purpose}".encode(), "sha256"
    )


def _parse_templates(raw: Any, name: str) -> tuple[HeaderTemplate, ...]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw or "{}")
        except (ValueError, RecursionError):
            raw = None
    if not isinstance(raw, Mapping):
        raise SettingError(f"{name} must hold headers, such as {_HEADER_EXAMPLE}.")
    templates = tuple(_parse_template(str(header), value, name) for header, value in raw.items())
    headers = [header.lower() for header, _ in templates]
    if twice := next((header for header in headers if headers.count(header) > 1), ""):
        raise SettingError(f"{name} has the header {twice} twice.")
    return templates


def _parse_template(header: str, value: Any, name: str) -> HeaderTemplate:
    """A header that may be sent. A value is never quoted: it may be a secret in the wrong place."""
    if not _HEADER_NAME.fullmatch(header):
        raise SettingError(f"{name} has {header!r}, which cannot be the name of a header.")
    if _RESERVED_HEADERS.fullmatch(header.lower()):
        raise SettingError(f"{name} must not set {header}: that header has another use.")
    value = value.strip(" ") if isinstance(value, str) else ""
    if not value or not value.isascii() or not value.isprintable():
        raise SettingError(f"{name} {header} must be a text on one line, of ASCII characters.")
    if unknown := [place for place in _PLACEHOLDER.findall(value) if place not in PLACEHOLDERS]:
        known = ", ".join(f"{{{place}}}" for place in PLACEHOLDERS)
        raise SettingError(f"{name} {header} has {{{unknown[0]}}}; what can stand there is {known}.")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", value)):
        raise SettingError(f"{name} {header} has a brace that is not one of a pair.")
    return header, value


def _quote_header_value(text: str) -> str:
    """A text with each sign that a header cannot carry, and commas, written as in a web address."""
    return quote(text.strip(), safe=_SAFE_HEADER_CHARS, errors="replace")
