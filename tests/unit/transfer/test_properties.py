"""Any file gives valid trees, or one refusal."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lib.core.conversation import Outcome
from lib.core.errors import TransferError
from lib.transfer import parse_export, write_export
from tests.support.examples import count_examples
from tests.unit.transfer.examples import EXAMPLES, is_valid, make_zip

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

odd_values = st.recursive(
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
            st.sampled_from(["id", "mapping", "message", "messages", "parent", "content", "parts", "type", "text"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def list_places(value: Any) -> list[tuple[Any, Any]]:
    """List all places in a JSON value as (container, key)."""
    places: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        container = pending.pop()
        inner = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in inner:
            places.append((container, key))
            if isinstance(item, dict | list):
                pending.append(item)
    return places


@settings(slow, max_examples=count_examples(100))
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_change_to_an_export_gives_valid_trees_or_a_refusal(name: str, data: st.DataObject):
    value = [json.loads(EXAMPLES[name])]
    for _ in range(data.draw(st.integers(1, 6))):
        places = list_places(value)
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        match data.draw(st.sampled_from(["odd", "drop", "swap", "copy"])):
            case "odd":
                container[key] = data.draw(odd_values)
            case "drop" if len(value) and container is not value:
                del container[key]
            case "swap":
                source, source_key = places[data.draw(st.integers(0, len(places) - 1))]
                container[key] = copy.deepcopy(source[source_key])
            case _ if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
    try:
        result = parse_export(json.dumps(value[0]).encode())
    except TransferError as error:
        assert error.reason
        return
    assert is_valid(result)
    exported = b"".join(write_export(result.conversations))
    imported_again = parse_export(exported)
    assert b"".join(write_export(imported_again.conversations)) == exported
    assert all(node.outcome is not Outcome.ARRIVING for _, nodes in imported_again.conversations for node in nodes)


@settings(slow, max_examples=count_examples(100))
@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.booleans(),
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.binary(max_size=6),
)
@example("claude", True, 0, 0, b"")
def test_any_bytes_give_valid_trees_or_a_refusal(name: str, is_archive: bool, start: int, length: int, inserted: bytes):
    data = make_zip({"conversations.json": EXAMPLES[name]}) if is_archive else EXAMPLES[name]
    start %= len(data)
    try:
        assert is_valid(parse_export(data[:start] + inserted + data[start + length :]))
    except TransferError as error:
        assert error.reason


@settings(slow, max_examples=count_examples(100))
@given(odd_values | st.lists(st.fixed_dictionaries({"mapping": st.dictionaries(st.text(max_size=2), odd_values)})))
def test_any_json_gives_valid_trees_or_a_refusal(value: Any):
    try:
        assert is_valid(parse_export(json.dumps(value).encode()))
    except TransferError as error:
        assert error.reason
