"""Streamlit as a command that ends with the process that started it, also when that is killed.

Usage: python launcher.py LIFELINE STREAMLIT_ARGUMENT..., where LIFELINE is the path of a named pipe,
or "-" for the standard input. When no process has its other end open any more, the server is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from streamlit.web import cli


def exit_at_end_of_file(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def main(lifeline: str, arguments: list[str]) -> None:
    descriptor = sys.stdin.fileno() if lifeline == "-" else os.open(lifeline, os.O_RDONLY)
    threading.Thread(target=exit_at_end_of_file, args=(descriptor,), name="lifeline", daemon=True).start()
    # A background job of a shell hands on an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["streamlit", *arguments]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
