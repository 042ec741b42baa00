"""Replicas of the app behind nginx, with one Postgres, in the configuration of deploy/, on loopback."""

from __future__ import annotations

import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.proxy import Proxy
from tests.support.app_server import START_SECONDS, AppServer, free_port
from tests.support.postgres import Postgres

REPLICAS = 3
ACTIVE = re.compile(r"^active_sessions(?:\{[^}]*\})? (\d+)", re.MULTILINE)


class Fleet:
    """Replicas behind nginx, by the nginx.conf of deploy/, and their Postgres; a context manager."""

    def __init__(self, folder: Path, settings: Mapping[str, str], replica_count: int = REPLICAS) -> None:
        self.folder = folder
        self._replica_count = replica_count
        self._settings = {"STREAMLIT_SERVER_COOKIE_SECRET": secrets.token_hex(32), **settings}
        self._postgres = Postgres()
        self.replicas: list[AppServer] = []
        self.port = 0
        self._proxy: Proxy | None = None

    def __enter__(self) -> Self:
        try:
            database = self._postgres.__enter__().create("antler")
            for number in range(self._replica_count):
                folder = self.folder / f"replica-{number}"
                folder.mkdir()
                self.replicas.append(AppServer(folder, {**self._settings, "DATABASE_URL": database}))
            # After the replicas, one of which could take a port that is free before.
            self.port = free_port()
            ports = [replica.port for replica in self.replicas]
            self._proxy = Proxy(self.folder, f"127.0.0.1:{self.port}", ports, processes=1)
            self._proxy.start()
            self._wait_until_healthy()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        if self._proxy:
            self._proxy.stop()
        for replica in self.replicas:
            replica.close()
        self._postgres.__exit__()

    def _wait_until_healthy(self) -> None:
        assert self._proxy and self._proxy.process
        deadline = time.monotonic() + START_SECONDS
        while get_status(f"{self.url}/health") != 200:
            assert self._proxy.process.poll() is None, self._proxy.log()
            assert time.monotonic() < deadline, self._proxy.log()
            time.sleep(0.1)

    def serving(self) -> AppServer:
        """Return the one replica that has connected pages, once those that were closed are gone."""
        deadline = time.monotonic() + START_SECONDS
        while len(serving := [replica for replica in self.replicas if count_pages(replica)]) != 1:
            assert time.monotonic() < deadline, [replica.port for replica in serving]
            time.sleep(0.05)
        return serving[0]


def get_status(url: str, timeout: float = 10) -> int:
    """Return the status of a response, 0 without a response in `timeout` seconds."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
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
