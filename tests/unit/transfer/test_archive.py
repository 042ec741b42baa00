"""ZIP archives that are bombs, broken, encrypted, or contain paths outside."""

import zipfile

from lib.transfer import archive, parse_export
from tests.unit.transfer.examples import EXAMPLES, get_refusal, make_zip


def test_a_zip_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "MAX_JSON_BYTES", 3 * 1024 * 1024)
    bomb = make_zip({"conversations.json": b"[" + b" " * 50 * 1024 * 1024 + b"]"})
    assert len(bomb) < 100_000
    assert get_refusal(bomb) == ("unpacked", "conversations.json")
    split_bomb = make_zip({f"conversations-{n}.json": b" " * 1024 * 1024 * 2 + EXAMPLES["claude"] for n in range(2)})
    assert get_refusal(split_bomb) == ("unpacked", "conversations-1.json")


def test_an_archive_of_too_many_files_is_refused(monkeypatch):
    crowded = make_zip({f"{n}.json": b"[]" for n in range(5)})
    monkeypatch.setattr(archive, "MAX_PARSED_MEMBERS", 4)
    assert get_refusal(crowded) == ("many", "")
    monkeypatch.setattr(archive, "MAX_ARCHIVE_MEMBERS", 3)
    assert get_refusal(crowded) == ("many", "")


def test_paths_in_an_archive_are_never_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../../conversations.json", "/conversations-1.json", "C:\\conversations.json"]
    result = parse_export(make_zip({name: EXAMPLES["claude"] for name in names[:1]}))
    assert result == parse_export(EXAMPLES["claude"])
    parse_export(make_zip({name: EXAMPLES["claude"] for name in names}))
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent.parent / "conversations.json").exists()


def test_broken_archives_are_refused():
    valid = make_zip({"conversations.json": EXAMPLES["claude"]})
    encrypted = bytearray(valid)
    encrypted[6] |= 1
    encrypted[valid.index(b"PK\x01\x02") + 8] |= 1
    assert get_refusal(bytes(encrypted))[0] == "zip"
    assert get_refusal(valid[:-30])[0] == "zip"
    assert get_refusal(make_zip({"conversations.json": EXAMPLES["claude"]}, zipfile.ZIP_LZMA))[0] == "zip"
    assert get_refusal(make_zip({}))[0] == "unknown"
    assert get_refusal(make_zip({"conversations.json": b"{"}))[0] == "json"
    wrong_checksum = bytearray(make_zip({"conversations.json": EXAMPLES["claude"]}, zipfile.ZIP_STORED))
    wrong_checksum[200] ^= 1
    assert get_refusal(bytes(wrong_checksum))[0] == "zip"
