"""Exports with comparisons and recorded exchanges: a round trip is lossless, and what is left out is counted."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from threading import RLock

import pytest

from lib import transfer
from lib.chat.turns.temporary_files import TemporaryFiles
from lib.core.comparisons import Column, Comparison, Origin, Vote
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart
from lib.core.errors import TransferError
from lib.core.exchanges import Attempt, Chunk, Exchange
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer import recorded_exchanges
from lib.transfer.antler_schema import ColumnSchema, ComparisonSchema, OriginSchema, VoteSchema

ONE, TWO = Target("m-one", "openai"), Target("m-two", "anthropic")


def record(name: str, target: Target, comparison_id: str | None = None) -> transfer.ConversationRecord:
    question = Node(f"q-{name}", None, Message("user", (TextPart("Why?"),)), 1.0)
    answer = Node(
        f"a-{name}", question.id, Message("assistant", (TextPart("So."),)), 2.0, Outcome.COMPLETE, target=target
    )
    conversation = Conversation(f"c-{name}", "Why?", 2.0, answer.id, target, created_at=1.0)
    return replace(conversation, comparison_id=comparison_id), [question, answer]


KEPT, COLUMN = record("kept", ONE), record("column", TWO, "k")
COMPARISON = Comparison(
    "k",
    "Why?",
    3.0,
    (Column("c-kept", "q-kept", ONE), Column("c-column", "q-column", TWO, Params(temperature=0.5))),
    is_blind=True,
    vote=Vote("best", 1),
    origin=Origin("c-kept", "q-kept"),
)
TIE = replace(COMPARISON, id="tie", vote=Vote("tie"), origin=None, is_blind=False)


def exchange(node_id: str) -> Exchange:
    attempt = Attempt(
        1.5, "POST", "http://gateway/v1", {"Host": "gateway"}, "{}", status=200, chunks=(Chunk(0.5, b"x"),)
    )
    return Exchange("x", ONE, (attempt,), "answer" if node_id else "probe", "", node_id)


def write(*exchanges: Exchange, **changes) -> bytes:
    content = {"comparisons": [COMPARISON, TIE], "columns": [COLUMN]} | changes
    files = TemporaryFiles(RLock(), "ann", 1000)
    return transfer.write_archive(files, "ann", [KEPT], members=transfer.list_members(exchanges, {}), **content)


def read_exchanges(data: bytes, result: transfer.ImportResult | None = None) -> tuple[list[Exchange], int]:
    found = transfer.RecordedExchanges(data, result or transfer.parse_export(data))
    return list(found), found.left_out


def test_comparisons_and_exchanges_come_back():
    written = exchange("a-column"), exchange("a-column"), exchange("a-kept"), exchange("")
    data = write(*written)
    result = transfer.parse_export(data)
    assert (result.conversations, result.comparisons) == ([KEPT, COLUMN], [COMPARISON, TIE])
    assert (result.report.conversation_count, result.report.issues) == (1, {})
    found, left_out = read_exchanges(data)
    assert left_out == 0
    assert [replace(each, id="x") for each in found] == list(written)
    assert write(*found, comparisons=result.comparisons, columns=result.conversations[1:]) == data


def test_existing_ids_are_replaced_in_comparisons_and_exchanges():
    data = write(exchange("a-column"))
    ids = {"k", "c-column", "q-column", "a-column", "q-kept"}
    result = transfer.replace_existing_ids(transfer.parse_export(data), lambda asked: ids & set(asked))
    (kept, kept_nodes), (column, column_nodes) = result.conversations
    comparison, tie = result.comparisons
    assert result.report.replaced_id_count == len(ids)
    assert column.comparison_id == comparison.id != "k"
    assert tie.id == "tie"
    assert [(each.conversation_id, each.question_id) for each in comparison.columns] == [
        (kept.id, kept_nodes[0].id),
        (column.id, column_nodes[0].id),
    ]
    assert comparison.origin == Origin("c-kept", kept_nodes[0].id)
    assert not ids & {column.id, kept_nodes[0].id, *(node.id for node in column_nodes)}
    ((found,), left_out) = read_exchanges(data, result)
    assert (found.node_id, left_out) == (column_nodes[1].id, 0)


def test_exchanges_that_are_damaged_or_of_no_imported_answer_are_left_out(monkeypatch):
    stream = io.BytesIO(write(exchange("a-kept"), exchange("stranger")))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("exchanges/a-kept/7.zip", b"damaged")
        archive.writestr("exchanges/../8.zip", b"no member")
    found, left_out = read_exchanges(stream.getvalue())
    assert ([each.node_id for each in found], left_out) == (["a-kept"], 2)
    monkeypatch.setattr(recorded_exchanges, "MAX_UNPACKED_BYTES", 1)
    assert read_exchanges(write(exchange("a-kept"), exchange("a-column")))[1] == 1
    monkeypatch.setattr(recorded_exchanges, "MAX_EXCHANGES", 0)
    assert read_exchanges(stream.getvalue()) == ([], 3)


def test_an_archive_has_the_first_exchanges_up_to_its_limit(monkeypatch):
    size = len(transfer.write_exchange(exchange("a-kept"), {}))
    monkeypatch.setattr(recorded_exchanges, "MAX_BYTES", 2 * size)
    found, left_out = read_exchanges(write(*[exchange("a-kept")] * 3))
    assert (len(found), left_out) == (2, 0)


@pytest.mark.parametrize(
    ("changes", "expected", "issue"),
    [
        ({"columns": []}, [], "comparison"),
        ({"vote": {"choice": "best", "column": 2}}, [replace(COMPARISON, vote=None)], "unknown"),
        ({"vote": {"choice": "worst"}}, [replace(COMPARISON, vote=None)], "unknown"),
    ],
)
def test_what_is_wrong_in_a_comparison_is_repaired_and_counted(changes, expected, issue):
    document = json.loads(b"".join(transfer.write_export([KEPT], comparisons=[COMPARISON], columns=[COLUMN])))
    document["comparisons"][0] |= changes
    result = transfer.parse_export(json.dumps(document).encode())
    assert result.comparisons == expected
    assert result.report.issues[issue] >= 1


def test_every_field_of_a_comparison_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "format.md").read_text(encoding="utf-8")
    section = text.partition("## A comparison")[2].partition("## A prompt")[0]
    for schema in (ComparisonSchema, ColumnSchema, VoteSchema, OriginSchema):
        assert all(f"`{key}`" in section for key in schema.__struct_encode_fields__)


def test_a_column_of_no_comparison_becomes_a_conversation():
    result = transfer.parse_export(b"".join(transfer.write_export([], columns=[COLUMN])))
    assert result.conversations == [(replace(COLUMN[0], comparison_id=None), COLUMN[1])]
    assert result.report.conversation_count == 1


def test_a_field_of_another_type_in_a_comparison_is_refused():
    data = b'{"format":"antler","version":1,"comparisons":[{"id":"k","columns":[{"conversation":1}]}]}'
    with pytest.raises(TransferError) as caught:
        transfer.parse_export(data)
    assert caught.value.location == "comparisons[0].columns[0].conversation"
