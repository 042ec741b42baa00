"""Places of messages: one that was used is not used again, so that nothing of another path stays in it."""

from __future__ import annotations

import pytest

from lib.ui.chat import message_slots
from lib.ui.session.values import MessageLayout
from tests.support.script_messages import list_elements


def layout(*pages: list[str | None] | None) -> MessageLayout:
    return MessageLayout("c", 0, [page and list(page) for page in pages])


PATH = ["q1", "a1", "q2", "a2"]
CHANGES = [
    ("the same path", PATH, [PATH]),
    ("a turn", [*PATH, "q3", "a3"], [[*PATH, "q3", "a3"]]),
    ("another answer", ["q1", "a1", "q2", "b2"], [["q1", "a1", "q2", None, "b2"]]),
    ("an edited question", ["e1", "b1"], [[None, None, None, None, "e1", "b1"]]),
    ("a deleted turn", ["q1", "a1"], [["q1", "a1", None, None]]),
    ("a branch and back", ["q1", "a1", "q2", "a2"], [PATH]),
    ("no message", [], [[None, None, None, None]]),
]


@pytest.mark.parametrize(("keys", "pages"), [change[1:] for change in CHANGES], ids=[change[0] for change in CHANGES])
def test_a_place_is_for_one_message_only(keys, pages):
    changed = layout(PATH)
    assert message_slots._update(changed, keys)
    assert changed.pages == pages and changed.shown == keys


def test_a_version_that_is_shown_again_gets_a_new_place():
    changed = layout(PATH)
    message_slots._update(changed, ["q1", "a1", "q2", "b2"])
    message_slots._update(changed, PATH)
    assert changed.pages == [["q1", "a1", "q2", None, None, "a2"]]


def test_earlier_messages_get_the_nearest_free_page():
    changed = layout(None, None, PATH)
    assert message_slots._update(changed, ["q0", "a0", *PATH])
    assert changed.pages == [None, ["q0", "a0"], PATH]
    assert message_slots._update(changed, ["p0", "q0", "b0"])
    assert changed.pages == [["p0"], ["q0", None], [None, None, None, None, "b0"]]
    assert changed.shown == ["p0", "q0", "b0"]


def test_without_a_place_the_messages_are_rendered_anew():
    assert not message_slots._update(layout(PATH), ["q0", *PATH])
    assert not message_slots._update(layout(["a"], None, PATH), ["q0", "a", *PATH])
    changed = layout(PATH)
    results = [message_slots._update(changed, ["q1", f"a{n}"]) for n in range(message_slots._MAX_REMOVED + 2)]
    assert results[0] and not results[-1]


PLACE = """
from lib.ui.chat import message_slots
from lib.ui.session.state import session_state
from lib.ui.session.values import MessageLayout

session_state.message_layout = MessageLayout("c", 0, [None] * EARLIER + [["q9", "a9"]])
for place in message_slots.place("c", KEYS, 0):
    place.markdown("shown")
"""


def find_places(earlier_pages: int, keys: list[str]) -> tuple[list[tuple[int, ...]], int]:
    """Return the places of messages on a page that was opened with earlier ones, and the number of elements sent."""
    sent = list_elements(PLACE.replace("EARLIER", str(earlier_pages)).replace("KEYS", str(keys)))
    places = [tuple(each.metadata.delta_path) for each in sent if each.delta.new_element.markdown.body == "shown"]
    return places, len(sent)


def test_earlier_messages_that_are_not_shown_cost_nothing():
    places, count = find_places(1, ["q9", "a9"])
    assert len(places) == 2 and find_places(60, ["q9", "a9"]) == (places, count)


def test_earlier_messages_are_above_the_others_which_keep_their_places():
    newest, _ = find_places(60, ["q9", "a9"])
    places, _ = find_places(60, ["q8", "a8", "q9", "a9"])
    assert places == sorted(places) and places[2:] == newest
