"""A database that cannot be used is named on the page, by the readiness check and once in the log."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time

import pytest
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from lib.core.database_errors import DatabaseFault, DatabaseTooNew
from lib.ui.server import health
from lib.ui.session import resources

SCRIPT = """
from lib.core.database_errors import DatabaseFault
from lib.ui.widgets import errors

fault = next(fault for fault in DatabaseFault.__subclasses__() if fault.code == "{code}")
errors.on_script_error(fault("the driver's own words"))
"""
WORDS = {
    "store_unreachable": "cannot be reached",
    "store_denied": "refuses its user",
    "store_not_permitted": "has no rights in it",
    "store_read_only": "is read-only",
    "store_full": "is full",
    "store_corrupt": "restore a backup",
    "store_newer": "A newer release of Antler has upgraded the database",
}


def test_a_database_of_a_later_release_makes_the_server_unready_and_is_logged_once(environ, tmp_path, caplog):
    database = sqlite3.connect(tmp_path / "antler.db")
    with database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for _ in range(5):  # as many runs of a page would
        with pytest.raises(DatabaseTooNew):
            resources.store()
    deadline = time.monotonic() + 60
    while True:
        response = asyncio.run(health.ready(Request({"type": "http"})))
        problems = json.loads(response.body).get("problems", {})
        if "database" in problems:
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (response.status_code, problems["database"]) == (503, "store_newer")
    faults = [record for record in caplog.records if record.name == "lib.storage.database.faults"]
    assert [(record.levelname, record.args[0]) for record in faults] == [("WARNING", "store_newer")]
    assert not [record for record in caplog.records if record.exc_info]


def test_each_fault_has_words_of_its_own():
    assert WORDS.keys() == {fault.code for fault in DatabaseFault.__subclasses__()}


@pytest.mark.parametrize("code", WORDS)
def test_a_fault_is_explained_on_the_page(environ, code):
    page = AppTest.from_string(SCRIPT.format(code=code), default_timeout=60).run()
    (message,) = page.error
    assert WORDS[code] in message.value
    assert "the driver's own words" not in message.value
