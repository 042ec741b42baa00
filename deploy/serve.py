"""Several processes of the app behind nginx on one machine: python -m deploy.serve --workers 4

SIGHUP restarts one process after the other, and each ends after its running answers. SIGTERM or Ctrl-C ends all. A
process that ends by itself, or no longer answers, is started again.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.proxy import Proxy, ProxyError

ROOT = Path(__file__).resolve().parent.parent
COOKIE_SECRET = "STREAMLIT_SERVER_COOKIE_SECRET"
DRAIN = "ANTLER_DRAIN_SECONDS"
DRAIN_SECONDS = 120  # unless the environment says otherwise: a restart waits as long for running answers
INTERVAL = 0.2  # seconds between two looks at all processes
START_SECONDS = 180.0  # in which a process has to answer
HANG_SECONDS = 120.0  # without an answer, after which a process is started again
CHECK_INTERVAL, CHECK_TIMEOUT = 5.0, 10.0
MIN_DELAY, MAX_DELAY = 1.0, 30.0  # before a process that has ended is started again
# For which nginx passes over a process that it could not reach: fail_timeout in nginx.conf, and a second more.
FAILED_SECONDS = 4.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(parent: int) -> Callable[[], None]:
    """Return a function that lets a new process get SIGTERM when the process `parent` ends, however that ends."""

    def prepare() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


class Worker:
    """One process of the app, which listens on a port of loopback."""

    def __init__(self, port: int, environ: Mapping[str, str]) -> None:
        self.port = port
        self._environ = environ
        self._delay = MIN_DELAY
        self._started_at = self._healthy_at = self._checked_at = 0.0
        self._is_terminated = False
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, or a new one in the place of one that has ended."""
        self._started_at = self._healthy_at = time.monotonic()
        self._is_terminated = False
        options = {
            "server.address": "127.0.0.1",
            "server.port": self.port,
            "server.fileWatcherType": "none",
            "server.headless": "true",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
        self.process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=self._environ,
            # Ctrl-C reaches the supervisor alone, which passes on what the app understands.
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid()),
        )
        say(f"Port {self.port}: process {self.process.pid}")
        return self.process

    def terminate(self) -> None:
        """Let the process end after its running answers; a second SIGTERM would end it at once."""
        if not self._is_terminated:
            self._is_terminated = True
            self.process.terminate()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def is_healthy(self) -> bool:
        """Return True if the process answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=CHECK_TIMEOUT) as response:
                is_healthy = bool(response.status == 200)
        except OSError:
            return False
        self._healthy_at = time.monotonic()
        return is_healthy

    def is_late(self) -> bool:
        """Return True if the process has not answered for longer than it may take."""
        limit = START_SECONDS if self._healthy_at == self._started_at else HANG_SECONDS
        return time.monotonic() - self._healthy_at > limit

    def watch(self) -> None:
        """Start the process again if it has ended by itself, and end it if it no longer answers."""
        now = time.monotonic()
        if self._is_terminated:
            return
        if self.has_ended():
            if now - self._started_at < self._delay:
                return
            say(f"The process at port {self.port} has ended ({self.process.returncode}), and is started again.")
            # One that ran for a while may start again soon.
            self._delay = MIN_DELAY if now - self._started_at > MAX_DELAY else min(2 * self._delay, MAX_DELAY)
            self.start()
        elif now - self._checked_at >= CHECK_INTERVAL:
            if not self.is_healthy() and self.is_late():
                say(f"The process at port {self.port} does not answer, and is ended.")
                self.process.kill()
            self._checked_at = time.monotonic()


class Supervisor:
    """The processes of the app and nginx, from the first start to the last end."""

    def __init__(self, folder: Path, listen: str, ports: list[int]) -> None:
        """Prepare to listen on `listen`, with processes at these ports. Raises ProxyError if nginx cannot."""
        self._proxy = Proxy(folder, listen, ports)
        self._proxy.check()
        self._ports = ports
        self._workers: list[Worker] = []
        self._is_restart_due = self._is_ending = False

    def run(self) -> None:
        """Serve until a signal ends it. Raises ProxyError if nginx or a process does not start."""
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGINT, self._on_end)
        signal.signal(signal.SIGHUP, self._on_restart)
        environ = child_environment(os.environ)
        try:
            self._workers = [Worker(port, environ) for port in self._ports]
            for worker in self._workers:
                if not self._wait_until_healthy(worker) and not self._is_ending:
                    raise ProxyError("A process of the app did not start; its messages are above.")
            if not self._is_ending:
                self._proxy.start(end_with_parent(os.getpid()))
                say(f"{len(self._workers)} processes are ready. kill -HUP {os.getpid()} restarts them one by one.")
            while not self._is_ending:
                self._look()
                time.sleep(INTERVAL)
        finally:
            self._end()

    def _look(self) -> None:
        if self._is_restart_due:
            self._is_restart_due = False
            self._restart_all()
        self._watch()

    def _watch(self) -> None:
        for worker in self._workers:
            worker.watch()
        if self._proxy.process and self._proxy.process.poll() is not None:
            say("nginx has ended, and is started again.")
            self._proxy.start(end_with_parent(os.getpid()))

    def _restart_all(self) -> None:
        """Restart one process after the other; the rest keeps serving as it is if one does not start."""
        for worker in self._workers:
            worker.terminate()
            while not worker.has_ended() and not self._is_ending:
                self._watch()
                time.sleep(INTERVAL)
            if self._is_ending:
                return
            worker.start()
            if not self._wait_until_healthy(worker):
                say(f"The process at port {worker.port} does not start; the others were left alone.")
                return
            self._wait(FAILED_SECONDS)
        say("All processes were restarted.")

    def _wait(self, seconds: float) -> None:
        """Watch the processes for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._is_ending:
            self._watch()
            time.sleep(INTERVAL)

    def _wait_until_healthy(self, worker: Worker) -> bool:
        while not (self._is_ending or worker.has_ended() or worker.is_late()):
            if worker.is_healthy():
                return True
            time.sleep(INTERVAL)
        return False

    def _on_restart(self, *_: object) -> None:
        self._is_restart_due = True

    def _on_end(self, *_: object) -> None:
        """End after running answers; a second signal reaches the processes, which then end at once."""
        if self._is_ending:
            for worker in self._workers:
                worker.process.terminate()
        self._is_ending = True

    def _end(self) -> None:
        for worker in self._workers:
            worker.terminate()
        # Pages of processes that still end are served meanwhile.
        for worker in self._workers:
            worker.process.wait()
        self._proxy.stop()


def say(message: str) -> None:
    """Print a message of the supervisor, between those of the processes."""
    print(message, flush=True)


def child_environment(environ: Mapping[str, str], config: Path = ROOT / ".streamlit/config.toml") -> dict[str, str]:
    """Return the environment of the processes: all must read each other's cookies.

    Each script run is a thread: with many arenas, malloc would keep more and more memory that nothing uses.
    """
    defaults = {DRAIN: str(DRAIN_SECONDS), "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
    settings = tomllib.loads(config.read_text(encoding="utf-8")) if config.exists() else {}
    if "cookieSecret" not in settings.get("server", {}):
        defaults[COOKIE_SECRET] = secrets.token_hex(32)
    return {**defaults, **environ}


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501, help="port of nginx; the processes use the next ones")
    parser.add_argument("--ports", type=int, nargs="+", help="ports of the processes")
    options = parser.parse_args()
    ports = options.ports or [options.port + number for number in range(1, options.workers + 1)]
    with tempfile.TemporaryDirectory(prefix="antler-") as folder:
        # nginx's own processes may run as somebody else.
        Path(folder).chmod(0o755)
        try:
            Supervisor(Path(folder), f"{options.address}:{options.port}", ports).run()
        except ProxyError as error:
            sys.exit(f"Antler does not start. {error}")


if __name__ == "__main__":
    main()
