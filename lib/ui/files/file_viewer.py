"""File viewer: one file of a message, large, in a dialog that can download it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.chat.turns.ports import AttachmentStore
from lib.core.attachments import EXTENSION_ALIASES, EXTENSIONS
from lib.core.conversation import FilePart
from lib.core.errors import AttachmentNotFound
from lib.core.file_storage import StoredFile
from lib.core.user import User
from lib.ui.auth.sign_in_html import base_path
from lib.ui.files.file_text import describe_file
from lib.ui.server import streamlit_private
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t

_MAX_SHOWN_CHARS = 20_000


def render(user: User) -> None:
    """Render the dialog of the file that was opened, until it is closed."""
    if opened := session_state.opened_file:
        message_id, part = opened
        title = escape_markdown(part.name)
        st.dialog(title, width="medium", on_dismiss=_close)(_render_content)(user, message_id, part)


def _close() -> None:
    del session_state.opened_file


def _render_content(user: User, message_id: str, part: FilePart) -> None:
    # Only files of the user are found, whatever the digest.
    store = services.current_store().attachments
    file = store.get(user.id, part.digest)
    if file is None:
        st.caption(f":material/block: {t('files.missing')}")
        return
    facts = [describe_file(part), *part.notes]
    st.caption(" · ".join(escape_markdown(fact) for fact in facts if fact))
    _render_file(part, file)
    with st.container(key="file-actions", horizontal=True, gap="small"):
        if file.media_type == "application/pdf":
            path = streamlit_private.add_media(file.data, file.media_type, f"opened-{message_id}-{part.digest}")
            st.link_button(t("files.open_tab"), base_path().rstrip("/") + path, icon=":material/open_in_new:")
        st.download_button(
            t("files.download"),
            # Read when it is clicked.
            partial(_load, store, user.id, part),
            file_name=_download_name(part),
            mime=file.media_type,
            icon=":material/download:",
            key="file-download",
            on_click="ignore",
        )


def _render_file(part: FilePart, file: StoredFile) -> None:
    """Render an image, a sound, the first page of a PDF, and the text of any other file."""
    if part.kind == "image":
        st.image(file.data, alt=part.name)
    elif part.kind == "audio":
        st.audio(file.data, format=file.media_type)
    elif file.thumbnail:
        st.image(file.thumbnail, alt=part.name)
    if file.text:
        with st.expander(t("files.text"), expanded=not file.thumbnail, type="compact"):
            # Preformatted: the text is untrusted.
            st.code(file.text[:_MAX_SHOWN_CHARS], language=None, wrap_lines=True, height=400)
            if len(file.text) > _MAX_SHOWN_CHARS:
                st.caption(t("files.text_cut", count=_MAX_SHOWN_CHARS))
    elif part.kind not in ("image", "audio", "pdf"):
        st.caption(t("files.no_preview"))


def _load(store: AttachmentStore, user_id: str, part: FilePart) -> bytes:
    """Return the bytes of a file, on a thread without a session. Raises AttachmentNotFound and StoreError."""
    data = store.contents(user_id, [part.digest]).get(part.digest)
    if data is None:
        raise AttachmentNotFound(part.name)
    return data


def _download_name(part: FilePart) -> str:
    """Return the name with the extension of what is kept: a photo may have been converted."""
    stem, _, extension = part.name.rpartition(".")
    extension = EXTENSION_ALIASES.get(extension.lower(), extension.lower())
    expected = EXTENSIONS.get(part.media_type, extension)
    return part.name if extension == expected else f"{stem or part.name}.{expected}"
