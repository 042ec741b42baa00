"""How one setting is read and checked: where it stands, a switch, a list, a key, an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from lib.config.redaction import QUOTES, strip_key
from lib.core.errors import SettingError

DEFAULT_BASE_URL = "https://api.deerapi.com"
_BOOL_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
_KEY_PROBLEMS = {"inside": "a space or line break inside", "sign": "a character that no key has"}


def read_setting(
    variable: str, section: str, name: str, environ: Mapping[str, str], secrets: Mapping[str, Any]
) -> tuple[str, str]:
    """The value, "" where unset, and the name under which it was set, for errors."""
    if environ.get(variable, "").strip():
        return environ[variable].strip(), variable
    table = secrets.get(section, {})
    if not isinstance(table, Mapping):
        raise SettingError(f"[{section}] in secrets.toml must be a table, with {name} in it.")
    value = table.get(name, "")
    label = f"[{section}] {name}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SettingError(f"{label} in secrets.toml must be a text in quotes.")
    return str(value).strip(), label


def read_bool(
    variable: str,
    section: str,
    name: str,
    environ: Mapping[str, str],
    secrets: Mapping[str, Any],
    *,
    default: bool,
) -> bool:
    """Whether something is switched on: by a word, or in the file by true or false too."""
    table = secrets.get(section, {})
    if isinstance(table, Mapping) and isinstance(table.get(name), bool):
        secrets = {**secrets, section: {**table, name: "on" if table[name] else "off"}}
    word, label = read_setting(variable, section, name, environ, secrets)
    if word and word.lower() not in _BOOL_WORDS:
        raise SettingError(f"{label} must be on or off.")
    return _BOOL_WORDS[word.lower()] if word else default


def join_list_setting(secrets: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    """What is written as a list in the file, as it is written in the environment."""
    table = secrets.get(section, {})
    if isinstance(table, Mapping) and isinstance(table.get(name), list):
        return {**secrets, section: {**table, name: ",".join(map(str, table[name]))}}
    return secrets


def find_key_problem(key: str) -> Literal["", "inside", "sign"]:
    """What keeps a bare key from being sent in a header: a blank inside, or a sign that none can carry."""
    if re.search(r"\s", key):
        return "inside"
    return "" if key.isascii() and key.isprintable() else "sign"


def parse_key(value: str, name: str) -> str:
    """A key as it is sent."""
    key = strip_key(value)
    if wrong := find_key_problem(key):
        raise SettingError(f"{name} has {_KEY_PROBLEMS[wrong]}; paste the key again, alone.")
    return key


def parse_base_url(value: str, name: str) -> str:
    """The gateway's origin and path prefix, without `/v1` and without a trailing slash."""
    wrong = f"{name} must be a web address such as {DEFAULT_BASE_URL}"
    value = value.strip(QUOTES).strip()
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingError(f"{wrong}.") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", value):
        raise SettingError(f"{wrong}, with http:// or https:// in front.")
    if parts.username or parts.password:
        raise SettingError(f"{name} must not hold a name or password; the key has a setting of its own.")
    if parts.query or parts.fragment:
        raise SettingError(f"{wrong}, without anything after ? or #.")
    path = re.sub(r"/v1$", "", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"
