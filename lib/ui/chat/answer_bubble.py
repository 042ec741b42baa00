"""Elements of an answer, the same while it arrives and afterwards, so that its end changes none that is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node
from lib.ui.chat import answer_parts
from lib.ui.chat.answer_parts import Element, sanitize_parts_cached
from lib.ui.chat.answer_text import thinking_label
from lib.ui.server.streamlit_private import StreamSlot, StreamSource
from lib.ui.session import resources
from lib.ui.text import escape_markdown
from lib.ui.widgets import avatar

GROUP_SIZE = 12  # elements in one container: most answers need no other


class AnswerBubble:
    """The parts of an answer in its `place`, from top to bottom: thinking, content, status line and foot.

    The foot of the last answer has a position of its own, because it has more elements than the others.
    """

    def __init__(self, place: DeltaGenerator, node: Node, *, is_arriving: bool, is_last: bool = False) -> None:
        persona = node.persona
        with place, st.chat_message("assistant", avatar=avatar.avatar_image(persona) if persona else resources.LOGO):
            if persona:
                st.markdown(f"**{escape_markdown(persona.name)}**")
            self._thinking = st.container(key=f"thinking-{node.id}")
            self._content = st.container()
            self._status_slot = st.empty()
            has_foot = [not is_arriving and is_last, not is_arriving and not is_last]
            foot_slots = [st.container() if is_used else st.empty() for is_used in has_foot]
        self._foot_slot = foot_slots[0 if is_last else 1]
        self._is_arriving, self._node_id = is_arriving, node.id
        self.content = ElementList(self._content)
        self.thinking: ThinkingView | None = None

    def open_thinking(self, label: str, *, is_running: bool) -> ThinkingView:
        """Show the box of the thinking, open while it runs."""
        if self.thinking is None:
            with self._thinking:
                self.thinking = ThinkingView(label, is_running=is_running)
        return self.thinking

    def open_status(self) -> DeltaGenerator:
        """Create the line below an arriving answer."""
        with self._status_slot:
            return st.container(
                key=f"status-line-{self._node_id}", horizontal=True, vertical_alignment="center", gap="small"
            )

    def show(self, node: Node) -> None:
        """Show an answer that is finished, or change what differs from it."""
        if node.message.thinking:
            label = thinking_label(node)
            thinking = self.open_thinking(label, is_running=False)
            thinking.update(label, is_running=False)
            thinking.elements.show_all(sanitize_parts_cached(node.message.thinking))
        self.content.show_all(answer_parts.list_elements(node.message))
        self._status_slot.empty()

    def clear(self) -> None:
        """Remove what is shown of an answer that begins again."""
        self.content.truncate(0)
        if self.thinking:
            self.thinking.elements.truncate(0)

    def open_foot(self) -> DeltaGenerator:
        """Return the container of what stands below the content of a finished answer."""
        return self._foot_slot.container() if self._is_arriving else self._foot_slot


class ThinkingView:
    """The box of an answer's thinking."""

    def __init__(self, label: str, *, is_running: bool) -> None:
        self._shown = (label, is_running)
        self._status = st.status(label, expanded=is_running, state=_state(is_running), type="compact")
        self.elements = ElementList(self._status)

    def update(self, label: str, *, is_running: bool) -> None:
        """Change the label, and close the box at the end."""
        if self._shown != (label, is_running):
            self._shown = (label, is_running)
            self._status.update(label=label, state=_state(is_running), expanded=is_running)


def _state(is_running: bool) -> Literal["running", "complete"]:
    return "running" if is_running else "complete"


class ElementList:
    """Elements in a container, each of which is changed in its place.

    Long lists are divided: with each change of an element, the browser renders all others of the same container anew,
    but none inside of another container.
    """

    def __init__(self, container: DeltaGenerator) -> None:
        self._container = container
        self._groups: list[DeltaGenerator] = []  # containers of the elements after the first GROUP_SIZE
        self._slots: list[DeltaGenerator] = []
        self._shown: list[Element] = []

    def show(self, index: int, element: Element) -> None:
        """Show an element at a position up to the number of elements, if it is not there yet."""
        if index < len(self._shown) and self._shown[index] == element:
            return
        if isinstance(element, str):
            slot = self._slots[index] if index < len(self._slots) else None
            shown = (slot or self._open_container(index)).markdown(element)
            self._set(index, slot or shown, element)
        else:
            slot = self._slots[index] if index < len(self._slots) else self._open_container(index).empty()
            with slot:
                answer_parts.render_element(element)
            self._set(index, slot, element)

    def stream(self, index: int, frames: Iterator[str], source: StreamSource) -> None:
        """Show a growing text at a position with st.write_stream."""
        slot = StreamSlot(lambda: self._open_container(index), self._slots[index] if index < len(self._slots) else None)
        slot.write_stream(frames, source)
        if slot.slot is not None:
            self._set(index, slot.slot, slot.text)

    def show_all(self, elements: Sequence[Element]) -> None:
        """Show these elements and no others."""
        for index, element in enumerate(elements):
            self.show(index, element)
        self.truncate(len(elements))

    def truncate(self, length: int) -> None:
        """Remove the elements from a position on; their places are kept."""
        for slot in reversed(self._slots[length : len(self._shown)]):
            slot.empty()
        del self._shown[length:]

    def _open_container(self, index: int) -> DeltaGenerator:
        """Return the container for a new element at a position."""
        group = index // GROUP_SIZE
        if group > len(self._groups):
            self._groups.append(self._container.container())
        return self._groups[group - 1] if group else self._container

    def _set(self, index: int, slot: DeltaGenerator, element: Element) -> None:
        self._slots[index : index + 1] = [slot]
        self._shown[index : index + 1] = [element]
