"""Waits for the end of the process that started it, then stops the Postgres of a folder and removes it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

STOP_SECONDS = 20.0


def main(folder: Path) -> None:
    sys.stdin.buffer.read()  # ends when the other end of the pipe is closed, also by a kill
    pid_file = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + STOP_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, IndexError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        if not pid_file.exists():
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
