"""Hypothesis strategies for conversations with message trees."""

from typing import get_args

from hypothesis import strategies as st

from lib.core.conversation import (
    Conversation,
    Failure,
    Feedback,
    Message,
    Node,
    Outcome,
    Rating,
    TextPart,
    ThinkingPart,
    Timing,
    TitleSource,
    Truncation,
    Usage,
)
from lib.core.params import FIELDS_BY_NAME, ParamField, Params
from lib.core.prompts import Persona
from lib.core.sanitize import sanitize_json
from lib.core.target import WIRES, Target
from lib.core.tree import sort_nodes
from lib.transfer import ConversationRecord

TEXT = st.text(max_size=30).map(lambda text: text.replace("\0", "")) | st.sampled_from(
    ["海内存知己", "```\n<b>", "a\r\nb", "\u2028", "🦌", '"\\', "  "]
)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20)
NAME = LINE.filter(bool)
ID = st.text("abcXYZ019_-", min_size=1, max_size=32)
TIME = st.floats(0, 4e9)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
COUNT = st.none() | st.integers(0, 2**53 - 1)
TARGET = st.none() | st.builds(Target, NAME, st.sampled_from(WIRES))
PERSONA = st.none() | st.builds(Persona, NAME.map(str.strip).filter(bool), st.sampled_from(["", "🐻", "AB"]), ID)
PARTS = st.lists(st.builds(TextPart, TEXT) | st.builds(ThinkingPart, TEXT, TEXT, TEXT), max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
FAILURE = st.builds(
    Failure,
    st.sampled_from(["gateway", "cut", "unexpected"]),
    TEXT,
    st.none() | st.integers(100, 599),
    TEXT,
    st.booleans(),
    st.lists(TEXT, max_size=2).map(tuple),
    st.none() | FINITE,
)
FEEDBACK = st.none() | st.builds(Feedback, st.sampled_from(get_args(Rating)), TEXT)


def values_of(field: ParamField) -> st.SearchStrategy:
    """Return values of a parameter that at least one wire accepts."""
    if field.kind == "choice":
        return st.sampled_from(("", *field.choices))
    if field.kind == "switch":
        return st.booleans()
    if field.kind == "lines":
        return st.lists(TEXT, max_size=2).map(tuple)
    if field.ranges is None:
        return TEXT
    minimum = min(bounds.minimum for bounds in field.ranges)
    maximum = max(bounds.maximum for bounds in field.ranges)
    integers = st.integers(int(minimum), int(maximum))
    return st.none() | (integers if field.kind == "integer" else integers | st.floats(minimum, maximum))


PARAMS = st.builds(Params, **{name: values_of(field) for name, field in FIELDS_BY_NAME.items()})


@st.composite
def conversation_records(draw: st.DrawFn, name: str = "") -> ConversationRecord:
    """Draw a conversation with a tree whose paths begin with a question and alternate the roles."""
    names = draw(st.lists(ID, unique=True, max_size=8))
    nodes: list[Node] = []
    for node_id in names:
        parent = draw(st.sampled_from([None, *nodes]))
        is_question = parent is None or parent.message.role == "assistant"
        nodes.append(
            Node(
                id=f"{name}{node_id}"[:32],
                parent_id=parent.id if parent else None,
                message=Message("user" if is_question else "assistant", draw(PARTS)),
                created_at=draw(TIME),
                outcome=draw(st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.ARRIVING])),
                finish_reason=draw(TEXT),
                target=draw(TARGET),
                usage=draw(st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)),
                timing=draw(st.builds(Timing, st.none() | FINITE, st.none() | FINITE)),
                failure=draw(st.none() | FAILURE),
                request_id=draw(TEXT),
                provider_metadata=sanitize_json(draw(st.dictionaries(TEXT, JSON, max_size=2))),
                feedback=None if is_question else draw(FEEDBACK),
                persona=draw(PERSONA),
            )
        )
    heads = st.sampled_from([None, *(node.id for node in nodes)])
    return Conversation(
        id=draw(ID),
        title=draw(LINE),
        updated_at=draw(TIME),
        head_id=draw(heads),
        target=draw(TARGET),
        params=draw(PARAMS),
        created_at=draw(TIME),
        title_source=draw(st.sampled_from(get_args(TitleSource))),
        folder=draw(LINE),
        pinned=draw(st.booleans()),
        archived=draw(st.booleans()),
        truncation=draw(st.none() | st.builds(Truncation, ID, TEXT)),
        persona=draw(PERSONA),
    ), sort_nodes(nodes)


@st.composite
def lists_of_records(draw: st.DrawFn) -> list[ConversationRecord]:
    """Draw conversations without an id in common."""
    records: list[ConversationRecord] = []
    used_ids: set[str] = set()
    for number in range(draw(st.integers(0, 3))):
        conversation, nodes = draw(conversation_records(f"{number}"))
        ids = {node.id for node in nodes}
        if (
            conversation.id not in {record.id for record, _ in records}
            and not ids & used_ids
            and len(ids) == len(nodes)
        ):
            records.append((conversation, nodes))
            used_ids |= ids
    return records
