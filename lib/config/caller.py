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
from lib.core.params import Loss, Params, json_object
from lib.core.user import Person

Read = Callable[[str, str], tuple[str, str]]
Template = tuple[str, str]

SHORTEST_SECRET = 16
PREFIX, _DIGITS = "antler-", 32  # together well below the 64 signs that OpenAI's format takes
PLACES = ("pseudonym", "group", "conversation")
_EXAMPLE = 'X-Team = "design", with {pseudonym}, {group} or {conversation} in it if you like'
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_PLACE = re.compile(r"\{([^{}]*)\}")
# What carries a credential, frames the message, or is the wire's own.
_TAKEN = re.compile(
    r"(proxy-)?authorization|(x-)?(goog-)?api-key|(set-)?cookie2?|host|content-.*|accept(-.*)?|user-agent"
    r"|anthropic-version|connection|proxy-.*|keep-alive|transfer-encoding|te|trailer|upgrade|expect|http2-.*"
)
# What stands in a header as it is; a comma is left to part one group from the next.
_PLAIN_SIGNS = " !#$&'()*+-./:;<=>?@[]^_`|~"


@dataclass(frozen=True)
class Caller:
    """Who sends a request, as far as the gateway may know.

    `user` goes into the body, "" for nothing; `places` say what stands for each place in the `templates`,
    but for the conversation's, which is the request's own.
    """

    user: str = ""
    places: tuple[tuple[str, str], ...] = ()
    templates: tuple[Template, ...] = ()

    def headers(self, conversation: str) -> dict[str, str]:
        """The team's headers of a request; one with a place that nothing is known for is left out."""
        known = {**dict(self.places), "conversation": _plain(conversation)}
        return {
            name: _PLACE.sub(lambda place: known[place[1]], template)
            for name, template in self.templates
            if all(known.get(place) for place in _PLACE.findall(template))
        }


@dataclass(frozen=True)
class Team:
    """What is told. `tells` is whether each body carries the pseudonym; `secret` is what it is made with.

    Without a secret there are no pseudonyms: some ids of persons could be guessed from it.
    """

    tells: bool = True
    secret: bytes = field(default=b"", repr=False)
    templates: tuple[Template, ...] = ()

    def pseudonym(self, person: Person) -> str:
        """The name by which the gateway knows a person: always the same, and no way back; "" for none."""
        if not self.secret:
            return ""
        digest = hmac.digest(self.secret, person.id.encode("utf-8", "surrogatepass"), "sha256")
        return PREFIX + digest.hex()[:_DIGITS]

    def caller(self, person: Person) -> Caller:
        """What the requests of a person tell."""
        known = self.pseudonym(person)
        groups = ",".join(map(_plain, person.groups))
        return Caller(known if self.tells else "", (("pseudonym", known), ("group", groups)), self.templates)

    def overruled(self, params: Params) -> list[Loss]:
        """What of the parameters is not sent because the team's pseudonym stands in its place."""
        if not (self.tells and self.secret):
            return []
        more = json_object(params.extra)
        inner = more.get("metadata")
        named = "user" in more or "safety_identifier" in more
        named = named or (isinstance(inner, Mapping) and "user_id" in inner)
        fields = [name for name, there in (("user", bool(params.user)), ("extra", named)) if there]
        return [Loss("pseudonym", ",".join(fields))] if fields else []


def settled(read: Read, headers: tuple[Any, str], auth: Any, api_key: str, *, tells: bool) -> Team:
    """What is set: `read` gives a setting and its name, `headers` the table or JSON, and its name.

    Without a secret of its own, one is made of the [auth] table's cookie_secret, else of the key: as long
    as these last, so does each pseudonym. Raises SettingError, whose sentence never holds a secret.
    """
    secret, name = read("ANTLER_PSEUDONYM_SECRET", "pseudonym_secret")
    if secret and len(secret) < SHORTEST_SECRET:
        raise SettingError(f"{name} must have {SHORTEST_SECRET} characters or more.")
    cookie = str(auth.get("cookie_secret") or "") if isinstance(auth, Mapping) else ""
    key = secret.encode("utf-8", "surrogateescape") or _derived("cookie", cookie) or _derived("key", api_key)
    return Team(tells, key, _templates(*headers))


def _derived(source: str, secret: str) -> bytes:
    """A secret for pseudonyms alone, out of one that has another use; b"" out of none."""
    if not secret:
        return b""
    return hmac.digest(
        secret.encode("utf-8", "surrogateescape"), f"antler pseudonym, {source}".encode(), "sha256"
    )


def _templates(found: Any, name: str) -> tuple[Template, ...]:
    if isinstance(found, str):
        try:
            found = json.loads(found or "{}")
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping):
        raise SettingError(f"{name} must hold headers, such as {_EXAMPLE}.")
    templates = tuple(_template(str(header), value, name) for header, value in found.items())
    headers = [header.lower() for header, _ in templates]
    if twice := next((header for header in headers if headers.count(header) > 1), ""):
        raise SettingError(f"{name} has the header {twice} twice.")
    return templates


def _template(header: str, value: Any, name: str) -> Template:
    """A header that may be sent. A value is never quoted: it may be a secret in the wrong place."""
    if not _TOKEN.fullmatch(header):
        raise SettingError(f"{name} has {header!r}, which cannot be the name of a header.")
    if _TAKEN.fullmatch(header.lower()):
        raise SettingError(f"{name} must not set {header}: that header has another use.")
    value = value.strip(" ") if isinstance(value, str) else ""
    if not value or not value.isascii() or not value.isprintable():
        raise SettingError(f"{name} {header} must be a text on one line, of ASCII characters.")
    if unknown := [place for place in _PLACE.findall(value) if place not in PLACES]:
        known = ", ".join(f"{{{place}}}" for place in PLACES)
        raise SettingError(f"{name} {header} has {{{unknown[0]}}}; what can stand there is {known}.")
    if re.search(r"[{}]", _PLACE.sub("", value)):
        raise SettingError(f"{name} {header} has a brace that is not one of a pair.")
    return header, value


def _plain(text: str) -> str:
    """A text with each sign that a header cannot carry, and commas, written as in a web address."""
    return quote(text.strip(), safe=_PLAIN_SIGNS, errors="replace")
