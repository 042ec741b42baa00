"""Updates of the library: fetched in the background, kept on disk, and never worse than the package."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.pricing import ModelPrice, Price
from lib.gateway.catalog import library_updates
from lib.gateway.catalog.library import package_library
from lib.gateway.catalog.library_updates import REFRESH_SECONDS, RETRY_SECONDS, LibraryUpdates
from tests.support.replay import JSON, Canned, Replay, soon

PATH = "/api.json"
PRICE = ModelPrice(Price(Decimal(5), Decimal(25), Decimal("0.5"), Decimal("6.25")), "library")


def build_body(*entries: Mapping[str, Any], **providers: Any) -> bytes:
    model = {
        "id": "claude-opus-9",
        "limit": {"context": 1_000_000, "output": 128_000},
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "cost": {"input": 5, "output": 25, "cache_read": 0.5, "cache_write": 6.25},
    }
    models = {entry["id"]: entry for entry in (model, *entries)}
    return json.dumps({"anthropic": {"id": "anthropic", "models": models}, **providers}).encode()


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refresh(updates: LibraryUpdates) -> None:
    """Start the refresh that is due, and wait for its end."""
    updates.current()
    assert soon(lambda: not updates._is_refreshing)


def is_known(updates: LibraryUpdates, model_id: str = "claude-opus-9") -> bool:
    return updates.current().price_of(model_id) == PRICE


def test_fetched_facts_are_used_over_the_package_and_kept_on_disk(replay: Replay, tmp_path: Path, clock: Clock) -> None:
    replay.serve(PATH, Canned(build_body(), headers={**JSON, "ETag": 'W/"1"'}, gzip=True))
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    assert updates.current() is package_library()
    refresh(updates)
    assert is_known(updates)
    capabilities = updates.current().capabilities_of("claude-opus-9")
    assert (capabilities.context_window, capabilities.max_output_tokens, capabilities.image) == (
        1_000_000,
        128_000,
        True,
    )
    assert updates.current().price_of("gpt-4o") == package_library().price_of("gpt-4o")
    again = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(again)
    assert is_known(again)
    assert len(replay.requests) == 1


def test_a_copy_is_checked_daily_by_its_tag(replay: Replay, tmp_path: Path, clock: Clock) -> None:
    headers = {**JSON, "ETag": '"1"', "Last-Modified": "Sun, 29 Nov 2026 10:00:00 GMT"}
    replay.serve(PATH, Canned(build_body(), headers=headers), Canned(status=304, headers={}, framing="length"))
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(updates)
    clock.now += REFRESH_SECONDS - 1
    refresh(updates)
    assert len(replay.requests) == 1
    clock.now += 1
    refresh(updates)
    assert len(replay.requests) == 2
    sent = replay.requests[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('"1"', "Sun, 29 Nov 2026 10:00:00 GMT")
    clock.now += REFRESH_SECONDS - 1
    again = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(again)
    assert is_known(updates)
    assert is_known(again)
    assert len(replay.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Canned(status=404, headers={}, framing="length"),
        Canned(status=500, headers={}, framing="length"),
        Canned(b"moved", status=301, headers={"Location": "https://elsewhere.example/"}, framing="length"),
        Canned(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
        Canned(b"{}", headers=JSON),
        Canned(b"[]", headers=JSON),
        Canned(b"null", headers=JSON),
        Canned(b'{"reseller":{"models":{"m":{"id":"m"}}}}', headers=JSON),
        Canned(b"[" * 100_000, headers=JSON),
        Canned(b'{"a":' * 100_000, headers=JSON),
        Canned(b"\xff\xfe\x00", headers=JSON),
        Canned(build_body(), headers=JSON, cut=200),
        Canned(reset=True),
    ],
)
def test_a_bad_answer_keeps_the_last_good_copy(
    answer: Canned, replay: Replay, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    replay.serve(PATH, Canned(build_body(), headers=JSON), answer)
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(updates)
    for _ in range(3):
        clock.now += REFRESH_SECONDS
        refresh(updates)
    assert len(replay.requests) == 4
    assert is_known(updates)
    assert len([record for record in caplog.records if "models.dev" in record.message]) == 1
    again = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(again)
    assert is_known(again)


def test_a_failed_fetch_is_repeated_after_an_hour(replay: Replay, clock: Clock) -> None:
    replay.serve(PATH, Canned(status=500, headers={}, framing="length"), Canned(build_body(), headers=JSON))
    updates = LibraryUpdates(replay.url + PATH, None, clock)
    refresh(updates)
    assert updates.current() is package_library()
    clock.now += RETRY_SECONDS - 1
    refresh(updates)
    assert len(replay.requests) == 1
    clock.now += 1
    refresh(updates)
    assert is_known(updates)


def test_too_large_a_list_is_refused(
    replay: Replay, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_updates, "MAX_BYTES", 2000)
    replay.serve(PATH, Canned(b" " * 5000 + build_body(), headers=JSON, gzip=True))
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(updates)
    assert updates.current() is package_library()


def test_hostile_entries_are_skipped(replay: Replay, clock: Clock) -> None:
    number = "9" * 5000
    entries = [
        f'"a{index}":{{"id":"claude-bad-{index}","cost":{{"input":{value},"output":{value}}},"limit":{{"context":{value}}}}}'
        for index, value in enumerate(["NaN", "-1", "Infinity", "1e999", number, f"0.{number}", "[[]]", '"x"', "null"])
    ]
    tier = '{"input":9,"output":9,"tier":{"type":"context","size":5}}'
    tiny = f'{{"input":1e-999999,"output":1,"cache_read":1,"tiers":[{tier}]}}'
    entries.append(f'"tiny":{{"id":"claude-tiny","cost":{tiny}}}')
    good = build_body()[:-3]
    replay.serve(PATH, Canned(good + b"," + ",".join(entries).encode() + b"}}}", headers=JSON))
    updates = LibraryUpdates(replay.url + PATH, None, clock)
    refresh(updates)
    assert is_known(updates)
    for index in (0, 1, 2, 3, 4, 6, 7, 8):
        assert updates.current().price_of(f"claude-bad-{index}") is None
        assert updates.current().capabilities_of(f"claude-bad-{index}").context_window is None


def test_no_page_waits_for_a_silent_server(replay: Replay, clock: Clock) -> None:
    replay.serve(PATH, Canned(build_body(), headers=JSON, mute=True))
    updates = LibraryUpdates(replay.url + PATH, None, clock)
    assert updates.current() is package_library()
    assert replay.wait_for_requests(1)
    assert updates.current() is package_library()
    replay.resume()
    assert soon(lambda: is_known(updates))
    assert len(replay.requests) == 1


def test_an_unwritable_folder_keeps_the_copy_in_memory(replay: Replay, tmp_path: Path, clock: Clock) -> None:
    replay.serve(PATH, Canned(build_body(), headers=JSON))
    (tmp_path / "file").touch()
    updates = LibraryUpdates(replay.url + PATH, tmp_path / "file", clock)
    refresh(updates)
    assert is_known(updates)


@pytest.mark.parametrize("content", ["", "{}", "[]\n{}", "null\nnull", '{"url":7}\n{}', "\x00" * 100])
def test_a_broken_stored_copy_is_replaced(content: str, replay: Replay, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "models.dev.json").write_text(content)
    replay.serve(PATH, Canned(build_body(), headers=JSON))
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(updates)
    assert is_known(updates)
    assert [path.name for path in tmp_path.iterdir()] == ["models.dev.json"]


@pytest.mark.parametrize("fields", [{"fetched_at": "x"}, {"fetched_at": None}, {"etag": 7}, {"last_modified": ["x"]}])
def test_a_stored_copy_with_wrong_fields_is_replaced(
    fields: dict[str, Any], replay: Replay, tmp_path: Path, clock: Clock
) -> None:
    head = {"url": replay.url + PATH, "fetched_at": clock.now, "etag": "", "last_modified": "", **fields}
    (tmp_path / "models.dev.json").write_text(json.dumps(head) + "\n" + build_body().decode())
    replay.serve(PATH, Canned(build_body(), headers=JSON))
    updates = LibraryUpdates(replay.url + PATH, tmp_path, clock)
    refresh(updates)
    assert (len(replay.requests), is_known(updates)) == (1, True)


def test_a_stored_copy_of_another_address_is_not_used(replay: Replay, tmp_path: Path, clock: Clock) -> None:
    replay.serve(PATH, Canned(build_body(), headers=JSON))
    refresh(LibraryUpdates(replay.url + PATH, tmp_path, clock))
    replay.serve("/other.json", Canned(status=404, headers={}, framing="length"))
    updates = LibraryUpdates(f"{replay.url}/other.json", tmp_path, clock)
    refresh(updates)
    assert updates.current() is package_library()


def test_nothing_is_fetched_without_an_address(clock: Clock) -> None:
    updates = LibraryUpdates("", None, clock)
    assert updates.current() is package_library()
    assert not updates._is_refreshing
