"""Log lines: one for each event, in the form that is set, and without a secret whoever writes them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
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
# Each makes a line with the key in it.
FAILURES = {
    "words": 'logging.getLogger("lib.a").info("refused %s", KEY)',
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
    "words that do not fit": 'get_logger("streamlit.late").error("refused %d", KEY)',
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


def written(program: str, *, as_json: bool) -> str:
    """Return the error stream of a process that runs the program."""
    program = BEFORE % as_json + textwrap.dedent(program)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return ran.stderr


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
@pytest.mark.parametrize("name", FAILURES)
def test_no_line_holds_a_secret(name, as_json):
    said = written(FAILURES[name], as_json=as_json)
    assert KEY not in said
    assert "refused" in said and "[secret]" in said
    if as_json:
        lines = [json.loads(line) for line in said.splitlines()]
        assert all({"time", "level", "event", "logger"} <= set(line) for line in lines)
        assert any("refused" in line["event"] + line.get("trace", "") for line in lines) or name == "a thread"


def test_an_event_is_one_line_that_tells_what_is_known():
    fields = 'log_setup.log_fields(wire="openai", status=None, n=2)'
    program = f'logging.getLogger("lib.a").info("it\\nended", extra={fields})'
    (line,) = written(program, as_json=True).splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "info", "event": "it\nended", "logger": "lib.a", "wire": "openai", "n": 2}
    text = written(program.replace("\\n", " "), as_json=False)
    assert text.endswith(" INFO lib.a: it ended wire=openai n=2\n") and text.count("\n") == 1


def test_a_mark_is_the_same_for_the_same_and_tells_nothing():
    assert (
        log_setup.hash_for_log("browser:1234")
        == log_setup.hash_for_log("browser:1234")
        != log_setup.hash_for_log("browser:1235")
    )
    assert "1234" not in log_setup.hash_for_log("browser:1234")
