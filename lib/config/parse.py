"""Reading and checking of single settings: switches, lists, secrets, keys, addresses, prices."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from lib.config.setting_names import SettingName, SettingNames
from lib.core.errors import SettingError
from lib.core.pricing import Price, PriceOverride, parse_decimal

DEFAULT_BASE_URL = "https://api.deerapi.com"
MIN_SECRET_LENGTH = 16
QUOTES = "\"'`“”‘’"
_INVISIBLE_CHARS = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_BOOL_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
_KEY_PROBLEMS = {"inside": "a space or line break inside", "sign": "a character that no key has"}
_PRICE_KEYS = ("input", "output", "cached", "written", "written_1h", "search")  # of a price in [prices]


@dataclass(frozen=True)
class SettingReader:
    """The settings of one section of secrets.toml; a set environment variable takes precedence.

    Values are returned with the name under which they were set, for error messages. `names` collects the names of all
    that is read. Raises SettingError.
    """

    section: str
    environ: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, Any] = field(repr=False)
    names: SettingNames = field(default_factory=SettingNames, repr=False)

    def read(self, variable: str, name: str) -> tuple[str, str]:
        """Return a text, "" where it is unset, and its name."""
        self.names.names.add(SettingName(variable, self.section, name))
        if text := self.environ.get(variable, "").strip():
            return text, variable
        table, label = self.secrets.get(self.section, {}), f"[{self.section}] {name}"
        if not isinstance(table, Mapping):
            raise SettingError(f"[{self.section}] in secrets.toml must be a table, with {name} in it.")
        value = table.get(name, "")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SettingError(f"{label} in secrets.toml must be a text in quotes.")
        return str(value).strip(), label

    def read_bool(self, variable: str, name: str, *, default: bool) -> bool:
        """Return a switch: on or off, in the file true or false too."""
        value = self._file_value(variable, name)
        if isinstance(value, bool):
            return value
        word, label = self.read(variable, name)
        if word and word.lower() not in _BOOL_WORDS:
            raise SettingError(f"{label} must be on or off.")
        return _BOOL_WORDS[word.lower()] if word else default

    def read_list(self, variable: str, name: str) -> tuple[list[str], str]:
        """Return the entries of a list, and its name: separated by commas, in the file a TOML list too."""
        value = self._file_value(variable, name)
        if isinstance(value, list):
            text, label = ",".join(map(str, value)), f"[{self.section}] {name}"
        else:
            text, label = self.read(variable, name)
        return [entry.strip() for entry in text.split(",") if entry.strip()], label

    def read_table(self, variable: str, name: str) -> tuple[Any, str]:
        """Return a table inside of the section, {} where it is unset, or the text of the variable, and its name."""
        self.names.names.add(SettingName(variable, self.section, name))
        if text := self.environ.get(variable, "").strip():
            return text, variable
        section = self.secrets.get(self.section, {})
        return section.get(name, {}) if isinstance(section, Mapping) else None, f"[{self.section}.{name}]"

    def read_section(self) -> Any:
        """Return the whole section, whose keys are the operator's choice; {} without one."""
        self.names.free_sections.add(self.section)
        return self.secrets.get(self.section, {})

    def _file_value(self, variable: str, name: str) -> Any:
        """Return a value of any type; None where the environment takes precedence, or without one."""
        self.names.names.add(SettingName(variable, self.section, name))
        table = self.secrets.get(self.section)
        is_overridden = bool(self.environ.get(variable, "").strip())
        return table.get(name) if isinstance(table, Mapping) and not is_overridden else None


def strip_key(value: str) -> str:
    """Return a pasted key without quotes, blanks, invisible characters and "Bearer"."""
    value = value.translate(_INVISIBLE_CHARS).strip().strip(QUOTES).strip()
    return value[7:].strip() if value.lower().startswith("bearer ") else value


def find_key_problem(key: str) -> Literal["", "inside", "sign"]:
    """Return why a header cannot carry a key: a blank inside or an unprintable sign; "" if it can."""
    if re.search(r"\s", key):
        return "inside"
    return "" if key.isascii() and key.isprintable() else "sign"


def parse_key(value: str, name: str) -> str:
    """Return a key as it is sent. Raises SettingError."""
    key = strip_key(value)
    if problem := find_key_problem(key):
        raise SettingError(f"{name} has {_KEY_PROBLEMS[problem]}; paste the key again, alone.")
    return key


def parse_base_url(value: str, name: str) -> str:
    """Return a gateway's origin and path prefix, without `/v1` and a trailing slash. Raises SettingError."""
    message = f"{name} must be a web address such as {DEFAULT_BASE_URL}"
    value = value.strip(QUOTES).strip()
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingError(f"{message}.") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", value):
        raise SettingError(f"{message}, with http:// or https:// in front.")
    if parts.username or parts.password:
        raise SettingError(f"{name} must not hold a name or password; the key has a setting of its own.")
    if parts.query or parts.fragment:
        raise SettingError(f"{message}, without anything after ? or #.")
    path = re.sub(r"/v1$", "", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback_url(url: str) -> bool:
    """Return True for an address of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def parse_seconds(value: str, name: str, default: float, minimum: float = 1e-9) -> float:
    """Return a number of seconds below a day, the default for "". Raises SettingError."""
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not minimum <= seconds < 86_400:
        raise SettingError(f"{name} must be a number of seconds, such as {default:g}.")
    return seconds


def parse_count(value: str, name: str, default: int, minimum: int, maximum: int) -> int:
    """Return a whole number, the default for "". Raises SettingError."""
    if not value:
        return default
    count = int(value) if value.isascii() and value.isdecimal() else -1
    if not minimum <= count <= maximum:
        raise SettingError(f"{name} must be a whole number from {minimum:,} to {maximum:,}.")
    return count


def parse_price_overrides(prices_table: Any) -> tuple[PriceOverride, ...]:
    """Return the prices of the table [prices] in secrets.toml, in its order. Raises SettingError."""
    if not isinstance(prices_table, Mapping):
        raise SettingError("[prices] in secrets.toml must be a table, with a table for each model in it.")
    return tuple(
        PriceOverride(str(pattern), _parse_price(f'[prices."{pattern}"]', entry))
        for pattern, entry in prices_table.items()
    )


def _parse_price(name: str, entry: Any) -> Price:
    if not isinstance(entry, Mapping) or not {"input", "output"} <= set(entry) <= set(_PRICE_KEYS):
        raise SettingError(f"{name} in secrets.toml takes {', '.join(_PRICE_KEYS)}, the first two always.")
    prices: dict[str, Decimal] = {}
    for key, value in entry.items():
        price = parse_decimal(value)
        if price is None:
            unit = "1,000 web searches, such as 10" if key == "search" else "million tokens, such as 2.5"
            raise SettingError(f"{name} {key} must be US dollars per {unit}.")
        prices[key] = price
    cache = prices.get("cached"), prices.get("written")
    search = prices["search"] / 1000 if "search" in prices else None
    written_1h = prices.get("written_1h")
    return Price(prices["input"], prices["output"], *cache, cache_write_1h=written_1h, per_search=search)
