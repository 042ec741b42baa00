"""nginx in front of several processes of the app, in the configuration of nginx.conf."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MISSING = "Several processes need nginx in front of them; on Debian: apt-get install nginx-light"
FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # besides PATH
CONNECTIONS = 4096  # of one worker of nginx: each page has one to the browser and one to the app
# The parts of a distribution's nginx.conf around a site.
MAIN = """
daemon off;
worker_processes {processes};
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections {connections}; }}
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
_SERVER = re.compile(r"^( *)server 172\.30\.7\.\d+:8501([^;]*);\n", re.MULTILINE)


class ProxyError(RuntimeError):
    """nginx is missing or does not start; the message says what to do."""


def find_program() -> str:
    """Return the path of nginx. Raises ProxyError."""
    program = shutil.which("nginx") or shutil.which("nginx", path=FOLDERS)
    if not program:
        raise ProxyError(MISSING)
    return program


def render_site(listen: str, ports: Sequence[int]) -> str:
    """Return nginx.conf with another address to listen on and with processes at these ports of loopback."""
    text = (Path(__file__).parent / "nginx.conf").read_text(encoding="utf-8")
    servers = list(_SERVER.finditer(text))
    indent, options = servers[0].groups()
    lines = "".join(f"{indent}server 127.0.0.1:{port}{options};\n" for port in ports)
    text = text[: servers[0].start()] + lines + text[servers[-1].end() :]
    return text.replace("listen 80;", f"listen {listen};", 1)


class Proxy:
    """nginx as a child process; `folder` holds its configuration, its log and its temporary files."""

    def __init__(self, folder: Path, listen: str, ports: Sequence[int], processes: int | str = "auto") -> None:
        """Create a proxy that listens on `listen` for the processes at `ports`. Raises ProxyError without nginx."""
        self._program = find_program()
        self._folder = folder
        self._config = folder / "nginx.conf"
        self.process: subprocess.Popen[bytes] | None = None
        site = render_site(listen, ports)
        text = MAIN.format(
            folder=folder, processes=processes, files=2 * CONNECTIONS, connections=CONNECTIONS, site=site
        )
        self._config.write_text(text, encoding="utf-8")

    def start(self, prepare_child: Callable[[], None] | None = None) -> None:
        """Start nginx and wait until it listens; `prepare_child` runs in the new process before it.

        Raises ProxyError with its message.
        """
        self.check()
        # It writes its process id after it has opened its sockets; the check leaves an empty file.
        pid_file = self._folder / "nginx.pid"
        pid_file.unlink(missing_ok=True)
        self.process = process = subprocess.Popen([*self._command(), "-q"], preexec_fn=prepare_child)
        while not (pid_file.exists() and pid_file.stat().st_size):
            if process.poll() is not None:
                raise ProxyError(self.log())
            time.sleep(0.02)

    def check(self) -> None:
        """Let nginx check its configuration and whether it may listen. Raises ProxyError with its message."""
        run = subprocess.run([*self._command(), "-t"], capture_output=True, text=True)
        if run.returncode:
            raise ProxyError(run.stderr.strip())

    def stop(self) -> None:
        """End nginx with its connections."""
        if self.process:
            self.process.terminate()
            self.process.wait()

    def log(self) -> str:
        """Return what nginx has written to its log."""
        file = self._folder / "nginx.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def _command(self) -> list[str]:
        return [self._program, "-p", str(self._folder), "-c", str(self._config)]


if __name__ == "__main__":
    # python -m deploy.proxy LISTEN PORT...: the site, for a distribution's nginx.
    sys.stdout.write(render_site(sys.argv[1], [int(port) for port in sys.argv[2:]]))
