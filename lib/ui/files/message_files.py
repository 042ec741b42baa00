"""Files of a question in the chat: images as pictures, others by name; a click opens them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.core.conversation import FilePart
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.browser.component import component_key, declare
from lib.ui.files import pictures
from lib.ui.files.file_text import ICONS, describe_file, short_name
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t

_component = declare("message_files", __file__, "message_files", html='<ul class="antler-files"></ul>')


@dataclass(frozen=True)
class LoadedFiles:
    """Facts about the files of several messages: digests that are stored, and pictures by digest as data URLs."""

    stored: frozenset[str] = frozenset()
    pictures: Mapping[str, str] = field(default_factory=dict)


def load(user: User, parts: Sequence[FilePart]) -> LoadedFiles:
    """Read the facts about files of the user; while the store is away, all count as stored."""
    if not parts:
        return LoadedFiles()
    digests = [part.digest for part in parts]
    try:
        stored = services.current_store().attachments.facts(user.id, digests).keys()
    except StoreError:
        return LoadedFiles(frozenset(digests))
    return LoadedFiles(frozenset(stored), pictures.load(user.id, [part for part in parts if part.digest in stored]))


def render(message_id: str, parts: Sequence[FilePart], loaded: LoadedFiles) -> None:
    """Render the files of a message, with the reason where one cannot be opened."""
    if not parts:
        return
    key = component_key(f"files-of-{message_id}")

    def on_opened() -> None:
        response = session_state.widget(key)
        index = response.get("opened") if isinstance(response, Mapping) else None
        if isinstance(index, int) and 0 <= index < len(parts):
            session_state.opened_file = (message_id, parts[index])

    _component(key=key, data={"files": [_describe(part, loaded) for part in parts]}, on_opened_change=on_opened)


def _describe(part: FilePart, loaded: LoadedFiles) -> dict[str, Any]:
    is_stored = part.digest in loaded.stored
    return {
        "name": part.name,
        "shortName": short_name(part.name),
        "about": describe_file(part) if is_stored else t("files.missing"),
        "icon": ICONS[part.kind],
        "picture": loaded.pictures.get(part.digest, ""),
        "isImage": part.kind == "image",
        "width": part.width or 0,
        "height": part.height or 0,
        "isStored": is_stored,
        "open": t("files.open", name=part.name),
    }
