"""Log lines: one per event, in the configured format, with secrets redacted."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.config import log_setup

ROOT = Path(__file__).parents[3]
KEY = "sk-Very-Secret-0123456789"
BEFORE = f"""
import logging, threading
from streamlit.logger import get_logger
from lib.config import log_setup
KEY = "{KEY}"
early = get_logger("streamlit.early")
log_setup.configure_logging([KEY], as_json=%s)
"""
# Each program logs the key.
FAILURES = {
    "message": 'logging.getLogger("lib.a").info("refused %s", KEY)',
    "fields": 'logging.getLogger("lib.a").info("refused", extra=log_setup.log_fields(detail=KEY))',
    "an early logger of Streamlit's": 'early.error("refused %s", KEY)',
    "a late logger of Streamlit's": 'get_logger("streamlit.late").error(f"refused {KEY} 100%")',
    "a traceback": """
        try:
            raise ValueError(KEY)
        except ValueError:
            get_logger("streamlit.late").exception("refused")
    """,
    "a cause": """
        try:
            try:
                raise ValueError(KEY)
            except ValueError as error:
                raise KeyError("refused") from error
        except KeyError:
            logging.getLogger("lib.a").warning("refused", exc_info=True)
    """,
    "mismatched arguments": 'get_logger("streamlit.late").error("refused %d", KEY)',
    "a stack": 'logging.getLogger("lib.a").error("refused " + KEY, stack_info=True)',
    "a logger without a handler": 'logging.getLogger("urllib3").warning("refused %s", KEY)',
    "uvicorn": """
        import logging.config, uvicorn.config
        logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
        logging.getLogger("uvicorn.error").error("refused %s", KEY)
    """,
    "a thread that fails": """
        def fail():
            raise ValueError("refused " + KEY)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join(30)
    """,
}


# Runs each program in a process of its own, a fork of one that has imported Streamlit's logger; the end of an
# interpreter would take longer than the program.
FORK_SERVER = """
import json, os, sys, tempfile
import uvicorn.config
from streamlit.logger import get_logger
from lib.config import log_setup

for line in sys.stdin:
    with tempfile.TemporaryFile() as output:
        if not (child := os.fork()):
            os.dup2(output.fileno(), 2)
            exec(json.loads(line), {"__name__": "__main__"})
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        output.seek(0)
        print(json.dumps([status, output.read().decode()]), flush=True)
"""


@pytest.fixture(scope="module")
def run_program() -> Iterator[Callable[..., str]]:
    """Return the error stream of a process that runs a program."""
    command = [sys.executable, "-c", FORK_SERVER]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def run(program: str, *, as_json: bool) -> str:
            assert server.stdin and server.stdout
            server.stdin.write(json.dumps(BEFORE % as_json + textwrap.dedent(program)) + "\n")
            server.stdin.flush()
            status, output = json.loads(server.stdout.readline())
            assert status == 0, output
            return str(output)

        yield run


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
@pytest.mark.parametrize("name", FAILURES)
def test_secrets_are_redacted_from_every_line(run_program, name, as_json):
    output = run_program(FAILURES[name], as_json=as_json)
    assert KEY not in output
    assert "refused" in output and "[secret]" in output
    if as_json:
        lines = [json.loads(line) for line in output.splitlines()]
        assert all({"time", "level", "event", "logger"} <= set(line) for line in lines)
        assert any("refused" in line["event"] + line.get("trace", "") for line in lines)


def test_an_event_is_one_line_with_its_fields(run_program):
    fields = 'log_setup.log_fields(wire="openai", status=None, n=2)'
    program = f'logging.getLogger("lib.a").info("it\\nended", extra={fields})'
    (line,) = run_program(program, as_json=True).splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "info", "event": "it\nended", "logger": "lib.a", "wire": "openai", "n": 2}
    text = run_program(program.replace("\\n", " "), as_json=False)
    assert text.endswith(" INFO lib.a: it ended wire=openai n=2\n") and text.count("\n") == 1


def test_hashes_for_logs_are_stable_and_opaque():
    assert (
        log_setup.hash_for_log("browser:1234")
        == log_setup.hash_for_log("browser:1234")
        != log_setup.hash_for_log("browser:1235")
    )
    assert "1234" not in log_setup.hash_for_log("browser:1234")


FORGED = "m\n2026-01-01T00:00:00.000+00:00 ERROR lib: forged"
SEPARATORS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2K", "\u202e"]


def format_record(
    message: str, *args: object, as_json: bool = False, secrets: tuple[str, ...] = (), **fields: str
) -> str:
    record = logging.LogRecord("lib.x", logging.INFO, "", 0, message, args, None)
    record.fields = fields
    return log_setup.LogFormatter(secrets, as_json=as_json).format(record)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_a_model_id_forges_no_record(separator, as_json):
    value = FORGED.replace("\n", separator)
    line = format_record("retrying %s", value, model=value, as_json=as_json)
    assert len(line.splitlines()) == 1
    assert separator not in line
    assert "forged" in line
    if as_json:
        assert json.loads(line)["model"] == value


def test_a_field_forges_no_other_field():
    line = format_record("ended", model='m outcome="complete" x', outcome="failed", count="3")
    assert line.endswith('ended model="m outcome=\\"complete\\" x" outcome=failed count=3')


def test_the_message_of_an_exception_forges_no_record():
    try:
        raise ValueError(FORGED)
    except ValueError:
        record = logging.LogRecord("lib.x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    lines = log_setup.LogFormatter((), as_json=False).format(record).splitlines()
    assert len(lines) > 3
    assert [line for line in lines[1:] if not line.startswith("  ")] == []


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_secret_with_quotes_is_redacted_from_fields(as_json):
    secret = 'pass"word\\with = more'
    line = format_record("ended", model=secret, as_json=as_json, secrets=(secret,))
    assert "word" not in line and "[secret]" in line
