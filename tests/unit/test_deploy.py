"""The files of deploy/ fit each other and the program, as far as that is seen without running them."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy import proxy, serve
from deploy.proxy import Proxy, ProxyError, render_site
from lib.config.settings import ServerSettings
from lib.ui.server.shutdown import EXIT_TIMEOUT, FINAL_RENDER_SECONDS
from tests.support.app_server import free_port

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
    (unit,) = re.findall(r"TimeoutStopSec=(\d+)", text("antler@.service"))
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
    assert not re.search(r"sk-\w{8}", text("Dockerfile") + text("compose.yaml") + text("antler@.service"))


def test_every_server_is_started_in_the_same_way():
    for name in ("Dockerfile", "antler@.service"):
        started = " ".join(re.findall(r"[\w./=-]+", text(name).replace('"', " ")))
        assert "streamlit run app.py --server.address=" in started, name
        assert "--server.fileWatcherType=none" in started, name


def test_nginx_accepts_its_configuration_for_any_number_of_processes(tmp_path):
    for ports in ([8502], [8502, 8503, 8504, 8505]):
        tmp_path.chmod(0o755)
        nginx = Proxy(tmp_path, f"127.0.0.1:{free_port()}", ports)
        nginx.check()
        site = render_site("127.0.0.1:80", ports)
        assert re.findall(r"server 127\.0\.0\.1:(\d+) max_fails=1 ", site) == [str(port) for port in ports]
        assert "172.30" not in site and site.count("listen 127.0.0.1:80;") == 1


def test_a_wrong_configuration_and_a_missing_nginx_say_what_is_wrong(tmp_path, monkeypatch):
    with pytest.raises(ProxyError, match="host not found"):
        Proxy(tmp_path, "no address", [8502]).check()
    monkeypatch.setattr(proxy, "shutil", SimpleNamespace(which=lambda *_, **__: None))
    monkeypatch.setattr(sys, "argv", ["serve", "--workers=2"])
    with pytest.raises(SystemExit, match="need nginx in front of them; on Debian: apt-get install nginx-light"):
        serve.main()


def test_processes_of_one_machine_read_each_others_cookies(tmp_path):
    config = tmp_path / "config.toml"
    made = serve.child_environment({}, config)
    assert len(made["STREAMLIT_SERVER_COOKIE_SECRET"]) == 64
    assert serve.child_environment({"STREAMLIT_SERVER_COOKIE_SECRET": "ours"}, config)[serve.COOKIE_SECRET] == "ours"
    config.write_text('[server]\ncookieSecret = "ours"\n', encoding="utf-8")
    assert serve.COOKIE_SECRET not in serve.child_environment({}, config)


def test_malloc_keeps_little_free_memory_wherever_the_program_is_deployed(tmp_path):
    assert serve.child_environment({}, tmp_path / "none")["MALLOC_ARENA_MAX"] == "2"
    for name in ("Dockerfile", "antler@.service"):
        assert re.search(r"^(?:ENV |Environment=).*\bMALLOC_ARENA_MAX=2$", text(name), re.MULTILINE), name


def test_a_process_that_ends_is_started_again_after_longer_and_longer_delays(monkeypatch):
    now = [1000.0]
    started: list[float] = []

    class Ended:
        """A process that ends at once."""

        pid, returncode = 7, 1

        def __init__(self, *_: object, **__: object) -> None:
            started.append(now[0])

        def poll(self) -> int:
            return 1

    # In that module alone: other tests' threads use the clock.
    monkeypatch.setattr(serve, "subprocess", SimpleNamespace(Popen=Ended))
    monkeypatch.setattr(serve, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker = serve.Worker(1, {})
    while len(started) < 8:
        now[0] += 0.5
        worker.watch()
    delays = [after - before for before, after in itertools.pairwise(started)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]


def test_a_restart_goes_on_when_nginx_asks_the_restarted_process_again():
    (seconds,) = {float(value) for value in re.findall(r"fail_timeout=(\d+)s", text("nginx.conf"))}
    assert seconds < serve.FAILED_SECONDS


def test_many_connections_are_allowed():
    (files,) = re.findall(r"LimitNOFILE=(\d+)", text("antler@.service"))
    (limit,) = re.findall(r"nofile: (\d+)", text("compose.yaml"))
    assert min(int(files), int(limit)) >= 10_000
