"""The files of deploy/ fit each other and the program, as far as that is seen without running them."""

from __future__ import annotations

import re
from pathlib import Path

from lib.config.settings import ServerSettings
from lib.ui.server.shutdown import EXIT_TIMEOUT, FINAL_RENDER_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def test_nginx_asks_the_replicas_that_there_are():
    replicas = re.findall(r"ipv4_address: ([\d.]+)", text("compose.yaml"))
    assert replicas == re.findall(r"server ([\d.]+):8501", text("nginx.conf"))
    assert len(set(replicas)) == len(replicas) > 1


def test_who_stops_the_process_waits_longer_than_it_takes():
    longest = ServerSettings.drain_seconds + FINAL_RENDER_SECONDS + EXIT_TIMEOUT
    (unit,) = re.findall(r"TimeoutStopSec=(\d+)", text("antler.service"))
    (compose,) = re.findall(r"stop_grace_period: (\d+)s", text("compose.yaml"))
    assert min(int(unit), int(compose)) > longest


def test_the_image_gets_what_the_program_needs_and_no_secret():
    copied = {line.split()[1] for line in text("Dockerfile").splitlines() if line.startswith("COPY ")}
    assert copied == {"requirements.txt", "app.py", "lib", "pages", ".streamlit/config.toml"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*" and rules.index(".streamlit/*") < rules.index("!.streamlit/config.toml")
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")} - {".streamlit"}
    assert allowed == copied
    assert not re.search(r"sk-\w{8}", text("Dockerfile") + text("compose.yaml") + text("antler.service"))


def test_every_server_is_started_in_the_same_way():
    for name in ("Dockerfile", "antler.service"):
        started = " ".join(re.findall(r"[\w./=-]+", text(name).replace('"', " ")))
        assert "streamlit run app.py --server.address=" in started, name
        assert "--server.fileWatcherType=none" in started, name
