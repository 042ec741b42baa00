"""ZIP archives that are bombs, broken, locked, or name places outside."""

import zipfile

from lib.transfer import archive, parse_export
from tests.unit.transfer.valid import FILES, packed, refused


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(archive, "MAX_JSON_BYTES", 3 * 1024 * 1024)
    bomb = packed({"conversations.json": b"[" + b" " * 50 * 1024 * 1024 + b"]"})
    assert len(bomb) < 100_000
    assert refused(bomb) == ("unpacked", "conversations.json")
    several = packed({f"conversations-{n}.json": b" " * 1024 * 1024 * 2 + FILES["claude"] for n in range(2)})
    assert refused(several) == ("unpacked", "conversations-1.json")


def test_an_archive_of_too_many_files_is_refused(monkeypatch):
    many = packed({f"{n}.json": b"[]" for n in range(5)})
    monkeypatch.setattr(archive, "MAX_PARSED_MEMBERS", 4)
    assert refused(many) == ("many", "")
    monkeypatch.setattr(archive, "MAX_ARCHIVE_MEMBERS", 3)
    assert refused(many) == ("many", "")


def test_names_in_an_archive_go_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../../conversations.json", "/conversations-1.json", "C:\\conversations.json"]
    found = parse_export(packed({name: FILES["claude"] for name in names[:1]}))
    assert found == parse_export(FILES["claude"])
    parse_export(packed({name: FILES["claude"] for name in names}))
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent.parent / "conversations.json").exists()


def test_archives_that_cannot_be_read_are_refused():
    whole = packed({"conversations.json": FILES["claude"]})
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(locked))[0] == "zip"
    assert refused(whole[:-30])[0] == "zip"
    assert refused(packed({"conversations.json": FILES["claude"]}, zipfile.ZIP_LZMA))[0] == "zip"
    assert refused(packed({}))[0] == "unknown"
    assert refused(packed({"conversations.json": b"{"}))[0] == "json"
    wrong_sum = bytearray(packed({"conversations.json": FILES["claude"]}, zipfile.ZIP_STORED))
    wrong_sum[200] ^= 1
    assert refused(bytes(wrong_sum))[0] == "zip"
