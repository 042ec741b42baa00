"""Identity of the caller as the gateway sees it: a pseudonym, and custom headers."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from lib.config.parse import MIN_SECRET_LENGTH, SettingReader
from lib.core.errors import SettingError
from lib.core.params import ParamAdjustment, Params, parse_json_object
from lib.core.user import User

HeaderTemplate = tuple[str, str]

PSEUDONYM_PREFIX, _PSEUDONYM_DIGITS = "antler-", 32  # OpenAI's format allows 64 characters
PLACEHOLDERS = ("pseudonym", "group", "conversation")
_HEADER_EXAMPLE = 'X-Team = "design", with {pseudonym}, {group} or {conversation} in it if you like'
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Headers that carry a credential, frame the message, or belong to the wire.
_RESERVED_HEADERS = re.compile(
    r"(proxy-)?authorization|(x-)?(goog-)?api-key|(set-)?cookie2?|host|content-.*|accept(-.*)?|user-agent"
    r"|anthropic-version|connection|proxy-.*|keep-alive|transfer-encoding|te|trailer|upgrade|expect|http2-.*"
)
_SECRET_HEADER = re.compile(r"key|secret|token|passw|credential|auth|signature|session", re.IGNORECASE)
# Characters of a credential: in a header with such a name, and of one that only its form tells.
_MIN_SECRET_CHARS, _MIN_TOKEN_CHARS = 8, 16
# Not percent-encoded in a header; a comma is encoded, because it separates groups.
_SAFE_HEADER_CHARS = " !#$&'()*+-./:;<=>?@[]^_`|~"


@dataclass(frozen=True)
class Caller:
    """Sender of requests, as far as the gateway may know.

    `user_id` is sent in the body unless it is "". `placeholder_values` fill the `header_templates`; the
    conversation's placeholder is filled for each request.
    """

    user_id: str = ""
    placeholder_values: tuple[tuple[str, str], ...] = ()
    header_templates: tuple[HeaderTemplate, ...] = ()

    def build_headers(self, conversation_id: str) -> dict[str, str]:
        """Return the custom headers of a request, without those that have an empty placeholder."""
        values = {**dict(self.placeholder_values), "conversation": _quote_header_value(conversation_id)}
        return {
            name: _PLACEHOLDER.sub(lambda match: values[match[1]], template)
            for name, template in self.header_templates
            if all(values.get(placeholder) for placeholder in _PLACEHOLDER.findall(template))
        }

    def fixed_headers(self) -> frozenset[str]:
        """Return the names of the custom headers with text of the operator's, which may be a credential.

        The others hold nothing but placeholders and what separates them: they only name the caller.
        """
        return frozenset(
            name
            for name, template in self.header_templates
            if re.search(r"[A-Za-z0-9]", _PLACEHOLDER.sub("", template))
        )


def find_header_secrets(templates: Iterable[HeaderTemplate]) -> frozenset[str]:
    """Return the texts of the operator's that are credentials by the name of their header or by their form.

    Other texts, such as the name of a team, may stand in any answer.
    """
    secrets = set()
    for name, template in templates:
        has_secret_name = _SECRET_HEADER.search(name) is not None
        for text in _PLACEHOLDER.sub(" ", template).split():
            is_mixed = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
            if len(text) >= _MIN_SECRET_CHARS if has_secret_name else is_mixed and len(text) >= _MIN_TOKEN_CHARS:
                secrets.add(text)
    return frozenset(secrets)


@dataclass(frozen=True)
class CallerIdentity:
    """Settings of the caller's identity.

    Without a `pseudonym_secret` there are no pseudonyms: user ids could be guessed from unkeyed hashes.
    """

    sends_pseudonym: bool = True
    pseudonym_secret: bytes = field(default=b"", repr=False)
    header_templates: tuple[HeaderTemplate, ...] = ()

    def pseudonym(self, user: User) -> str:
        """Return the stable, irreversible name of a user for the gateway, "" without a secret."""
        if not self.pseudonym_secret:
            return ""
        digest = hmac.digest(self.pseudonym_secret, user.id.encode("utf-8", "surrogatepass"), "sha256")
        return PSEUDONYM_PREFIX + digest.hex()[:_PSEUDONYM_DIGITS]

    def build_caller(self, user: User) -> Caller:
        """Return the caller for a user's requests."""
        pseudonym = self.pseudonym(user)
        groups = ",".join(map(_quote_header_value, user.groups))
        return Caller(
            pseudonym if self.sends_pseudonym else "",
            (("pseudonym", pseudonym), ("group", groups)),
            self.header_templates,
        )

    def overridden_params(self, params: Params) -> list[ParamAdjustment]:
        """Return the parameters that the pseudonym replaces."""
        if not (self.sends_pseudonym and self.pseudonym_secret):
            return []
        extra = parse_json_object(params.extra)
        metadata = extra.get("metadata")
        has_user_in_extra = (
            "user" in extra or "safety_identifier" in extra or (isinstance(metadata, Mapping) and "user_id" in metadata)
        )
        names = ["user"] * bool(params.user) + ["extra"] * has_user_in_extra
        return [ParamAdjustment("pseudonym", ",".join(names))] if names else []


def parse_caller_identity(reader: SettingReader, auth_table: Any, api_key: str) -> CallerIdentity:
    """Return the settings of the caller's identity.

    Without a pseudonym secret, one is derived from the cookie_secret of the [auth] table, else from the API
    key; pseudonyms change with it. Raises SettingError; its message never holds a secret.
    """
    sends_pseudonym = reader.read_bool("ANTLER_PSEUDONYM", "pseudonym", default=True)
    headers = reader.read_table("ANTLER_HEADERS", "headers")
    secret, name = reader.read("ANTLER_PSEUDONYM_SECRET", "pseudonym_secret")
    if secret and len(secret) < MIN_SECRET_LENGTH:
        raise SettingError(f"{name} must have {MIN_SECRET_LENGTH} characters or more.")
    cookie = str(auth_table.get("cookie_secret") or "") if isinstance(auth_table, Mapping) else ""
    key = (
        secret.encode("utf-8", "surrogateescape") or _derive_secret("cookie", cookie) or _derive_secret("key", api_key)
    )
    return CallerIdentity(sends_pseudonym, key, _parse_templates(*headers))


def _derive_secret(purpose: str, base_secret: str) -> bytes:
    """Derive a key for pseudonyms from a secret with another use; b"" from ""."""
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
    if duplicate := next((header for header in headers if headers.count(header) > 1), ""):
        raise SettingError(f"{name} has the header {duplicate} twice.")
    return templates


def _parse_template(header: str, value: Any, name: str) -> HeaderTemplate:
    """Check a header. Error messages never quote the value: it may be a misplaced secret."""
    if not _HEADER_NAME.fullmatch(header):
        raise SettingError(f"{name} has {header!r}, which cannot be the name of a header.")
    if _RESERVED_HEADERS.fullmatch(header.lower()):
        raise SettingError(f"{name} must not set {header}: that header has another use.")
    value = value.strip(" ") if isinstance(value, str) else ""
    if not value or not value.isascii() or not value.isprintable():
        raise SettingError(f"{name} {header} must be a text on one line, of ASCII characters.")
    if unknown := [placeholder for placeholder in _PLACEHOLDER.findall(value) if placeholder not in PLACEHOLDERS]:
        choices = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
        raise SettingError(f"{name} {header} has {{{unknown[0]}}}; what can stand there is {choices}.")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", value)):
        raise SettingError(f"{name} {header} has a brace that is not one of a pair.")
    return header, value


def _quote_header_value(text: str) -> str:
    """Percent-encode commas and the characters that a header cannot carry."""
    return quote(text.strip(), safe=_SAFE_HEADER_CHARS, errors="replace")
