"""Runs a Python module as a server that ends with the process that started it, also when that is killed.

Usage: python launcher.py LIFELINE MODULE ARGUMENT..., where LIFELINE is the path of a named pipe, or "-"
for the standard input. When no process has its other end open any more, the server is killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from pathlib import Path


def exit_at_end_of_file(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def main(lifeline: str, module: str, arguments: list[str]) -> None:
    descriptor = sys.stdin.fileno() if lifeline == "-" else os.open(lifeline, os.O_RDONLY)
    threading.Thread(target=exit_at_end_of_file, args=(descriptor,), name="lifeline", daemon=True).start()
    # A background job of a shell hands on an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = str(Path.cwd())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
