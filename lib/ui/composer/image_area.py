"""Selected area: the part of an attached image that an image model is to change, painted in a dialog."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import streamlit as st

from lib.chat.turns import model_facts
from lib.core.conversation import FilePart
from lib.core.errors import AttachmentNotFound
from lib.core.file_storage import MASK_ROLE, StoredFile
from lib.core.target import Target
from lib.core.user import User
from lib.ui.browser.component import declare
from lib.ui.files import tray, uploader
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

MAX_MASK_BYTES = 4_000_000  # OpenAI's limit
_KEY = "image-area"
_PREFIX = "data:image/png;base64,"
_TEXTS = ("canvas", "brush", "undo", "clear", "done")
_component = declare("image_area", __file__, "image_area", html='<div class="antler-area"></div>')


def render(user: User, target: Target | None) -> None:
    """Render the button that opens the dialog, while the tray has an image that the target can change."""
    source = _find_source() if target and model_facts.edits_images(target) else None
    with st.container(key="area-slot", width="content"):
        if source is None:
            return
        render_button(t("area.open"), "area-open", "ink_highlighter", _open, source.digest)
    if session_state.opened_area == source.digest and not session_state.opened_file:
        st.dialog(t("area.title"), width="medium", on_dismiss=_close)(_render_content)(user, source)


def _find_source() -> FilePart | None:
    """Return the image of the tray that a mask applies to: the first one."""
    parts = (file.part for file in tray.list_files(conversation_view.draft_slot()) if file.role != MASK_ROLE)
    return next((part for part in parts if part and part.kind == "image" and part.width), None)


def _open(digest: str) -> None:
    session_state.opened_area = digest


def _close() -> None:
    del session_state.opened_area


def _render_content(user: User, source: FilePart) -> None:
    if session_state.opened_area != source.digest:
        st.rerun()  # a run of the dialog alone would not close it
    data = services.current_store().attachments.contents(user.id, [source.digest]).get(source.digest)
    if data is None:
        raise AttachmentNotFound(source.name)
    st.caption(t("area.about"))
    _component(
        key=_KEY,
        data={
            "source": source.digest,
            "picture": f"data:{source.media_type};base64,{base64.b64encode(data).decode()}",
            "width": source.width,
            "height": source.height,
            "texts": {name: t(f"area.{name}") for name in _TEXTS},
        },
        on_mask_change=lambda: _take_mask(user, source),
    )


@shows_errors
def _take_mask(user: User, source: FilePart) -> None:
    """Put the mask into the tray in place of an earlier one, and close the dialog; a callback."""
    state, slot = session_state.widget(_KEY), conversation_view.draft_slot()
    received = state.get("mask") if isinstance(state, Mapping) else None
    data = parse_mask(received, source.width or 0, source.height or 0)
    _close()
    if data is None:
        return
    size = {"width": source.width, "height": source.height}
    stored = StoredFile("image/png", data, facts={"kind": "image", "role": MASK_ROLE, **size})
    tray.remove(slot, [file.id for file in tray.list_files(slot) if file.role == MASK_ROLE])
    name = f"{t('area.name')}.png"
    part = FilePart(stored.digest, name, stored.media_type, len(data), "image", source.width, source.height)
    uploader.add_stored(user, slot, stored, part)


def parse_mask(received: object, width: int, height: int) -> bytes | None:
    """Return the bytes of a PNG with transparency of this size in pixels; None for anything else."""
    if not isinstance(received, str) or not received.startswith(_PREFIX) or len(received) > 2 * MAX_MASK_BYTES:
        return None
    try:
        data = base64.b64decode(received.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    # Signature and header: size, 8 bits for each of red, green, blue and alpha.
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    is_valid = data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + b"\x08\x06")
    return data if is_valid and len(data) <= MAX_MASK_BYTES else None
