"""Settings: sources, cleaning of pasted values, and refused values."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.config import settings as config
from lib.config.settings import Settings, Timeouts, load_settings, read_secrets
from lib.core.errors import SettingError

ROOT = Path(__file__).parents[3]
KEY = "sk-Very-Secret-0123456789"

# Variable, table, name in the table, value in the environment, value in the secrets, and a getter.
SOURCES = [
    ("DEERAPI_API_KEY", "gateway", "api_key", "sk-env", "sk-file", lambda s: s.api_key),
    (
        "DEERAPI_BASE_URL",
        "gateway",
        "base_url",
        "https://env.example",
        "https://file.example",
        lambda s: s.base_url,
    ),
    ("DATABASE_URL", "storage", "url", "sqlite:///env.db", "sqlite:///file.db", lambda s: s.database_url),
    (
        "DEERAPI_CONNECT_TIMEOUT",
        "gateway",
        "connect_timeout",
        "1.5",
        "2.5",
        lambda s: str(s.timeouts.connect),
    ),
    (
        "DEERAPI_FIRST_BYTE_TIMEOUT",
        "gateway",
        "first_byte_timeout",
        "1.5",
        "2.5",
        lambda s: str(s.timeouts.first_byte),
    ),
    ("DEERAPI_IDLE_TIMEOUT", "gateway", "idle_timeout", "1.5", "2.5", lambda s: str(s.timeouts.idle)),
    ("DEERAPI_RETRIES", "gateway", "retries", "0", "1", lambda s: str(s.retries)),
    ("DEERAPI_CHEAP_MODEL", "gateway", "cheap_model", "small-env", "small-file", lambda s: s.utility_model),
    ("ANTLER_LOG", "server", "log", "json", "text", lambda s: s.server.log_format),
    ("ANTLER_METRICS_TOKEN", "server", "metrics_token", "t-env", "t-file", lambda s: s.server.metrics_token),
    ("ANTLER_MAX_ANSWER", "server", "max_answer", "2000", "3000", lambda s: str(s.server.max_answer_chars)),
    ("ANTLER_MAX_RUNNING", "server", "max_running", "2", "3", lambda s: str(s.server.max_running_answers)),
    ("ANTLER_RECORD_KB", "server", "record_kb", "0", "3", lambda s: str(s.recording.max_bytes // 1024)),
    ("ANTLER_CHECK_MODELS", "gateway", "check_models", "m-env", "m-file", lambda s: s.check_schedule.models[0][0]),
    ("ANTLER_RECORD_DAYS", "server", "record_days", "2", "3", lambda s: str(s.recording.days)),
    ("ANTLER_DRAIN_SECONDS", "server", "drain_seconds", "1.5", "2.5", lambda s: str(s.server.drain_seconds)),
]
each_setting = pytest.mark.parametrize(
    ("variable", "table", "name", "environ_value", "secrets_value", "get_value"), SOURCES
)


def load_error(environ: dict[str, str], secrets: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingError) as caught:
        load_settings(environ, secrets or {})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_without_settings_the_demo_is_used() -> None:
    settings = load_settings({}, {})
    assert settings == Settings()
    assert settings.is_demo
    assert not load_settings({"DEERAPI_API_KEY": KEY}, {}).is_demo


@each_setting
def test_the_environment_takes_precedence_over_the_secrets(
    variable: str, table: str, name: str, environ_value: str, secrets_value: str, get_value: Any
) -> None:
    secrets = {table: {name: secrets_value}}
    assert get_value(load_settings({variable: environ_value}, {})) == environ_value
    assert get_value(load_settings({}, secrets)) == secrets_value
    assert get_value(load_settings({variable: environ_value}, secrets)) == environ_value
    assert get_value(load_settings({variable: f"  {environ_value}\n"}, secrets)) == environ_value
    for unset in ("", "  "):
        assert get_value(load_settings({variable: unset}, secrets)) == secrets_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://gw.example", "https://gw.example"),
        ("https://gw.example/", "https://gw.example"),
        ("https://gw.example/v1", "https://gw.example"),
        ("https://gw.example/v1/", "https://gw.example"),
        ("https://gw.example//v1//", "https://gw.example"),
        ("https://gw.example/api/v1", "https://gw.example/api"),
        ("https://gw.example/v10", "https://gw.example/v10"),
        ("https://gw.example/api", "https://gw.example/api"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ('"https://gw.example/v1"', "https://gw.example"),
        ("HTTPS://gw.example", "https://gw.example"),
    ],
)
def test_base_urls_are_normalised(text: str, expected: str) -> None:
    assert load_settings({"DEERAPI_BASE_URL": text}, {}).base_url == expected


@pytest.mark.parametrize(
    "text",
    [
        "gw.example",
        "gw.example/v1",
        "ftp://gw.example",
        "https://",
        "https:///v1",
        "https://gw.example:port",
        "https://gw.example:99999",
        "https://[::1",
        "https://gw example",
        f"https://name:{KEY}@gw.example",
        f"https://{KEY}@gw.example",
        f"https://gw.example/?key={KEY}",
        f"https://gw.example/#{KEY}",
        KEY,
    ],
)
def test_invalid_base_urls_are_refused_by_name_without_quoting_them(text: str) -> None:
    message = load_error({"DEERAPI_BASE_URL": text})
    assert message.startswith("DEERAPI_BASE_URL ")
    assert KEY not in message
    assert load_error({}, {"gateway": {"base_url": text}}).startswith("[gateway] base_url ")


@pytest.mark.parametrize(
    "text",
    [
        f"  {KEY}\n",
        f'"{KEY}"',
        f"'{KEY}'",
        f"“{KEY}”",
        f"‘{KEY}’",
        f"`{KEY}`",
        f"\u200b{KEY}\ufeff",
        f"{KEY[:5]}\u200d{KEY[5:]}",
        f'" {KEY} "',
        f"Bearer {KEY}",
        f"bearer  {KEY}",
        f"\xa0{KEY}\u3000",
    ],
)
def test_pasted_keys_are_cleaned(text: str) -> None:
    assert load_settings({"DEERAPI_API_KEY": text}, {}).api_key == KEY


@pytest.mark.parametrize(
    "text",
    [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}\xa0x", f"{KEY}é", f"{KEY}世", f"{KEY}\x00", f"{KEY}\x7f"],
)
def test_invalid_keys_are_refused_without_quoting_them(text: str) -> None:
    for message in (load_error({"DEERAPI_API_KEY": text}), load_error({}, {"gateway": {"api_key": text}})):
        assert "DEERAPI_API_KEY" in message or "[gateway] api_key" in message
        assert KEY not in message and "Secret" not in message


def test_a_key_of_quotes_only_is_unset() -> None:
    assert load_settings({"DEERAPI_API_KEY": '""'}, {}).is_demo


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "86400", "ten", "10 s", KEY])
@pytest.mark.parametrize("name", ["DEERAPI_CONNECT_TIMEOUT", "DEERAPI_FIRST_BYTE_TIMEOUT", "DEERAPI_IDLE_TIMEOUT"])
def test_invalid_timeouts_are_refused(name: str, text: str) -> None:
    message = load_error({name: text})
    assert message.startswith(f"{name} ") and KEY not in message


def test_timeouts_are_seconds_as_text_or_number() -> None:
    secrets = {"gateway": {"idle_timeout": 60, "first_byte_timeout": 2.5, "retries": 1}}
    settings = load_settings({"DEERAPI_CONNECT_TIMEOUT": "0.5"}, secrets)
    assert settings.timeouts == Timeouts(connect=0.5, first_byte=2.5, idle=60.0)
    assert settings.retries == 1


def test_the_drain_time_can_be_zero() -> None:
    assert load_settings({"ANTLER_DRAIN_SECONDS": "0"}, {}).server.drain_seconds == 0
    for text in ("-1", "nan", "inf", "86400", KEY):
        message = load_error({"ANTLER_DRAIN_SECONDS": text})
        assert message.startswith("ANTLER_DRAIN_SECONDS ") and KEY not in message


def test_the_folder_of_recordings_has_to_exist(tmp_path: Path) -> None:
    assert load_settings({"ANTLER_RECORDINGS": str(tmp_path)}, {}).server.recordings == str(tmp_path)
    assert load_settings({}, {"server": {"recordings": str(tmp_path)}}).server.recordings == str(tmp_path)
    missing = load_error({"ANTLER_RECORDINGS": str(tmp_path / "none")})
    assert missing == "ANTLER_RECORDINGS must name a folder that exists."


def test_the_log_format_is_text_or_json() -> None:
    assert load_error({"ANTLER_LOG": "xml"}) == "ANTLER_LOG must be text or json."
    assert load_error({}, {"server": {"log": KEY}}) == "[server] log must be text or json."


def test_the_metrics_token_is_secret() -> None:
    assert KEY not in repr(load_settings({"ANTLER_METRICS_TOKEN": KEY}, {}))
    assert KEY not in load_error({"ANTLER_METRICS_TOKEN": f"{KEY} {KEY}"})


@pytest.mark.parametrize("text", ["3", "-1", "1.0", "two", "10", "²", KEY])
def test_invalid_retries_are_refused(text: str) -> None:
    message = load_error({"DEERAPI_RETRIES": text})
    assert message.startswith("DEERAPI_RETRIES ") and KEY not in message
    assert load_error({}, {"gateway": {"retries": text}}).startswith("[gateway] retries ")


@pytest.mark.parametrize(
    ("secrets", "setting_name"),
    [
        ({"gateway": KEY}, "[gateway]"),
        ({"storage": [KEY]}, "[storage]"),
        ({"gateway": {"api_key": [KEY]}}, "[gateway] api_key"),
        ({"gateway": {"api_key": True}}, "[gateway] api_key"),
        ({"gateway": {"base_url": {"key": KEY}}}, "[gateway] base_url"),
        ({"storage": {"url": None}}, "[storage] url"),
    ],
)
def test_secrets_of_wrong_type_are_refused(secrets: dict[str, Any], setting_name: str) -> None:
    message = load_error({}, secrets)
    assert message.startswith(setting_name) and KEY not in message


def test_the_key_is_not_in_the_repr() -> None:
    settings = load_settings({"DEERAPI_API_KEY": KEY}, {})
    assert KEY not in repr(settings) + str(settings)


def test_the_secrets_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    assert read_secrets(path) == {}
    path.write_text(f'[gateway]\napi_key = "{KEY}"\n', encoding="utf-8")
    assert load_settings({}, read_secrets(path)).api_key == KEY


@pytest.mark.parametrize("text", [f"[gateway]\napi_key = {KEY}\n", f"api_key: {KEY}", f'key = "{KEY}', "\udcff"])
def test_a_malformed_secrets_file_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingError) as caught:
        read_secrets(path)
    assert str(path) in str(caught.value) and KEY not in str(caught.value)
    assert caught.value.__suppress_context__


def run_check(folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m lib.config.settings` in `folder` with a clean environment."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DEERAPI", "DATABASE", "ANTLER"))
    }
    environment |= {"PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, "-m", "lib.config.settings"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_settings_check_reports_errors(tmp_path: Path) -> None:
    valid = run_check(tmp_path, DEERAPI_API_KEY=KEY)
    assert (valid.returncode, valid.stdout, valid.stderr) == (0, "", "")
    invalid = run_check(tmp_path, DEERAPI_API_KEY=f"{KEY} {KEY}")
    assert (invalid.returncode, invalid.stdout) == (1, "")
    assert invalid.stderr.startswith("DEERAPI_API_KEY ") and invalid.stderr.count("\n") == 1
    assert KEY not in invalid.stderr


def test_the_settings_check_reads_the_secrets_file(tmp_path: Path) -> None:
    path = tmp_path / config.SECRETS_FILE
    path.parent.mkdir()
    path.write_text(f"[gateway]\napi_key = {KEY}\n")
    invalid = run_check(tmp_path)
    assert invalid.returncode == 1
    assert invalid.stderr.count("\n") == 1 and str(config.SECRETS_FILE) in invalid.stderr and KEY not in invalid.stderr


@pytest.mark.parametrize(
    ("text", "model", "wire"),
    [
        ("gpt-4o-mini", "gpt-4o-mini", None),
        ("claude-haiku-4-5@anthropic", "claude-haiku-4-5", "anthropic"),
        ("claude-haiku-4-5@openai", "claude-haiku-4-5", "openai"),
        ('"gpt-4o-mini@openai"', "gpt-4o-mini", "openai"),
        ("claude-3-haiku@20240307", "claude-3-haiku@20240307", None),
        ("claude-3-haiku@20240307@anthropic", "claude-3-haiku@20240307", "anthropic"),
        ("@cf/meta/llama-3-8b", "@cf/meta/llama-3-8b", None),
    ],
)
def test_the_utility_model_with_and_without_wire(text: str, model: str, wire: str | None) -> None:
    settings = load_settings({"DEERAPI_CHEAP_MODEL": text}, {})
    assert (settings.utility_model, settings.utility_wire) == (model, wire)


@pytest.mark.parametrize("text", ["@openai", "two words", '""', "a\tb"])
def test_an_invalid_utility_model_is_refused_by_name(text: str) -> None:
    assert "DEERAPI_CHEAP_MODEL must be a model's id" in load_error({"DEERAPI_CHEAP_MODEL": text})


GATEWAY = {"DEERAPI_API_KEY": "sk-0123456789abcdef0123"}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        (GATEWAY, "https://models.dev/api.json"),
        ({**GATEWAY, "ANTLER_MODELS_DEV_URL": "off"}, ""),
        ({**GATEWAY, "ANTLER_MODELS_DEV_URL": "No"}, ""),
        ({**GATEWAY, "ANTLER_MODELS_DEV_URL": "http://mirror.example/list.json"}, "http://mirror.example/list.json"),
        ({**GATEWAY, "DEERAPI_BASE_URL": "http://localhost:4000"}, ""),
        ({**GATEWAY, "DEERAPI_BASE_URL": "http://127.0.0.9"}, ""),
        ({**GATEWAY, "DEERAPI_BASE_URL": "http://[::1]:4000/v1"}, ""),
        ({**GATEWAY, "DEERAPI_BASE_URL": "http://litellm:4000"}, "https://models.dev/api.json"),
        (
            {**GATEWAY, "DEERAPI_BASE_URL": "http://localhost", "ANTLER_MODELS_DEV_URL": "on"},
            "https://models.dev/api.json",
        ),
        (
            {**GATEWAY, "DEERAPI_BASE_URL": "http://localhost", "ANTLER_MODELS_DEV_URL": "http://[::1]/a"},
            "http://[::1]/a",
        ),
        # The demo fetches nothing, whatever is set.
        ({}, ""),
        ({"ANTLER_MODELS_DEV_URL": "on"}, ""),
        ({"ANTLER_MODELS_DEV_URL": "https://models.dev/api.json"}, ""),
    ],
)
def test_the_address_of_models_dev(environ: dict[str, str], url: str) -> None:
    assert load_settings(environ, {}).models_dev_url == url


def test_an_invalid_address_of_models_dev_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"\[gateway\] models_dev_url"):
        load_settings(GATEWAY, {"gateway": {"models_dev_url": "ftp://models.dev"}})


def test_the_price_group_is_a_name() -> None:
    assert load_settings(GATEWAY, {}).price_group == ""
    assert load_settings({**GATEWAY, "ANTLER_PRICE_GROUP": ' "vip" '}, {}).price_group == "vip"
    assert load_settings(GATEWAY, {"gateway": {"price_group": "企业 VIP"}}).price_group == "企业 VIP"
