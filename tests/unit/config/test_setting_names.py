"""Names of settings: one that nothing reads is refused with the nearest name, and documents list the others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.config.settings import load_settings, read_secrets, setting_names
from lib.core.errors import SettingError

ROOT = Path(__file__).parents[3]
SECRET = "sk-Very-Secret-0123456789"

# Environment, secrets, and the name and the suggestion in the message.
UNKNOWN = {
    "variable": ({"ANTLER_ACCES": SECRET}, {}, "ANTLER_ACCES is", "nearest is ANTLER_ACCESS."),
    "variable without a part": ({"DEERAPI_KEY": SECRET}, {}, "DEERAPI_KEY is", "nearest is DEERAPI_API_KEY."),
    "variable like no other": ({"ANTLER_XYZZY": SECRET}, {}, "ANTLER_XYZZY is not a setting", "nearest is ANTLER_"),
    "section": ({}, {"gatway": {"api_key": SECRET}}, "[gatway] in secrets.toml", "nearest is [gateway]."),
    "section in capitals": ({}, {"Access": {"mode": "password"}}, "[Access]", "nearest is [access]."),
    "section like no other": (
        {},
        {"xyzzy": {"api_key": SECRET}},
        "[xyzzy] in secrets.toml",
        "valid are [access], [files], ",
    ),
    "key like no other": ({}, {"storage": {"xyzzy": SECRET}}, "[storage] xyzzy in secrets.toml", "valid are url."),
    "key": ({}, {"gateway": {"api-key": SECRET}}, "[gateway] api-key", "nearest is [gateway] api_key."),
    "key of another section": ({}, {"server": {"mode": SECRET}}, "[server] mode", "nearest is [access] mode."),
    "key of two sections": ({}, {"server": {"url": SECRET}}, "[server] url", "[files] url or [storage] url."),
    "key outside of a section": ({}, {"api_key": SECRET}, "outside of a section", "nearest is [gateway] api_key."),
    "variable in the file": ({}, {"DATABASE_ULR": SECRET}, "DATABASE_ULR in", "nearest is DATABASE_URL."),
    "our variable in the file": ({}, {"ANTLER_XYZZY": SECRET}, "ANTLER_XYZZY in secrets.toml", "nearest is ANTLER_"),
    "key beside a free table": ({}, {"team": {"header": {"X-A": "b"}}}, "[team] header", "nearest is [team] headers."),
}
ALLOWED: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "sections of Streamlit": ({}, {"auth": {"a": 1}, "connections": {"sql": {"url": "x"}}, "snowflake": {"a": 1}}),
    "keys that the operator chooses": (
        {},
        {"groups": {"any": ["@a.example"]}, "prices": {"any*": {"input": 1, "output": 2}}, "team": {"headers": {}}},
    ),
    "settings of another mode": ({"ANTLER_PASSWORD": "x", "ANTLER_HEADER": "X-A", "ANTLER_PROXY_SECRET": "x"}, {}),
    "variables of other programs": (
        {"DATABASE_HOST": "x", "AWS_ACCESS_KEY_ID": "x"},
        {"AWS_SECRET_ACCESS_KEY": "x", "HTTPS_PROXY": "http://proxy.example"},
    ),
    "variables of Kubernetes": (
        {
            "ANTLER_SERVICE_HOST": "10.0.0.1",
            "ANTLER_SERVICE_PORT_HTTP": "80",
            "ANTLER_PORT": "tcp://10.0.0.1:80",
            "ANTLER_PORT_80_TCP_ADDR": "10.0.0.1",
            "ANTLER_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        },
        {},
    ),
    "empty variables": ({"ANTLER_XYZZY": " "}, {}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_setting_that_nothing_reads_is_refused_with_the_nearest_name(name):
    environ, secrets, setting, nearest = UNKNOWN[name]
    with pytest.raises(SettingError) as caught:
        load_settings(environ, secrets)
    assert setting in str(caught.value) and nearest in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ALLOWED)
def test_what_others_read_is_allowed(name):
    load_settings(*ALLOWED[name])


def test_all_of_them_are_named_at_once():
    with pytest.raises(SettingError) as caught:
        load_settings({"ANTLER_LOGS": "json"}, {"gatway": {}, "server": {"logs": "json"}})
    assert all(name in str(caught.value) for name in ("ANTLER_LOGS", "[gatway]", "[server] logs"))


def test_an_unknown_name_comes_before_what_it_causes():
    with pytest.raises(SettingError, match="ANTLER_PASSWROD"):
        load_settings({"ANTLER_ACCESS": "password", "ANTLER_PASSWROD": "a shared password"}, {})


def test_a_variable_outside_of_sections_is_read():
    assert load_settings({}, {"DATABASE_URL": "sqlite:///file.db"}).database_url == "sqlite:///file.db"
    environ = {"DATABASE_URL": "sqlite:///env.db"}
    assert load_settings(environ, {"DATABASE_URL": "sqlite:///file.db"}).database_url == "sqlite:///env.db"


def test_the_check_before_a_start_refuses_them(tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/secrets.toml").write_text('[gatway]\napi_key = "sk-hidden-0123456789"\n')
    command = [sys.executable, "-m", "lib.config.settings"]
    environ = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert process.returncode == 1
    assert process.stderr == "[gatway] in secrets.toml is not a setting; the nearest is [gateway].\n"


def test_the_readme_lists_the_settings_that_are_read():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| `(\w+)`[^|\n]*?(?:\| |, )`\[([\w.]+)\] ?(\w*)`", re.MULTILINE)
    documented = {
        (variable, section.partition(".")[0], key or section.partition(".")[2])
        for variable, section, key in row.findall(text)
    }
    read = {(name.variable, name.section, name.key) for name in setting_names().names}
    assert documented == read


def test_the_example_has_no_other_settings():
    example = ROOT / ".streamlit/secrets.toml.example"
    setting_names().check({}, read_secrets(example))
