"""Tools in the browser: copy and feedback for messages; code blocks, tables and previews in their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node
from lib.core.sanitize import replace_surrogates
from lib.core.user import User
from lib.ui.browser.component import declare
from lib.ui.chat import feedback, read_aloud
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t

_SCRIPTS = ("browser_tools", "code_blocks", "tables", "read_aloud", "message_tools")
_component = declare("message_tools", __file__, *_SCRIPTS, isolate_styles=True)
_LABELS = (
    *("copy", "copied", "not_copied", "code", "wrap", "download", "preview", "preview_close", "preview_title"),
    *("preview_about", "preview_failed", "show_all", "show_less", "csv"),
)


def action_row(node_id: str) -> DeltaGenerator:
    """Create the container of the actions on a message; the browser adds Copy and feedback to it."""
    return st.container(
        key=f"actions-row-{node_id}", horizontal=True, vertical_alignment="center", gap="small", width="content"
    )


def render_copy_row(node_id: str) -> None:
    """Render the container of a message that can only be copied."""
    with action_row(node_id):
        # A container without elements is not in the page.
        st.html("<span></span>")


def render(user: User, view: ConversationView) -> None:
    """Render the tools for the visible messages; before the transcript, so that they are ready for an answer."""
    last = view.nodes[-1] if view.generation else None
    nodes = [node for node in view.nodes[view.start : view.end] if node is not last]
    _mount(user, "message-tools", view, nodes, last.id if last else "")


def render_answer_tools(user: User, view: ConversationView, node: Node) -> None:
    """Render the tools for an answer that has just ended."""
    _mount(user, "message-tools-last", view, [node], "")


def render_read_only(nodes: Sequence[Node]) -> None:
    """Render the tools for messages that can only be copied: those of a path, from its beginning."""
    messages = [_describe(node, index // 2 + 1, is_read_only=True) for index, node in enumerate(nodes)]
    _component(key="message-tools", data={"messages": messages, "live": "", "labels": _labels(), "speech": None})


def render_side_by_side(nodes: Sequence[Node], key: str = "message-tools") -> None:
    """Render the tools for answers to one question that can only be copied, by their numbers."""
    messages = [_describe(node, number, is_read_only=True) for number, node in enumerate(nodes, 1)]
    _component(key=key, data={"messages": messages, "live": "", "labels": _labels(), "speech": None})


def _mount(user: User, key: str, view: ConversationView, nodes: Sequence[Node], live_id: str) -> None:
    def on_rating() -> None:
        result = session_state.widget(key)
        value = result.get("rating") if isinstance(result, Mapping) else None
        if isinstance(value, Mapping):
            feedback.rate(user, value.get("id"), value.get("rating"))

    data = {
        "messages": [_describe(node, view.turn_number(node.id)) for node in nodes],
        "live": live_id,
        "labels": _labels(),
        "speech": read_aloud.describe(user, view),
    }
    _component(key=key, data=data, on_rating_change=on_rating, on_reading_change=read_aloud.report_error)


def _describe(node: Node, number: int, *, is_read_only: bool = False) -> dict[str, Any]:
    is_answer = node.message.role == "assistant"
    text = replace_surrogates(node.message.text)
    description = {"id": node.id, "number": number, "text": text, "isAnswer": is_answer}
    if is_answer and not is_read_only:
        description["canBeRead"] = read_aloud.is_readable(node)
        # A failure without an answer is nobody's work.
        if node.message.has_content or node.feedback:
            description["rating"] = node.feedback.rating if node.feedback else ""
    return description


def _labels() -> dict[str, str]:
    """Return the texts of the tools; the browser fills in the numbers."""
    numbered = ("copy_question", "copy_answer", "good", "bad", "read_aloud", "stop_reading")
    return {
        **{name: t(f"tools.{name}", count="{count}") for name in _LABELS},
        **{name: t(f"message.{name}", number="{number}") for name in numbered},
    }
