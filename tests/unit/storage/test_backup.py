"""Backup and restore of both databases, as deploy/backup.py does them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from deploy import backup
from deploy.backup import BackupError
from lib.core.file_storage import StoredFile
from lib.storage.database.engine import write_transaction
from lib.storage.store import Store
from tests.unit.storage.stored_files import REPORT, part, question, save

NEVER_COMMITTED = "never committed"


@pytest.fixture(autouse=True)
def programs(request, monkeypatch) -> None:
    """Let the clients be as new as the server of the tests."""
    if "TEST_DATABASE_URL" not in os.environ and "postgres" in request.node.name:
        folder = request.getfixturevalue("own_server").programs
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture
def filled(url) -> Iterator[Store]:
    """A store with a conversation and a file."""
    store = Store(url)
    store.attachments.put("ann", REPORT)
    save(store, question("q1", part(REPORT), text="Why is the 数据库 blue?"), conversation_id="c1")
    yield store
    store.close()


def contents(url: str) -> tuple[list, StoredFile | None, list[str]]:
    """Return the conversations with their messages, the file, and what a search finds."""
    with closing(Store(url)) as store:
        found = [result.conversation.id for result in store.search.find("ann", "数据库", 9)]
        return list(store.conversations.export_all("ann")), store.attachments.get("ann", REPORT.digest), found


def test_a_restored_backup_is_the_database_as_it_was(filled, url, tmp_path):
    file = tmp_path / "copy"
    before = contents(url)
    with write_transaction(filled._engine) as connection:
        # A writer in the middle of its transaction, as in a running program.
        connection.execute(sa.text(f"UPDATE conversation SET title = '{NEVER_COMMITTED}'"))
        backup.save(url, file)
        connection.rollback()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    save(filled, question("q2"), conversation_id="c2")
    assert contents(url) != before
    with pytest.raises(BackupError, match="--replace"):
        backup.restore(url, file)
    filled.close()
    backup.restore(url, file, replace=True)
    assert contents(url) == before
    assert before[2] == ["c1"]


def test_a_backup_is_restored_to_a_new_database(filled, url, request, tmp_path):
    file = tmp_path / "copy"
    backup.save(url, file)
    if url.startswith("sqlite"):
        other = f"sqlite:///{tmp_path}/elsewhere/antler.db"
        backup.restore(other, file)
        assert contents(other) == contents(url)
        return
    server = request.getfixturevalue("server")
    other = server.create("antler_restored")
    try:
        backup.restore(other, file)
        assert contents(other) == contents(url)
    finally:
        server.drop("antler_restored")


def test_a_failure_leaves_the_database_and_no_file(filled, url, tmp_path):
    file, damaged = tmp_path / "copy", tmp_path / "damaged"
    backup.save(url, file)
    with pytest.raises(BackupError, match="exists already"):
        backup.save(url, file)
    before = contents(url)
    data = file.read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(BackupError):
        backup.restore(url, damaged, replace=True)
    assert contents(url) == before
    missing = "postgresql://nobody@/nothing?host=/nowhere" if "postgres" in url else f"sqlite:///{tmp_path}/no.db"
    with pytest.raises(BackupError):
        backup.save(missing, tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", "other"))) == ["copy"]


def test_a_backup_of_another_kind_is_refused(tmp_path):
    dump = tmp_path / "dump"
    dump.write_bytes(b"PGDMP...")
    with pytest.raises(BackupError, match="a backup of Postgres"):
        backup.restore(f"sqlite:///{tmp_path}/antler.db", dump)
    with pytest.raises(BackupError, match="does not exist"):
        backup.restore(f"sqlite:///{tmp_path}/antler.db", tmp_path / "nothing")


def test_a_password_is_in_no_command_line(monkeypatch):
    called = {}

    def run(command, *, env, **_):
        called.update(command=command, env=env)
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(backup, "shutil", SimpleNamespace(which=lambda program: program))
    monkeypatch.setattr(backup, "subprocess", SimpleNamespace(run=run))
    backup._run("psql", "postgresql+psycopg://ann:se%40cret@db.example:5433/antler?sslmode=require")
    assert called["command"] == ["psql", "--dbname=postgresql://ann@db.example:5433/antler?sslmode=require"]
    assert called["env"]["PGPASSWORD"] == "se@cret"


def test_the_command_uses_the_database_of_the_settings(tmp_path, monkeypatch, capsys, database_url):
    file = tmp_path / "copy.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    for arguments in (["save", str(file)], ["restore", str(file), "--replace"]):
        monkeypatch.setattr(sys, "argv", ["backup", *arguments])
        backup.main()
    monkeypatch.setattr(sys, "argv", ["backup", "restore", str(file)])
    with pytest.raises(SystemExit, match="--replace"):
        backup.main()
