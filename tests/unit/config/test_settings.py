"""Settings: where each comes from, what is mended in a pasted value, and what is refused in which words."""

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

# Variable, table, name in it, a value from the environment, one from the secrets, and how to read it off.
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
    ("ANTLER_DRAIN_SECONDS", "server", "drain_seconds", "1.5", "2.5", lambda s: str(s.server.drain_seconds)),
]
each_setting = pytest.mark.parametrize(("variable", "table", "name", "outer", "inner", "value"), SOURCES)


def refused(environ: dict[str, str], secrets: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingError) as caught:
        load_settings(environ, secrets or {})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_with_nothing_set_it_is_the_demo() -> None:
    settings = load_settings({}, {})
    assert settings == Settings()
    assert settings.is_demo
    assert not load_settings({"DEERAPI_API_KEY": KEY}, {}).is_demo


@each_setting
def test_the_environment_wins_over_the_secrets(
    variable: str, table: str, name: str, outer: str, inner: str, value: Any
) -> None:
    secrets = {table: {name: inner}}
    assert value(load_settings({variable: outer}, {})) == outer
    assert value(load_settings({}, secrets)) == inner
    assert value(load_settings({variable: outer}, secrets)) == outer
    assert value(load_settings({variable: f"  {outer}\n"}, secrets)) == outer
    for unset in ("", "  "):
        assert value(load_settings({variable: unset}, secrets)) == inner


@pytest.mark.parametrize(
    ("given", "meant"),
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
def test_the_address_with_and_without_its_version(given: str, meant: str) -> None:
    assert load_settings({"DEERAPI_BASE_URL": given}, {}).base_url == meant


@pytest.mark.parametrize(
    "given",
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
def test_an_address_that_is_none_is_refused_by_name_and_not_quoted(given: str) -> None:
    words = refused({"DEERAPI_BASE_URL": given})
    assert words.startswith("DEERAPI_BASE_URL ")
    assert KEY not in words
    assert refused({}, {"gateway": {"base_url": given}}).startswith("[gateway] base_url ")


@pytest.mark.parametrize(
    "given",
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
def test_what_comes_along_when_a_key_is_pasted_is_taken_off(given: str) -> None:
    assert load_settings({"DEERAPI_API_KEY": given}, {}).api_key == KEY


@pytest.mark.parametrize(
    "given",
    [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}\xa0x", f"{KEY}é", f"{KEY}世", f"{KEY}\x00", f"{KEY}\x7f"],
)
def test_a_key_that_cannot_be_one_is_refused_and_not_quoted(given: str) -> None:
    for words in (refused({"DEERAPI_API_KEY": given}), refused({}, {"gateway": {"api_key": given}})):
        assert "DEERAPI_API_KEY" in words or "[gateway] api_key" in words
        assert KEY not in words and "Secret" not in words


def test_a_key_of_nothing_but_quotes_is_none() -> None:
    assert load_settings({"DEERAPI_API_KEY": '""'}, {}).is_demo


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "86400", "ten", "10 s", KEY])
@pytest.mark.parametrize(
    "name", ["DEERAPI_CONNECT_TIMEOUT", "DEERAPI_FIRST_BYTE_TIMEOUT", "DEERAPI_IDLE_TIMEOUT"]
)
def test_a_time_that_is_none_is_refused(name: str, given: str) -> None:
    words = refused({name: given})
    assert words.startswith(f"{name} ") and KEY not in words


def test_times_are_seconds_and_may_be_numbers_in_the_secrets() -> None:
    secrets = {"gateway": {"idle_timeout": 60, "first_byte_timeout": 2.5, "retries": 1}}
    settings = load_settings({"DEERAPI_CONNECT_TIMEOUT": "0.5"}, secrets)
    assert settings.timeouts == Timeouts(connect=0.5, first_byte=2.5, idle=60.0)
    assert settings.retries == 1


def test_running_answers_may_get_no_time_at_all() -> None:
    assert load_settings({"ANTLER_DRAIN_SECONDS": "0"}, {}).server.drain_seconds == 0
    for given in ("-1", "nan", "inf", "86400", KEY):
        words = refused({"ANTLER_DRAIN_SECONDS": given})
        assert words.startswith("ANTLER_DRAIN_SECONDS ") and KEY not in words


def test_the_log_is_text_or_json() -> None:
    assert refused({"ANTLER_LOG": "xml"}) == "ANTLER_LOG must be text or json."
    assert refused({}, {"server": {"log": KEY}}) == "[server] log must be text or json."


def test_the_token_for_the_figures_is_as_secret_as_a_key() -> None:
    assert KEY not in repr(load_settings({"ANTLER_METRICS_TOKEN": KEY}, {}))
    assert KEY not in refused({"ANTLER_METRICS_TOKEN": f"{KEY} {KEY}"})


@pytest.mark.parametrize("given", ["3", "-1", "1.0", "two", "10", "²", KEY])
def test_a_number_of_retries_that_is_none_is_refused(given: str) -> None:
    words = refused({"DEERAPI_RETRIES": given})
    assert words.startswith("DEERAPI_RETRIES ") and KEY not in words
    assert refused({}, {"gateway": {"retries": given}}).startswith("[gateway] retries ")


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        ({"gateway": KEY}, "[gateway]"),
        ({"storage": [KEY]}, "[storage]"),
        ({"gateway": {"api_key": [KEY]}}, "[gateway] api_key"),
        ({"gateway": {"api_key": True}}, "[gateway] api_key"),
        ({"gateway": {"base_url": {"key": KEY}}}, "[gateway] base_url"),
        ({"storage": {"url": None}}, "[storage] url"),
    ],
)
def test_secrets_of_another_shape_are_refused(secrets: dict[str, Any], named: str) -> None:
    words = refused({}, secrets)
    assert words.startswith(named) and KEY not in words


def test_the_key_is_not_in_the_repr() -> None:
    settings = load_settings({"DEERAPI_API_KEY": KEY}, {})
    assert KEY not in repr(settings) + str(settings)


def test_the_secrets_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    assert read_secrets(path) == {}
    path.write_text(f'[gateway]\napi_key = "{KEY}"\n', encoding="utf-8")
    assert load_settings({}, read_secrets(path)).api_key == KEY


@pytest.mark.parametrize(
    "text", [f"[gateway]\napi_key = {KEY}\n", f"api_key: {KEY}", f'key = "{KEY}', "\udcff"]
)
def test_a_secrets_file_that_is_no_toml_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingError) as caught:
        read_secrets(path)
    assert str(path) in str(caught.value) and KEY not in str(caught.value)
    assert caught.value.__suppress_context__


def checked(folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """`python -m lib.config.settings` as a user runs it, in a folder of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEERAPI", "DATABASE", "ANTLER"))
    }
    clean |= {"PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, "-m", "lib.config.settings"]
    return subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_check_before_a_start(tmp_path: Path) -> None:
    good = checked(tmp_path, DEERAPI_API_KEY=KEY)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = checked(tmp_path, DEERAPI_API_KEY=f"{KEY} {KEY}")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("DEERAPI_API_KEY ") and bad.stderr.count("\n") == 1
    assert KEY not in bad.stderr


def test_the_check_reads_the_secrets_file(tmp_path: Path) -> None:
    path = tmp_path / config.SECRETS_FILE
    path.parent.mkdir()
    path.write_text(f"[gateway]\napi_key = {KEY}\n")
    bad = checked(tmp_path)
    assert bad.returncode == 1
    assert bad.stderr.count("\n") == 1 and str(config.SECRETS_FILE) in bad.stderr and KEY not in bad.stderr


@pytest.mark.parametrize(
    ("given", "model", "wire"),
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
def test_the_cheap_model_with_and_without_its_wire(given: str, model: str, wire: str | None) -> None:
    settings = load_settings({"DEERAPI_CHEAP_MODEL": given}, {})
    assert (settings.utility_model, settings.utility_wire) == (model, wire)


@pytest.mark.parametrize("given", ["@openai", "two words", '""', "a\tb"])
def test_a_cheap_model_that_is_none_is_refused_by_name(given: str) -> None:
    assert "DEERAPI_CHEAP_MODEL must be a model's id" in refused({"DEERAPI_CHEAP_MODEL": given})
