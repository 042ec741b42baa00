"""Database URLs: SQLite files and Postgres servers, refused URLs, and the displayed location."""

import pytest

from lib.config.settings import DEFAULT_DATABASE_URL, POSTGRES_EXAMPLE, Database, load_settings
from tests.unit.config.test_settings import KEY, load_error


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///",
        "data/antler.db",
        "postgresql:/host/antler",
        "postgresql+psycopg2://host/antler",
        f"mysql://ann:{KEY}@host/antler",
        f"postgresql//ann:{KEY}@host/antler",
        KEY,
    ],
)
def test_other_databases_are_refused(url: str) -> None:
    message = load_error({"DATABASE_URL": url})
    assert message.startswith("DATABASE_URL ") and KEY not in message
    assert DEFAULT_DATABASE_URL in message and POSTGRES_EXAMPLE in message and message.count(". ") == 0
    assert load_error({}, {"storage": {"url": url}}).startswith("[storage] url ")


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite+pysqlite:///a.db", '"sqlite:///a.db"'])
def test_sqlite_urls_are_normalised(url: str) -> None:
    settings = load_settings({"DATABASE_URL": url}, {})
    assert settings.database_url == "sqlite:///a.db"
    assert settings.database == Database("sqlite", "a.db")


@pytest.mark.parametrize(
    ("rest", "location"),
    [
        (f"ann:{KEY}@db.example:5432/antler", "db.example/antler"),
        (f"ann:{KEY}@db.example/antler?sslmode=require&connect_timeout=3", "db.example/antler"),
        (f"ann:p%40s%2Fs%23{KEY}@db.example/my%20talks", "db.example/my talks"),
        (f"ann:{KEY}@[::1]:6432/antler", "::1/antler"),
        (f"ann:{KEY}@/antler?host=/var/run/postgresql", "/var/run/postgresql/antler"),
        ("db/antler", "db/antler"),
        ("/antler", "antler"),
    ],
)
def test_postgres_urls_are_shown_without_credentials(rest: str, location: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg", "Postgres"):
        settings = load_settings({"DATABASE_URL": f'"{scheme}://{rest}"'}, {})
        assert settings.database_url == f"postgresql+psycopg://{rest}"
        assert settings.database == Database("postgres", location)
        assert "ann" not in settings.database.location and KEY not in settings.database.location
        assert KEY not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "host",
        "host/",
        "host:port/antler",
        "host:99999/antler",
        f"ann:{KEY}@host",
        f"ann:{KEY}@with@host/antler",
        f"ann:{KEY}/with@host/antler",
        f"ann:12/{KEY}@host/antler",
        f"ann:{KEY}#with@host/antler",
        f"ann:12#{KEY}@host/antler",
        f"ann:{KEY}?with@host/antler",
        f"ann:12?{KEY}@host/antler",
        f"ann:[{KEY}@host/antler",
        f"ann:{KEY} with@host/antler",
        f"ann:{KEY}\nwith@host/antler",
        f"ann:{KEY}@host/antler#more",
    ],
)
def test_malformed_postgres_urls_are_refused_without_quoting_them(rest: str) -> None:
    message = load_error({"DATABASE_URL": f"postgresql://{rest}"})
    assert message.startswith("DATABASE_URL ") and "%40" in message
    assert KEY not in message and message.endswith(".") and message.count(". ") == 0
