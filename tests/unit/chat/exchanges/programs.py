"""Runs copied code as a user does who has pasted it, and returns the requests that a server got from it."""

from __future__ import annotations

import contextlib
import runpy
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.replay import Replay, Request
from tests.unit.chat.exchanges.recorded import KEY


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Have the key, and nothing that changes requests, in the environment of the programs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
            patch.delenv(name, raising=False)
        for name, value in (("API_KEY", KEY), ("NO_PROXY", "127.0.0.1"), ("LC_ALL", "C.UTF-8")):
            patch.setenv(name, value)
        yield


def run_bash(server: Replay, script: str) -> list[Request]:
    server.reset()
    with environment():
        done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(server.requests)


def run_python(server: Replay, programs: Iterable[str], folder: Path) -> list[Request]:
    """Run each program as a main program, in this process: another one would import the SDKs for a second."""
    server.reset()
    with environment():
        for number, program in enumerate(programs):
            path = folder / f"{number}.py"
            path.write_text(program, encoding="utf-8")
            runpy.run_path(str(path), run_name="__main__")
    return list(server.requests)
