"""Places of the messages on the page, which no other message takes later.

Streamlit keeps the elements of the run before until the run ends, and a run can last as long as an answer. A new
element replaces the old one at the same position, but what is in a container stays if the new one is a container too.
So a message that is no longer shown is replaced by an empty element, which is sent first, and the next one stands
below it: the page shows no message of another path or conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.ui.session.state import session_state
from lib.ui.session.values import MessageLayout

# A run that is interrupted at once may not reach the browser, so two would not be enough.
_AREA_COUNT = 3
# Messages that are no longer shown, after which the area is rendered anew.
_MAX_REMOVED = 200


def place(conversation_key: str, keys: Sequence[str], earlier_pages: int) -> list[DeltaGenerator]:
    """Create the containers with these keys, one for each message in this order, and return them.

    Messages above those of the run before get one of `earlier_pages` containers that are reserved for them when a
    conversation is opened.
    """
    layout = session_state.message_layout
    if not layout or layout.conversation_key != conversation_key or not _update(layout, keys):
        area = (layout.area + 1) % _AREA_COUNT if layout else 0
        layout = MessageLayout(conversation_key, area, [*([None] * earlier_pages), list(keys)])
    session_state.message_layout = layout
    # All before the first message is filled: the empty ones remove what is no longer shown.
    areas = [st.container(key=f"messages-{n}") if n == layout.area else st.empty() for n in range(_AREA_COUNT)]
    with areas[layout.area]:
        pages = _create_pages(layout)
    places: list[DeltaGenerator] = []
    for page, page_keys in pages:
        with page:
            for key in page_keys:
                if key:
                    places.append(st.container(key=key))
                else:
                    st.empty()
    return places


def _create_pages(layout: MessageLayout) -> list[tuple[DeltaGenerator, list[str | None]]]:
    """Create the containers of the pages that are used; returns them with the keys of their messages.

    The pages of earlier messages are in a container of their own, which is created when the first of them is used:
    with each change of a message, the browser renders all elements beside its page anew.
    """
    *earlier, last = layout.pages
    created: list[tuple[DeltaGenerator, list[str | None] | None]] = []
    if any(page is not None for page in earlier):
        with st.container():
            created = [(st.empty() if page is None else st.container(), page) for page in earlier]
    elif earlier:
        st.empty()
    created.append((st.container(), last))
    return [(container, page) for container, page in created if page is not None]


def _update(layout: MessageLayout, keys: Sequence[str]) -> bool:
    """Change the layout to show these messages; False if there is no place for them."""
    shown = layout.shown
    first = keys.index(shown[0]) if shown and shown[0] in keys else 0
    above, rest = keys[:first], keys[first:]
    common = 0
    while common < min(len(shown), len(rest)) and shown[common] == rest[common]:
        common += 1
    layout.remove(shown[common:])
    layout.pages[-1] = [*(layout.pages[-1] or ()), *rest[common:]]
    if above:
        free = [number for number, page in enumerate(layout.pages[:-1]) if page is None]
        if not free or any(page for page in layout.pages[: free[-1]]):
            return False
        layout.pages[free[-1]] = list(above)
    return layout.removed_count <= _MAX_REMOVED
