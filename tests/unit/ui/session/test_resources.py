"""Resources of the process: a part that few servers need is imported with its first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_parts_that_few_servers_need_are_not_imported():
    program = """
import sys
import lib.ui.session.resources
print(*{"lib.demo", "PIL", "fsspec", "alembic", "psycopg", "sqlalchemy.dialects.postgresql"} & sys.modules.keys())
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
