"""Environment and secrets, read once into one frozen Settings."""

from __future__ import annotations

import math
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from lib.config import auth, caller, own_key, roles
from lib.config.auth import AccessSettings
from lib.config.caller import CallerIdentity
from lib.config.own_key import PersonalKeySettings
from lib.config.parse import (
    DEFAULT_BASE_URL,
    join_list_setting,
    parse_base_url,
    parse_key,
    read_bool,
    read_setting,
)
from lib.config.redaction import QUOTES
from lib.config.roles import Roles
from lib.core.errors import SettingError
from lib.core.pricing import PriceOverride, parse_price_overrides
from lib.core.target import Wire, is_wire

DEFAULT_DATABASE_URL = "sqlite:///data/antler.db"
POSTGRES_EXAMPLE = "postgresql://user:password@host/name"
SECRETS_FILE = Path(".streamlit/secrets.toml")


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to reach the gateway, from then to the first byte of an answer, and between two bytes."""

    connect: float = 10.0
    first_byte: float = 310.0
    # DeerAPI's gateway gives up on a silent model after 300 s; a shorter wait here would lose answers.
    idle: float = 310.0


@dataclass(frozen=True)
class Database:
    """Where conversations are kept, fit to be shown: a file's path, or the names of host and database."""

    kind: Literal["sqlite", "postgres"]
    location: str


@dataclass(frozen=True)
class ServerSettings:
    """How the process is run. Without a `metrics_token`, figures are told to this machine alone.

    `drain` is the seconds for which running answers may go on after the process was told to stop.
    """

    log_format: Literal["text", "json"] = "text"
    metrics_token: str = field(default="", repr=False)
    drain_seconds: float = 20.0


@dataclass(frozen=True)
class Settings:
    """All that is set from outside. `api_key` is empty for the demo gateway.

    It is not in the repr, and neither is `database_url`, which can hold a password. `cheap_model` is what is
    asked for titles and summaries, "" for no such model; its wire is None where that is left to what the
    gateway lists. `prices` are those of models whose price nothing else tells, the first that fits.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = DEFAULT_BASE_URL
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    timeouts: Timeouts = Timeouts()
    retries: int = 2
    utility_model: str = ""
    utility_wire: Wire | None = None
    price_overrides: tuple[PriceOverride, ...] = ()
    access: AccessSettings = AccessSettings()
    roles: Roles = Roles()
    server: ServerSettings = ServerSettings()
    caller_identity: CallerIdentity = CallerIdentity()
    personal_keys: PersonalKeySettings = PersonalKeySettings()

    @property
    def is_demo(self) -> bool:
        return not self.api_key

    @property
    def database(self) -> Database:
        scheme, _, path = self.database_url.partition(":///")
        if scheme == "sqlite":
            return Database("sqlite", path)
        parts = urlsplit(self.database_url)
        host = parts.hostname or parse_qs(parts.query).get("host", [""])[-1]
        name = unquote(parts.path.removeprefix("/"))
        return Database("postgres", f"{host}/{name}" if host else name)


def load_settings(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> Settings:
    """The settings; the environment wins over the secrets.

    `secrets` is the parsed secrets.toml. Raises SettingError, whose one sentence names the setting.
    """
    key, key_name = read_setting("DEERAPI_API_KEY", "gateway", "api_key", environ, secrets)
    url, url_name = read_setting("DEERAPI_BASE_URL", "gateway", "base_url", environ, secrets)
    database, database_name = read_setting("DATABASE_URL", "storage", "url", environ, secrets)
    connect, connect_name = read_setting(
        "DEERAPI_CONNECT_TIMEOUT", "gateway", "connect_timeout", environ, secrets
    )
    first, first_name = read_setting(
        "DEERAPI_FIRST_BYTE_TIMEOUT", "gateway", "first_byte_timeout", environ, secrets
    )
    retries, retries_name = read_setting("DEERAPI_RETRIES", "gateway", "retries", environ, secrets)
    idle, idle_name = read_setting("DEERAPI_IDLE_TIMEOUT", "gateway", "idle_timeout", environ, secrets)
    cheap, cheap_name = read_setting("DEERAPI_CHEAP_MODEL", "gateway", "cheap_model", environ, secrets)
    cheap_model, cheap_wire = _parse_target(cheap, cheap_name)
    api_key, base_url = parse_key(key, key_name), parse_base_url(url or DEFAULT_BASE_URL, url_name)
    return Settings(
        api_key=api_key,
        base_url=base_url,
        database_url=_parse_database_url(database or DEFAULT_DATABASE_URL, database_name),
        timeouts=Timeouts(
            connect=_parse_seconds(connect, connect_name, Timeouts.connect),
            first_byte=_parse_seconds(first, first_name, Timeouts.first_byte),
            idle=_parse_seconds(idle, idle_name, Timeouts.idle),
        ),
        retries=_parse_retries(retries, retries_name),
        utility_model=cheap_model,
        utility_wire=cheap_wire,
        price_overrides=parse_price_overrides(secrets.get("prices", {})),
        access=_load_access(environ, secrets),
        roles=_load_roles(environ, secrets),
        server=_load_server_settings(environ, secrets),
        caller_identity=_load_caller_identity(environ, secrets, api_key),
        personal_keys=_load_personal_keys(environ, secrets, api_key, base_url),
    )


def _load_access(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> AccessSettings:
    secrets = join_list_setting(secrets, "access", "allow")
    return auth.parse_access(
        lambda variable, name: read_setting(variable, "access", name, environ, secrets), secrets.get("auth")
    )


def _load_roles(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> Roles:
    admins = read_setting(
        "ANTLER_ADMINS", "access", "admins", environ, join_list_setting(secrets, "access", "admins")
    )
    return roles.parse_roles(*admins, secrets.get("groups", {}))


def _load_caller_identity(
    environ: Mapping[str, str], secrets: Mapping[str, Any], api_key: str
) -> CallerIdentity:
    tells = read_bool("ANTLER_PSEUDONYM", "team", "pseudonym", environ, secrets, default=True)
    typed, table = environ.get("ANTLER_HEADERS", "").strip(), secrets.get("team", {})
    listed = table.get("headers", {}) if isinstance(table, Mapping) else None
    return caller.parse_caller_identity(
        lambda variable, name: read_setting(variable, "team", name, environ, secrets),
        (typed, "ANTLER_HEADERS") if typed else (listed, "[team.headers]"),
        secrets.get("auth"),
        api_key,
        sends_pseudonym=tells,
    )


def _load_personal_keys(
    environ: Mapping[str, str], secrets: Mapping[str, Any], api_key: str, base_url: str
) -> PersonalKeySettings:
    listed = join_list_setting(secrets, "own_key", "base_urls")
    return own_key.parse_personal_keys(
        lambda variable, name: read_setting(variable, "own_key", name, environ, listed),
        base_url,
        is_allowed=read_bool("ANTLER_OWN_KEY", "own_key", "allow", environ, secrets, default=False),
        is_demo=not api_key,
    )


def _load_server_settings(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> ServerSettings:
    log, log_name = read_setting("ANTLER_LOG", "server", "log", environ, secrets)
    token, token_name = read_setting("ANTLER_METRICS_TOKEN", "server", "metrics_token", environ, secrets)
    drain, drain_name = read_setting("ANTLER_DRAIN_SECONDS", "server", "drain_seconds", environ, secrets)
    if log not in ("", "text", "json"):
        raise SettingError(f"{log_name} must be text or json.")
    return ServerSettings(
        log_format="json" if log == "json" else "text",
        metrics_token=parse_key(token, token_name),
        drain_seconds=_parse_seconds(drain, drain_name, ServerSettings.drain_seconds, minimum=0.0),
    )


def _parse_database_url(value: str, name: str) -> str:
    """An SQLite file or a Postgres database, as SQLAlchemy writes it."""
    value = value.strip(QUOTES)
    match = re.fullmatch(r"sqlite(\+pysqlite)?:///(?P<path>[^?]+)", value)
    if match and match["path"] != ":memory:":
        return f"sqlite:///{match['path']}"
    match = re.fullmatch(r"(?i:postgres|postgresql|postgresql\+psycopg)://(?P<rest>.*)", value, re.DOTALL)
    if match:
        return f"postgresql+psycopg://{_check_postgres_url(match['rest'], name)}"
    raise SettingError(
        f"{name} must name an SQLite file, such as {DEFAULT_DATABASE_URL}, or a Postgres database, such as "
        f"{POSTGRES_EXAMPLE}."
    )


def _check_postgres_url(url_without_scheme: str, name: str) -> str:
    """What comes after the scheme, which is not quoted when it is wrong: it can hold a password."""
    try:
        parts = urlsplit(f"postgresql://{url_without_scheme}")
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    database = parts.path.removeprefix("/")
    # A password with a sign of its own in it, not written as it must be, ends up as one of these.
    stray = (
        "/" in database
        or parts.fragment
        or parts.netloc.count("@") > 1
        or re.search(r"\s", url_without_scheme)
    )
    if not database or stray:
        raise SettingError(
            f"{name} must be like {POSTGRES_EXAMPLE}, where signs in the password such as @, / and # are "
            "written as %40, %2F and %23."
        )
    return url_without_scheme


def _parse_seconds(value: str, name: str, default: float, minimum: float = 1e-9) -> float:
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not minimum <= seconds < 86_400:
        raise SettingError(f"{name} must be a number of seconds, such as {default:g}.")
    return seconds


def _parse_retries(value: str, name: str) -> int:
    if value in ("", "0", "1", "2"):
        return int(value or Settings.retries)
    raise SettingError(f"{name} must be 0, 1 or 2.")


def _parse_target(value: str, name: str) -> tuple[str, Wire | None]:
    """A model, and the wire behind the last @ where one is named there: ids may hold an @ of their own."""
    model, _, wire = value.strip(QUOTES).strip().rpartition("@")
    if not is_wire(wire):
        model, wire = value.strip(QUOTES).strip(), ""
    if (value and not model) or re.search(r"\s", model) or not model.isprintable():
        raise SettingError(f"{name} must be a model's id, with @openai or @anthropic behind it if you like.")
    return model, wire if is_wire(wire) else None


def read_secrets(path: Path = SECRETS_FILE) -> dict[str, Any]:
    """The parsed secrets file, {} without one. Raises SettingError where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        # Not chained and not quoted: the parser's message can hold the line with the key.
        raise SettingError(f"{path} cannot be read as TOML; write every value in quotes.") from None


def main() -> int:
    """Check the settings before a start: 0, or 1 and one sentence on the error stream."""
    try:
        load_settings(os.environ, read_secrets())
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
