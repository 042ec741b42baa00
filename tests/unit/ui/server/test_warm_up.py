"""Preparation of the first run of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lib.core.errors import SettingError, StoreError
from lib.ui.server import collection, warm_up

ROOT = Path(__file__).parents[4]
# Names the modules that the imports of the pages add to those of a prepared process.
IMPORT_PAGES = """
import ast, gc, sys
from pathlib import Path
import app
from lib.ui.server import warm_up
assert gc.isenabled()
for step in warm_up.STEPS:
    step()
# What the first run would load else, for its icon and for the demo.
assert {"numpy", "PIL.Image", "lib.demo.server"} <= set(sys.modules)
warm_up.start(pause=0).join()
assert gc.get_freeze_count() > 10_000, gc.get_freeze_count()
prepared = set(sys.modules)
for page in Path("pages").glob("*.py"):
    tree = ast.parse(page.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(tree, page, "exec"), {})
print({"pandas"} - prepared, set(sys.modules) - prepared)
"""


def test_a_prepared_process_has_imported_what_the_pages_import_and_opened_its_database(tmp_path):
    names = ("ANTLER_", "DEERAPI_", "DATABASE_", "STREAMLIT_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    database = tmp_path / "antler.db"
    environ |= {
        "DATABASE_URL": f"sqlite:///{database}",
        "ANTLER_MODELS_DEV_URL": "off",
        "STREAMLIT_SECRETS_FILES": str(tmp_path / "secrets.toml"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_PAGES]
    child = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)
    assert (child.returncode, child.stdout.strip()) == (0, "set() set()"), child.stderr
    assert database.stat().st_size


def test_a_step_that_fails_leaves_the_others_alone(monkeypatch):
    done = []

    def read_settings() -> None:
        raise SettingError("a setting is malformed")

    def open_database() -> None:
        raise StoreError("the database is away")

    monkeypatch.setattr(warm_up, "STEPS", (read_settings, lambda: done.append("texts")))
    monkeypatch.setattr(warm_up, "LATER_STEPS", (open_database, lambda: done.append("tables")))
    monkeypatch.setattr(collection, "freeze", lambda: done.append("frozen"))
    warm_up.warm_up()
    assert done == ["texts", "tables", "frozen"]
