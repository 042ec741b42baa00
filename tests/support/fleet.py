"""Replicas of the app behind nginx, with one Postgres, in the configuration of deploy/, on loopback."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.app_server import ROOT, START_SECONDS, AppServer, free_port
from tests.support.postgres import Postgres

REPLICAS = 3
NGINX_MISSING = "this needs nginx; on Debian: apt-get install nginx-light"
# The surroundings of a site in a distribution's nginx.conf.
NGINX_CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
ACTIVE = re.compile(r"^active_sessions(?:\{[^}]*\})? (\d+)", re.MULTILINE)


class Fleet:
    """Three replicas behind nginx, by the nginx.conf of deploy/, and their Postgres; a context manager."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._settings = {"STREAMLIT_SERVER_COOKIE_SECRET": secrets.token_hex(32), **settings}
        self._postgres = Postgres()
        self.replicas: list[AppServer] = []
        self.port = 0
        self._nginx: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        assert program, NGINX_MISSING
        try:
            database = self._postgres.__enter__().create("antler")
            for number in range(REPLICAS):
                folder = self.folder / f"replica-{number}"
                folder.mkdir()
                self.replicas.append(AppServer(folder, {**self._settings, "DATABASE_URL": database}))
            # After the replicas, one of which could take a port that is free before.
            self.port = free_port()
            config = self.folder / "nginx.conf"
            config.write_text(NGINX_CONF.format(folder=self.folder, site=self._site()), encoding="utf-8")
            self._nginx = subprocess.Popen([program, "-p", self.folder, "-c", config])
            self._wait_until_healthy()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        if self._nginx:
            self._nginx.terminate()
            self._nginx.wait(60)
        for replica in self.replicas:
            replica.close()
        self._postgres.__exit__()

    def _site(self) -> str:
        """Return deploy/nginx.conf with the addresses of these replicas and a free port."""
        ports = iter([replica.port for replica in self.replicas])
        text = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
        text, servers = re.subn(r"server 172\.30\.7\.\d+:8501", lambda _: f"server 127.0.0.1:{next(ports)}", text)
        text, listeners = re.subn(r"listen 80;", f"listen 127.0.0.1:{self.port};", text)
        assert (servers, listeners) == (REPLICAS, 1), "deploy/nginx.conf has another shape"
        return text

    def _wait_until_healthy(self) -> None:
        assert self._nginx
        deadline = time.monotonic() + START_SECONDS
        while get_status(f"{self.url}/health") != 200:
            log = self.folder / "nginx.log"
            assert self._nginx.poll() is None, log.read_text() if log.exists() else "nginx did not start"
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def serving(self) -> AppServer:
        """Return the one replica that has connected pages, once those that were closed are gone."""
        deadline = time.monotonic() + START_SECONDS
        while len(serving := [replica for replica in self.replicas if count_pages(replica)]) != 1:
            assert time.monotonic() < deadline, [replica.port for replica in serving]
            time.sleep(0.05)
        return serving[0]


def get_status(url: str) -> int:
    """Return the status of a response, 0 without a response."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def count_pages(replica: AppServer) -> int:
    """Return the number of pages connected to a replica, 0 for one that is down."""
    request = urllib.request.Request(
        f"{replica.url}/_stcore/metrics?families=active_sessions", headers={"Accept": "text/plain"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions = ACTIVE.search(answer.read().decode())
            assert sessions, "the metrics of Streamlit have no active_sessions"
            return int(sessions[1])
    except OSError:
        return 0
