"""List of prompts above the composer, opened by "/" at the start of an empty input."""

from __future__ import annotations

from collections.abc import Sequence

from lib.core.prompts import PromptSummary
from lib.ui.browser.component import declare
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import avatar

_KEY = "prompt-menu"
_TEXTS = ("label", "persona", "team", "count", "none", "create")
_component = declare("prompt_menu", __file__, "prompt_menu")


def render(entries: Sequence[PromptSummary]) -> None:
    """Render the list, which the browser shows when it is opened."""
    data = {
        "prompts": [_describe(entry) for entry in entries],
        # The browser counts.
        "texts": {name: t(f"prompts.menu_{name}", count="{count}") for name in _TEXTS},
    }
    _component(key=_KEY, data=data, on_chosen_change=_on_chosen)


def _describe(entry: PromptSummary) -> dict[str, str]:
    """Return what the list shows of an entry; empty texts are left out."""
    is_persona = entry.kind == "persona"
    fields = {
        "id": entry.id,
        "name": entry.name,
        "description": entry.description,
        "avatar": avatar.avatar_letters(entry) if is_persona else "",
        "colour": avatar.avatar_colour(entry.name) if is_persona and not avatar.is_emoji(entry.avatar) else "",
        "is_team": "yes" if entry.is_team else "",
    }
    return {name: value for name, value in fields.items() if value}


def _on_chosen() -> None:
    response = session_state.widget(_KEY)
    prompt_id = response.get("chosen") if hasattr(response, "get") else None
    if isinstance(prompt_id, str):
        session_state.pending_prompt_id = prompt_id
