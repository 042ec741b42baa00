"""Any file gives valid trees, or one refusal."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lib.core.conversation import Outcome
from lib.core.errors import TransferError
from lib.transfer import parse_export, write_export
from tests.unit.transfer.examples import EXAMPLES, is_valid, make_zip

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

ODD = st.recursive(
    st.sampled_from(
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
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "mapping", "message", "messages", "parent", "content", "parts", "type", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """List all places in a JSON value as (container, key)."""
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
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_change_to_an_export_gives_valid_trees_or_a_refusal(name: str, data: st.DataObject):
    value = [json.loads(EXAMPLES[name])]
    for _ in range(data.draw(st.integers(1, 6))):
        everywhere = places(value)
        holder, key = everywhere[data.draw(st.integers(0, len(everywhere) - 1))]
        match data.draw(st.sampled_from(["odd", "drop", "swap", "copy"])):
            case "odd":
                holder[key] = data.draw(ODD)
            case "drop" if len(value) and holder is not value:
                del holder[key]
            case "swap":
                other, at = everywhere[data.draw(st.integers(0, len(everywhere) - 1))]
                holder[key] = copy.deepcopy(other[at])
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
    try:
        result = parse_export(json.dumps(value[0]).encode())
    except TransferError as error:
        assert error.reason
        return
    assert is_valid(result)
    written = b"".join(write_export(result.conversations))
    again = parse_export(written)
    assert b"".join(write_export(again.conversations)) == written
    assert all(node.outcome is not Outcome.ARRIVING for _, nodes in again.conversations for node in nodes)


@settings(slow, max_examples=150)
@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.booleans(),
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.binary(max_size=6),
)
@example("claude", True, 0, 0, b"")
def test_any_bytes_give_valid_trees_or_a_refusal(
    name: str, zipped: bool, start: int, length: int, new: bytes
):
    data = make_zip({"conversations.json": EXAMPLES[name]}) if zipped else EXAMPLES[name]
    start %= len(data)
    try:
        assert is_valid(parse_export(data[:start] + new + data[start + length :]))
    except TransferError as error:
        assert error.reason


@settings(slow, max_examples=100)
@given(ODD | st.lists(st.fixed_dictionaries({"mapping": st.dictionaries(st.text(max_size=2), ODD)})))
def test_any_json_gives_valid_trees_or_a_refusal(value: Any):
    try:
        assert is_valid(parse_export(json.dumps(value).encode()))
    except TransferError as error:
        assert error.reason
