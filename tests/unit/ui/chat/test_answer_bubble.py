"""Elements of an answer: their places on the page."""

from __future__ import annotations

import pytest

from lib.ui.chat.answer_bubble import GROUP_SIZE
from tests.support.script_messages import list_elements

Path = tuple[int, ...]

SHOWN = """
import streamlit as st
from lib.ui.chat.answer_bubble import ElementList

ElementList(st.container()).show_all([f"text {n}" for n in range(COUNT)])
"""
STREAMED = """
import streamlit as st
from lib.ui.chat.answer_bubble import ElementList

class Source:
    is_done = False

elements = ElementList(st.container())
for n in range(COUNT):
    source = Source()
    elements.stream(n, iter(["text"]), source)
    source.is_done = True
    elements.stream(n, iter([f"text {n}"]), source)
"""


def find_places(script: str, count: int) -> dict[str, set[Path]]:
    """Return the places that a script of this many elements gives to each text."""
    places: dict[str, set[Path]] = {}
    for message in list_elements(script.replace("COUNT", str(count))):
        places.setdefault(message.delta.new_element.markdown.body, set()).add(tuple(message.metadata.delta_path))
    return places


@pytest.mark.parametrize("script", [SHOWN, STREAMED])
def test_no_container_of_a_long_answer_has_many_elements(script):
    places = find_places(script, 5 * GROUP_SIZE)
    places.pop("text", None)
    assert list(places) == [f"text {n}" for n in range(5 * GROUP_SIZE)]
    assert all(len(each) == 1 for each in places.values())
    ordered = [path for (path,) in places.values()]
    assert ordered == sorted(ordered)
    containers = [path[:-1] for path in ordered]
    assert max(map(containers.count, containers)) == GROUP_SIZE
    assert len({*containers}) == 5


def test_a_short_answer_has_no_container_of_its_own():
    places = find_places(SHOWN, GROUP_SIZE)
    assert {len(path) for each in places.values() for path in each} == {3}


def test_elements_that_arrive_have_the_places_of_a_finished_answer():
    count = 2 * GROUP_SIZE + 1
    streamed = find_places(STREAMED, count)
    del streamed["text"]
    assert streamed == find_places(SHOWN, count)
