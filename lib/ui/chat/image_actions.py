"""Actions on the images of an answer: download, and edit with the next question."""

from __future__ import annotations

import base64
from functools import partial

import streamlit as st

from lib.chat.turns import model_facts
from lib.core.conversation import ImagePart, Node
from lib.core.images import is_displayable
from lib.core.target import IMAGES, Target
from lib.core.user import User
from lib.ui.composer import model_picker
from lib.ui.files import uploader
from lib.ui.session import conversation_view, services
from lib.ui.text import t
from lib.ui.widgets import model_access
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

_MAX_IMAGES = 20  # with actions, of one answer


def list_images(node: Node) -> list[ImagePart]:
    """Return the images of an answer that are shown."""
    images = [part for part in node.message.parts if isinstance(part, ImagePart) and is_displayable(part)]
    return images[:_MAX_IMAGES]


def render(node: Node, user: User | None = None) -> None:
    """Render the actions on each image, numbered where there are several; without a `user`, only downloads."""
    images = list_images(node)
    if not images:
        return
    editor = _find_editor(user, node) if user and uploader.is_enabled() else None
    with st.container(key=f"images-{node.id}", horizontal=True, gap="small"):
        for number, image in enumerate(images, 1):
            is_only = len(images) == 1
            _render_download(node, image, number, is_only=is_only)
            if user and editor:
                label = t("image.edit") if is_only else t("image.edit_number", number=number)
                render_button(label, f"image-edit-{node.id}-{number}", "brush", _edit, user, editor, image)


def _find_editor(user: User, node: Node) -> Target | None:
    """Return the target that can edit the images of an answer: the selected one, its own, or the first listed one.

    An image of a chat goes to the selected model of chat, which sees it.
    """
    selected = model_picker.current_target()
    if node.target and not node.target.makes_images and selected and not selected.makes_images:
        return selected
    listed = (Target(model.id, IMAGES) for model in services.model_list().models if model.makes_images)
    candidates = (target for target in (selected, node.target, *listed) if target and model_facts.edits_images(target))
    return next((target for target in candidates if model_access.is_model_allowed(user, target.model)), None)


@shows_errors
def _edit(user: User, target: Target, image: ImagePart) -> None:
    """Attach an image to the next question, and select a model that can edit it; a callback."""
    name = f"image.{_extension(image)}"
    uploader.attach(user, conversation_view.draft_slot(), name, base64.b64decode(image.data))
    model_picker.select_target(target)


def _extension(image: ImagePart) -> str:
    return image.media_type.removeprefix("image/").replace("jpeg", "jpg")


def _render_download(node: Node, image: ImagePart, number: int, *, is_only: bool) -> None:
    st.download_button(
        t("image.download") if is_only else t("image.download_number", number=number),
        # Decoded when it is clicked, not in each run.
        partial(base64.b64decode, image.data),
        f"image-{number}.{_extension(image)}",
        image.media_type,
        key=f"image-download-{node.id}-{number}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
