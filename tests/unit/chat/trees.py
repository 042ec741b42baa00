"""Conversations of every kind that Antler can hold, for Hypothesis."""

from typing import get_args

from hypothesis import strategies as some

from lib.core.conversation import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    TextPart,
    ThinkingPart,
    Timing,
    TitleSource,
    Truncation,
    Usage,
)
from lib.core.params import FIELDS_BY_NAME, ParamField, Params
from lib.core.sanitize import sanitize_json
from lib.core.target import WIRES, Target
from lib.transfer import ConversationRecord
from lib.transfer.message_tree import sort_nodes

TEXT = some.text(max_size=30).map(lambda text: text.replace("\0", "")) | some.sampled_from(
    ["海内存知己", "```\n<b>", "a\r\nb", "\u2028", "🦌", '"\\', "  "]
)
LINE = some.text(some.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20)
NAME = LINE.filter(bool)
ID = some.text("abcXYZ019_-", min_size=1, max_size=32)
TIME = some.floats(0, 4e9)
FINITE = some.floats(allow_nan=False, allow_infinity=False, width=64)
COUNT = some.none() | some.integers(0, 2**53 - 1)
TARGET = some.none() | some.builds(Target, NAME, some.sampled_from(WIRES))
PARTS = some.lists(some.builds(TextPart, TEXT) | some.builds(ThinkingPart, TEXT, TEXT, TEXT), max_size=3).map(
    tuple
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53) + 1, 2**53 - 1) | some.floats(-1e9, 1e9) | TEXT,
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
FAILURE = some.builds(
    Failure,
    some.sampled_from(["gateway", "cut", "unexpected"]),
    TEXT,
    some.none() | some.integers(100, 599),
    TEXT,
    some.booleans(),
    some.lists(TEXT, max_size=2).map(tuple),
    some.none() | FINITE,
)


def setting(field: ParamField) -> some.SearchStrategy:
    """Any value of a parameter that some wire takes."""
    if field.kind == "choice":
        return some.sampled_from(("", *field.choices))
    if field.kind == "switch":
        return some.booleans()
    if field.kind == "lines":
        return some.lists(TEXT, max_size=2).map(tuple)
    if field.ranges is None:
        return TEXT
    least = min(one.minimum for one in field.ranges)
    most = max(one.maximum for one in field.ranges)
    whole = some.integers(int(least), int(most))
    return some.none() | (whole if field.kind == "integer" else whole | some.floats(least, most))


PARAMS = some.builds(Params, **{name: setting(field) for name, field in FIELDS_BY_NAME.items()})


@some.composite
def entries(draw: some.DrawFn, name: str = "") -> ConversationRecord:
    """A conversation with a tree whose paths begin with a question, and whose sides take turns."""
    names = draw(some.lists(ID, unique=True, max_size=8))
    nodes: list[Node] = []
    for one in names:
        parent = draw(some.sampled_from([None, *nodes]))
        user = parent is None or parent.message.role == "assistant"
        nodes.append(
            Node(
                id=f"{name}{one}"[:32],
                parent_id=parent.id if parent else None,
                message=Message("user" if user else "assistant", draw(PARTS)),
                created_at=draw(TIME),
                outcome=draw(some.sampled_from([one for one in Outcome if one is not Outcome.ARRIVING])),
                finish_reason=draw(TEXT),
                target=draw(TARGET),
                usage=draw(some.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)),
                timing=draw(some.builds(Timing, some.none() | FINITE, some.none() | FINITE)),
                failure=draw(some.none() | FAILURE),
                request_id=draw(TEXT),
                provider_metadata=sanitize_json(draw(some.dictionaries(TEXT, JSON, max_size=2))),
            )
        )
    heads = some.sampled_from([None, *(node.id for node in nodes)])
    return Conversation(
        id=draw(ID),
        title=draw(LINE),
        updated_at=draw(TIME),
        head_id=draw(heads),
        target=draw(TARGET),
        params=draw(PARAMS),
        created_at=draw(TIME),
        title_source=draw(some.sampled_from(get_args(TitleSource))),
        folder=draw(LINE),
        pinned=draw(some.booleans()),
        archived=draw(some.booleans()),
        truncation=draw(some.none() | some.builds(Truncation, ID, TEXT)),
    ), sort_nodes(nodes)


@some.composite
def histories(draw: some.DrawFn) -> list[ConversationRecord]:
    """Some conversations, no two of which have an id in common."""
    found: list[ConversationRecord] = []
    seen: set[str] = set()
    for number in range(draw(some.integers(0, 3))):
        conversation, nodes = draw(entries(f"{number}"))
        ids = {node.id for node in nodes}
        if conversation.id not in {one.id for one, _ in found} and not ids & seen and len(ids) == len(nodes):
            found.append((conversation, nodes))
            seen |= ids
    return found
