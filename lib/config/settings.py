"""Settings from the environment and secrets.toml."""

from __future__ import annotations

import functools
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from lib.config.auth import AccessSettings, parse_access
from lib.config.caller import CallerIdentity, parse_caller_identity
from lib.config.files import FileSettings, load_file_settings, load_file_storage
from lib.config.parse import (
    DEFAULT_BASE_URL,
    QUOTES,
    SettingReader,
    is_loopback_url,
    parse_base_url,
    parse_count,
    parse_key,
    parse_price_overrides,
    parse_seconds,
)
from lib.config.roles import Roles, parse_roles
from lib.config.setting_names import SettingNames
from lib.config.voice import VoiceSettings, load_voice_settings
from lib.core.errors import SettingError
from lib.core.file_storage import FileStorage
from lib.core.pricing import PriceOverride
from lib.core.target import WIRES, Wire

DEFAULT_DATABASE_URL = "sqlite:///data/antler.db"
MODELS_DEV_URL = "https://models.dev/api.json"
POSTGRES_EXAMPLE = "postgresql://user:password@host/name"
SECRETS_FILE = Path(".streamlit/secrets.toml")


_MAX_CHECK_HOURS = 24 * 366


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds: to connect, then to the first byte of an answer, then between two bytes."""

    connect: float = 10.0
    first_byte: float = 310.0
    # DeerAPI's gateway gives up on a silent model after 300 s; a shorter wait here would lose answers.
    idle: float = 310.0


@dataclass(frozen=True)
class Database:
    """Location of the database without credentials: a file path, or host and database name."""

    kind: Literal["sqlite", "postgres"]
    location: str


@dataclass(frozen=True)
class ServerSettings:
    """Settings of the process. Without a `metrics_token`, metrics are served to this machine only.

    Running answers may finish within `drain_seconds` after a stop signal. An answer ends after `max_answer_chars`,
    and a user may have `max_running_answers` at once. Links play the recordings in a folder, `recordings`, "" for none.
    """

    log_format: Literal["text", "json"] = "text"
    metrics_token: str = field(default="", repr=False)
    drain_seconds: float = 20.0
    max_answer_chars: int = 16_000_000
    max_running_answers: int = 10
    recordings: str = ""


@dataclass(frozen=True)
class RecordingSettings:
    """Maximum size of a recorded request with its responses, in bytes, 0 for no recording, and how long it is kept."""

    max_bytes: int = 2048 * 1024
    days: int = 30


@dataclass(frozen=True)
class CheckSchedule:
    """Checks of the gateway every `hours`, 0 for none; a wire of None stands for both."""

    hours: int = 0
    models: tuple[tuple[str, Wire | None], ...] = ()


@dataclass(frozen=True)
class Settings:
    """All settings. `api_key` is "" for the demo gateway; neither it nor `database_url` is in the repr.

    `utility_model` writes titles and summaries, "" for none; a `utility_wire` of None takes the wire that
    the gateway lists. The first matching price of `price_overrides` applies. Users may send keys of their own
    to `personal_key_urls`. Facts about models are fetched from `models_dev_url`, "" for none; the gateway's
    prices are those of `price_group`, "" for the likely one. With `allows_web_search`, models that have a web search
    are offered with it.
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
    recording: RecordingSettings = RecordingSettings()
    check_schedule: CheckSchedule = CheckSchedule()
    caller_identity: CallerIdentity = CallerIdentity()
    personal_key_urls: tuple[str, ...] = ()
    models_dev_url: str = ""
    price_group: str = ""
    allows_web_search: bool = True
    files: FileSettings = FileSettings()
    file_storage: FileStorage = FileStorage()
    voice: VoiceSettings = VoiceSettings()

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
    """Return the settings; `secrets` is the parsed secrets.toml, and the environment takes precedence.

    Raises SettingError, which names the setting: also for one that nothing reads, because it is spelled differently.
    """
    # Where Streamlit runs, it has copied these to the environment.
    outside_of_sections = {name: str(value) for name, value in secrets.items() if isinstance(value, str | int | float)}
    setting_names().check(environ, secrets)
    return _load_settings({**outside_of_sections, **environ}, secrets, SettingNames())


@functools.cache
def setting_names() -> SettingNames:
    """Return the names of all settings, which reading none of them tells."""
    names = SettingNames()
    _load_settings({}, {}, names)
    return names


def _load_settings(environ: Mapping[str, str], secrets: Mapping[str, Any], names: SettingNames) -> Settings:
    def reader(section: str) -> SettingReader:
        return SettingReader(section, environ, secrets, names)

    gateway, auth_table = reader("gateway"), secrets.get("auth")
    api_key = parse_key(*gateway.read("DEERAPI_API_KEY", "api_key"))
    url, url_name = gateway.read("DEERAPI_BASE_URL", "base_url")
    base_url = parse_base_url(url or DEFAULT_BASE_URL, url_name)
    utility_model, utility_wire = _parse_target(*gateway.read("DEERAPI_CHEAP_MODEL", "cheap_model"))
    return Settings(
        api_key=api_key,
        base_url=base_url,
        database_url=_parse_database_url(*reader("storage").read("DATABASE_URL", "url")),
        timeouts=_load_timeouts(gateway),
        retries=_parse_retries(*gateway.read("DEERAPI_RETRIES", "retries")),
        utility_model=utility_model,
        utility_wire=utility_wire,
        price_overrides=parse_price_overrides(reader("prices").read_section()),
        access=parse_access(reader("access"), auth_table),
        roles=parse_roles(*reader("access").read_list("ANTLER_ADMINS", "admins"), reader("groups").read_section()),
        server=_load_server_settings(reader("server")),
        recording=_load_recording_settings(reader("server")),
        caller_identity=parse_caller_identity(reader("team"), auth_table, api_key),
        personal_key_urls=_parse_personal_key_urls(reader("own_key"), base_url, is_demo=not api_key),
        models_dev_url=_parse_models_dev_url(
            *gateway.read("ANTLER_MODELS_DEV_URL", "models_dev_url"), is_demo=not api_key, base_url=base_url
        ),
        check_schedule=_load_check_schedule(gateway),
        price_group=gateway.read("ANTLER_PRICE_GROUP", "price_group")[0].strip(QUOTES).strip(),
        allows_web_search=_parse_web_search(*gateway.read("ANTLER_WEB_SEARCH", "web_search")),
        files=load_file_settings(reader("files")),
        file_storage=load_file_storage(reader("files")),
        voice=load_voice_settings(reader("voice")),
    )


def _load_timeouts(reader: SettingReader) -> Timeouts:
    return Timeouts(
        *(
            parse_seconds(*reader.read(f"DEERAPI_{name.upper()}_TIMEOUT", f"{name}_timeout"), default)
            for name, default in asdict(Timeouts()).items()
        )
    )


def _load_check_schedule(reader: SettingReader) -> CheckSchedule:
    value, name = reader.read("ANTLER_CHECK_SCHEDULE", "check_schedule")
    models, models_name = reader.read_list("ANTLER_CHECK_MODELS", "check_models")
    schedule = CheckSchedule(
        parse_count(value, name, 0, 0, _MAX_CHECK_HOURS), tuple(_parse_target(model, models_name) for model in models)
    )
    if schedule.hours and not models:
        raise SettingError(f"{models_name} must list the models that are checked every {schedule.hours} hours.")
    return schedule


def _load_server_settings(reader: SettingReader) -> ServerSettings:
    log_format, log_name = reader.read("ANTLER_LOG", "log")
    if log_format not in ("", "text", "json"):
        raise SettingError(f"{log_name} must be text or json.")
    drain, drain_name = reader.read("ANTLER_DRAIN_SECONDS", "drain_seconds")
    return ServerSettings(
        log_format="json" if log_format == "json" else "text",
        metrics_token=parse_key(*reader.read("ANTLER_METRICS_TOKEN", "metrics_token")),
        drain_seconds=parse_seconds(drain, drain_name, ServerSettings.drain_seconds, minimum=0.0),
        max_answer_chars=parse_count(
            *reader.read("ANTLER_MAX_ANSWER", "max_answer"), ServerSettings.max_answer_chars, 1000, 100_000_000
        ),
        max_running_answers=parse_count(
            *reader.read("ANTLER_MAX_RUNNING", "max_running"), ServerSettings.max_running_answers, 1, 1000
        ),
        recordings=_parse_folder(*reader.read("ANTLER_RECORDINGS", "recordings")),
    )


def _parse_folder(value: str, name: str) -> str:
    path = value.strip(QUOTES)
    if path and not Path(path).is_dir():
        raise SettingError(f"{name} must name a folder that exists.")
    return path


def _load_recording_settings(reader: SettingReader) -> RecordingSettings:
    size = parse_count(*reader.read("ANTLER_RECORD_KB", "record_kb"), RecordingSettings.max_bytes // 1024, 0, 65_536)
    days = parse_count(*reader.read("ANTLER_RECORD_DAYS", "record_days"), RecordingSettings.days, 1, 3650)
    return RecordingSettings(size * 1024, days)


def _parse_database_url(value: str, name: str) -> str:
    """Return the URL of a SQLite file or a Postgres database for SQLAlchemy."""
    value = value.strip(QUOTES) or DEFAULT_DATABASE_URL
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
    """Return the argument if it is valid. The error never quotes it: it can hold a password."""
    try:
        parts = urlsplit(f"postgresql://{url_without_scheme}")
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    database = parts.path.removeprefix("/")
    # A password with an unescaped special character shows as one of these.
    is_unescaped = (
        "/" in database or parts.fragment or parts.netloc.count("@") > 1 or re.search(r"\s", url_without_scheme)
    )
    if not database or is_unescaped:
        raise SettingError(
            f"{name} must be like {POSTGRES_EXAMPLE}, where characters such as @, / and # in the password "
            "are written as %40, %2F and %23."
        )
    return url_without_scheme


def _parse_retries(value: str, name: str) -> int:
    if value in ("", "0", "1", "2"):
        return int(value or Settings.retries)
    raise SettingError(f"{name} must be 0, 1 or 2.")


def _parse_target(value: str, name: str) -> tuple[str, Wire | None]:
    """Split "model@wire" at the last @, if a wire follows: model ids may contain @ themselves."""
    model, _, wire = value.strip(QUOTES).strip().rpartition("@")
    wire_found = next((each for each in WIRES if each == wire), None)
    if wire_found is None:
        model = value.strip(QUOTES).strip()
    if (value and not model) or re.search(r"\s", model) or not model.isprintable():
        raise SettingError(f"{name} must be a model's id, with @openai or @anthropic behind it if you like.")
    return model, wire_found


def _parse_personal_key_urls(reader: SettingReader, base_url: str, *, is_demo: bool) -> tuple[str, ...]:
    """Return the operator's list in its order, by default the gateway's own address; () without permission."""
    entries, name = reader.read_list("ANTLER_OWN_KEY_URLS", "base_urls")
    urls = tuple(dict.fromkeys(parse_base_url(entry, name) for entry in entries))
    if not reader.read_bool("ANTLER_OWN_KEY", "allow", default=False):
        return ()
    if is_demo and not urls:
        raise SettingError(
            f"{name} must list the addresses that users may send their own keys to: the server has no gateway."
        )
    return urls or (base_url,)


def _parse_web_search(value: str, name: str) -> bool:
    if value.lower() not in ("", "auto", "off"):
        raise SettingError(f"{name} must be auto or off.")
    return value.lower() != "off"


def _parse_models_dev_url(value: str, name: str, *, is_demo: bool, base_url: str) -> str:
    """Return the address of models.dev's list, "" to fetch nothing.

    Nothing is fetched for the demo, whose models are its own, and by default for a gateway on this machine,
    which stands for development and tests.
    """
    if is_demo or value.lower() in ("off", "false", "no", "0"):
        return ""
    if not value or value.lower() in ("on", "true", "yes", "1"):
        return MODELS_DEV_URL if value or not is_loopback_url(base_url) else ""
    # Only checked: the path of this address stays as it is.
    parse_base_url(value, name)
    return value.strip(QUOTES).strip()


def read_secrets(path: Path = SECRETS_FILE) -> dict[str, Any]:
    """Return the parsed secrets file, {} without one. Raises SettingError for invalid TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        # Neither chained nor quoted: the parser's message can contain the line with the key.
        raise SettingError(f"{path} cannot be read as TOML; write every value in quotes.") from None


def main() -> int:
    """Check the settings before a start; returns the exit status, with an error message on stderr."""
    try:
        load_settings(os.environ, read_secrets())
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
