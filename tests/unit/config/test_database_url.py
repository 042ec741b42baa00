"""Where conversations are kept: a file or a Postgres, what is refused as neither, and what is shown of it."""

import pytest

from lib.config.settings import DEFAULT_DATABASE_URL, POSTGRES_EXAMPLE, Database, load_settings
from tests.unit.config.test_settings import KEY, refused


@pytest.mark.parametrize(
    "given",
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
def test_a_database_that_is_neither_file_nor_postgres_is_refused(given: str) -> None:
    words = refused({"DATABASE_URL": given})
    assert words.startswith("DATABASE_URL ") and KEY not in words
    assert DEFAULT_DATABASE_URL in words and POSTGRES_EXAMPLE in words and words.count(". ") == 0
    assert refused({}, {"storage": {"url": given}}).startswith("[storage] url ")


@pytest.mark.parametrize("given", ["sqlite:///a.db", "sqlite+pysqlite:///a.db", '"sqlite:///a.db"'])
def test_a_database_is_a_file(given: str) -> None:
    settings = load_settings({"DATABASE_URL": given}, {})
    assert settings.database_url == "sqlite:///a.db"
    assert settings.database == Database("sqlite", "a.db")


@pytest.mark.parametrize(
    ("rest", "place"),
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
def test_a_database_is_postgres_and_shown_without_user_and_password(rest: str, place: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg", "Postgres"):
        settings = load_settings({"DATABASE_URL": f'"{scheme}://{rest}"'}, {})
        assert settings.database_url == f"postgresql+psycopg://{rest}"
        assert settings.database == Database("postgres", place)
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
def test_a_postgres_url_that_is_not_written_well_is_refused_and_not_quoted(rest: str) -> None:
    words = refused({"DATABASE_URL": f"postgresql://{rest}"})
    assert words.startswith("DATABASE_URL ") and "%40" in words
    assert KEY not in words and words.endswith(".") and words.count(". ") == 0
