"""Backup and restore of the database that the settings name, SQLite or Postgres.

python -m deploy.backup save FILE       while Antler runs
python -m deploy.backup restore FILE    while it does not

Postgres needs pg_dump and pg_restore of the server's version or a newer one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lib.config.settings import load_settings, read_secrets
from lib.core.errors import SettingError

SQLITE_PREFIX = "sqlite:///"
HEADER = b"SQLite format 3\x00"
_PAGES = 4096  # of one step, between which writers of the running program have their turn
_BUSY_SECONDS = 30.0


class BackupError(RuntimeError):
    """A backup or a restore that failed, or would harm something; the message says what to do."""


def save(url: str, file: Path) -> None:
    """Write a backup of the database to a new file, which appears when it is complete. Raises BackupError."""
    if file.exists():
        raise BackupError(f"{file} exists already.")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    # Private before the first byte: it holds all conversations.
    part.touch(mode=0o600)
    try:
        if url.startswith(SQLITE_PREFIX):
            _copy_sqlite(_sqlite_file(url), part)
        else:
            _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def restore(url: str, file: Path, *, replace: bool = False) -> None:
    """Put a backup in the place of the database, in one step. Raises BackupError, which leaves the database as it was.

    A database that has tables is replaced only with `replace`.
    """
    if not file.is_file():
        raise BackupError(f"{file} does not exist.")
    with file.open("rb") as stream:
        is_sqlite = stream.read(len(HEADER)) == HEADER
    if is_sqlite != url.startswith(SQLITE_PREFIX):
        raise BackupError(f"{file} is a backup of {'SQLite' if is_sqlite else 'Postgres'}, the database is not.")
    if is_sqlite:
        _restore_sqlite(_sqlite_file(url), file, replace=replace)
    else:
        _restore_postgres(url, file, replace=replace)


def _restore_sqlite(database: Path, file: Path, *, replace: bool) -> None:
    if database.exists() and database.stat().st_size and not replace:
        raise BackupError(f"{database} exists. With --replace the backup takes its place.")
    database.parent.mkdir(parents=True, exist_ok=True)
    part = database.with_name(f"{database.name}.restored")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        _copy_sqlite(file, part)
        # The log of changes belongs to the database that goes.
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        part.rename(database)
    finally:
        part.unlink(missing_ok=True)


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as of one moment, also while it is written, and check the copy."""
    if not source.is_file():
        raise BackupError(f"{source} does not exist.")
    try:
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
            ) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            # One reading transaction, so that no write makes the copy start anew.
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reader.backup(writer, pages=_PAGES)
            # A file without a log of changes of its own is complete in itself.
            writer.execute("PRAGMA journal_mode=DELETE")
            (result,) = writer.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}.") from error
    if result != "ok":
        raise BackupError(f"{source} is damaged: {result}")


def _restore_postgres(url: str, file: Path, *, replace: bool) -> None:
    has_tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    count = _run("psql", url, "--no-psqlrc", "--tuples-only", "--no-align", f"--command={has_tables}").strip()
    if count != "0" and not replace:
        raise BackupError("The database has tables. With --replace the backup takes their place.")
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run("pg_restore", url, *options, *(["--clean", "--if-exists"] if replace else []), str(file))


def _run(program: str, url: str, *arguments: str) -> str:
    """Run a client of Postgres and return its output; a password is in its environment, not in its command line."""
    path = shutil.which(program)
    if not path:
        raise BackupError(f"{program} is missing; on Debian: apt-get install postgresql-client")
    url = url.replace("postgresql+psycopg://", "postgresql://", 1)
    parts = urlsplit(url)
    environ = dict(os.environ)
    if parts.password is not None:
        environ["PGPASSWORD"] = unquote(parts.password)
        user, _, host = parts.netloc.rpartition("@")
        url = parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
    run = subprocess.run([path, f"--dbname={url}", *arguments], env=environ, capture_output=True, text=True)
    if run.returncode:
        raise BackupError(f"{program}: {run.stderr.strip()}")
    return run.stdout


def _sqlite_file(url: str) -> Path:
    return Path(url.removeprefix(SQLITE_PREFIX))


def main() -> None:
    """Parse the command line, and save or restore."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.backup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("save", "restore"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="store_true", help="let a restore replace what is in the database")
    options = parser.parse_args()
    try:
        url = load_settings(os.environ, read_secrets()).database_url
        if options.action == "save":
            save(url, options.file)
        else:
            restore(url, options.file, replace=options.replace)
    except (BackupError, SettingError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
