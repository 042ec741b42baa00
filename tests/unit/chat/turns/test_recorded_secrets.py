"""The key of a gateway that echoes it: in no row of the database, no log line and no metric, in any spelling."""

from __future__ import annotations

import json
import logging
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.usage.metrics import Metrics
from lib.config.settings import Settings
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.storage.database.engine import read_transaction
from lib.storage.schema.tables import metadata
from lib.storage.store import Store
from tests.support.replay import JSON, Canned, Replay
from tests.unit.chat.services import wait_for_path, wait_until

KEY, CHAT, TARGET = "sk-9f3b/7c1d+5e8a2046bb7e", "/v1/chat/completions", Target("m", "openai")
CODES = "".join(f"\\u{ord(char):04x}" for char in KEY)
BASE64 = b64encode(f"Bearer {KEY}".encode()).decode()
PERCENT = "".join(f"%{byte:02x}" for byte in KEY.encode())


def stream(*texts: str, head: str = "") -> Canned:
    """Return an answer in pieces that are JSON already."""
    events = [f'{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}' for text in texts]
    end = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    data = "".join(f"data: {event}\n\n" for event in (*events, end, "[DONE]"))
    return Canned((head + data).encode(), headers={"X-Request-Id": f"r-{KEY}", "Set-Cookie": f"key={KEY}"}, piece=9)


HOSTILE = {
    "plain": stream("The key: ", KEY),
    "in pieces": stream("The key: ", *KEY),
    "as codes": stream("The key: ", CODES),
    "as pieces of codes": stream("The key: ", CODES[:60], CODES[60:]),
    "base64": stream(BASE64, PERCENT),
    "hexadecimal": stream(KEY.encode().hex().upper()),
    "in comments": stream("Because.", head=f": {KEY}\n\n: {CODES}\n\nevent: {PERCENT}\ndata: {{}}\n\n"),
    "refusal": Canned(json.dumps({"error": {"message": f"bad key {KEY}", "key": KEY}}).encode(), 401, JSON),
    "refusal in codes": Canned(b'{"error":{"message":"%s"}}' % CODES.encode(), 503, JSON),
    "page": Canned(f"<p>{KEY}</p>".encode(), 502, {"Content-Type": "text/html"}),
    "redirect": Canned(b"", 302, {"Location": f"https://elsewhere.invalid/{PERCENT}"}),
    "interrupted": replace(stream("The key: ", *KEY, " and more"), cut=2300),
}


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


def dump(store: Store) -> str:
    """Return all rows of all tables as text, with the compressed values as they were."""
    texts = []
    with read_transaction(store._engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                texts += [
                    zlib.decompress(value[1:]).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    for value in row
                ]
    return "\n".join(texts)


def spellings_in(text: str) -> list[str]:
    """Return the spellings of which a long part is in a text, also behind escapes."""
    decoded = re.sub(r"\\+u00([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text)
    spellings = [KEY, BASE64.rstrip("=")[12:], PERCENT, KEY.encode().hex(), KEY.encode().hex().upper()]
    return [
        spelling for spelling in spellings if any(spelling[i : i + 12] in decoded for i in range(len(spelling) - 11))
    ]


@pytest.mark.parametrize("is_personal", [False, True], ids=["team's key", "personal key"])
def test_no_row_no_log_line_and_no_metric_has_the_key(store, replay, caplog, is_personal):
    caplog.set_level(logging.INFO)
    gateway, collector = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=1)), Metrics()
    registry = GenerationRegistry(collector.record_request)
    services = TurnServices(store, gateway, registry, uses_personal_key=is_personal, max_recorded_bytes=200_000)
    for response in HOSTILE.values():
        replay.serve(CHAT, response)
        conversation = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation
        wait_for_path(services, conversation.id)
    wait_until(lambda: not len(registry))
    gateway.close()
    assert len(store.exchanges.recent("ann", 99)) == len(HOSTILE)
    rows = dump(store)
    assert "Bearer $API_KEY" in rows and "The key: " in rows
    logs = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    texts = {"rows": rows, "logs": logs, "metrics": collector.to_prometheus_text().decode()}
    assert {name: spellings_in(text) for name, text in texts.items()} == {"rows": [], "logs": [], "metrics": []}


def test_the_search_of_this_test_finds_a_key(store):
    assert all(spellings_in(f"<{text}>") for text in (KEY, CODES, BASE64, PERCENT, KEY.encode().hex().upper()))
