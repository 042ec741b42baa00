"""Whatever is in a file: valid trees, or one refusal."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from lib.core.conversation import Outcome
from lib.core.errors import TransferError
from lib.transfer import parse_export, write_export
from tests.unit.transfer.valid import FILES, packed, valid

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

ODD = some.recursive(
    some.sampled_from(
        [
            None,
            True,
            0,
            -1,
            1.5,
            1e300,
            2**80,
            "",
            "a",
            "\ud83d",
            "\0",
            "user",
            "assistant",
            "text",
            "x" * 300,
        ]
    )
    | some.floats(),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["id", "mapping", "message", "messages", "parent", "content", "parts", "type", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what it is in, and under which key."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        inner = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, one in inner:
            found.append((holder, key))
            if isinstance(one, dict | list):
                waiting.append(one)
    return found


@settings(slow, max_examples=200)
@given(some.sampled_from(sorted(FILES)), some.data())
def test_any_change_of_any_export_is_read_as_valid_trees_or_refused(name: str, data: some.DataObject):
    value = [json.loads(FILES[name])]
    for _ in range(data.draw(some.integers(1, 6))):
        everywhere = places(value)
        holder, key = everywhere[data.draw(some.integers(0, len(everywhere) - 1))]
        match data.draw(some.sampled_from(["odd", "drop", "swap", "copy"])):
            case "odd":
                holder[key] = data.draw(ODD)
            case "drop" if len(value) and holder is not value:
                del holder[key]
            case "swap":
                other, at = everywhere[data.draw(some.integers(0, len(everywhere) - 1))]
                holder[key] = copy.deepcopy(other[at])
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
    try:
        loaded = parse_export(json.dumps(value[0]).encode())
    except TransferError as error:
        assert error.reason
        return
    assert valid(loaded)
    written = b"".join(write_export(loaded.conversations))
    again = parse_export(written)
    assert b"".join(write_export(again.conversations)) == written
    assert all(node.outcome is not Outcome.ARRIVING for _, nodes in again.conversations for node in nodes)


@settings(slow, max_examples=150)
@given(
    some.sampled_from(sorted(FILES)),
    some.booleans(),
    some.integers(0, 10_000),
    some.integers(0, 40),
    some.binary(max_size=6),
)
@example("claude", True, 0, 0, b"")
def test_any_bytes_are_read_or_refused(name: str, zipped: bool, start: int, length: int, new: bytes):
    data = packed({"conversations.json": FILES[name]}) if zipped else FILES[name]
    start %= len(data)
    try:
        assert valid(parse_export(data[:start] + new + data[start + length :]))
    except TransferError as error:
        assert error.reason


@settings(slow, max_examples=100)
@given(ODD | some.lists(some.fixed_dictionaries({"mapping": some.dictionaries(some.text(max_size=2), ODD)})))
def test_any_json_is_read_or_refused(value: Any):
    try:
        assert valid(parse_export(json.dumps(value).encode()))
    except TransferError as error:
        assert error.reason
