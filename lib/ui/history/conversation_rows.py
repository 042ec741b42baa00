"""Consecutive rows and headings of the conversation list as one element, which a run sends and the browser renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.browser.component import component_key, declare
from lib.ui.history import row
from lib.ui.session.state import session_state
from lib.ui.text import dates, t

_HTML = '<div class="antler-rows"></div><div class="antler-row-menu" popover></div>'
_component = declare("conversation_rows", __file__, "conversation_rows", html=_HTML)


def render(user: User, name: str, items: Sequence[Conversation | str], open_id: str | None) -> None:
    """Render conversations and names of headings in their order; `name` is that of the part of the list."""
    key = component_key(f"rows-{name}")
    conversations = {item.id: item for item in items if isinstance(item, Conversation)}

    def received(event: str) -> tuple[Conversation | None, object]:
        """Return the conversation that an event is about, if it is listed, and the action."""
        response = session_state.widget(key)
        value = response.get(event) if isinstance(response, Mapping) else None
        fields = value if isinstance(value, Mapping) else {}
        return conversations.get(str(fields.get("id"))), fields.get("action")

    def open_received() -> None:
        if conversation := received("open")[0]:
            row.open_conversation(conversation.id)

    def run_received() -> None:
        conversation, action = received("action")
        if conversation and action in row.available_actions(conversation):
            row.run_action(user, conversation, str(action))

    data = {
        "items": [_describe(item, open_id) for item in items],
        "labels": {action: t(f"sidebar.{action}") for action in row.ACTIONS},
        "about": t("sidebar.actions", name="{name}"),
    }
    _component(key=key, data=data, on_open_change=open_received, on_action_change=run_received)


def _describe(item: Conversation | str, open_id: str | None) -> dict[str, Any]:
    if isinstance(item, str):
        return {"heading": {"name": item, "text": dates.heading_text(item)}}
    is_open = item.id == open_id
    status = row.status(item, is_open=is_open)
    described = {"id": item.id, "title": item.title, "actions": row.available_actions(item), "isOpen": is_open}
    return {**described, "status": status, "statusText": t(f"sidebar.{status}") if status else ""}
