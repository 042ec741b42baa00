"""Files in the composer and in the form of an edited question: the button that attaches them, and their tray."""

from __future__ import annotations

import streamlit as st

from lib.chat.attachments import FilePlan
from lib.core.conversation import FilePart, Node
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import file_plan, model_picker
from lib.ui.files import tray, tray_view, uploader
from lib.ui.files.tray_view import Place
from lib.ui.session import conversation_view, services


def render_uploader() -> None:
    """Render the button that attaches files, unless the operator allows none."""
    if uploader.is_enabled():
        with st.container(key="attach", width="content"):
            uploader.render(uploader.COMPOSER, conversation_view.draft_slot())
    else:
        st.empty()


def plan_question(user: User, target: Target | None) -> FilePlan:
    """Plan the files of the question that is being written, and those of the chat before it."""
    return file_plan.plan(user, tray.list_parts(conversation_view.draft_slot()), target)


def render_tray(user: User, planned: FilePlan) -> None:
    """Render the files of the question that is being written, with their form and tokens."""
    if uploader.is_enabled():
        place = Place(uploader.COMPOSER, conversation_view.draft_slot(), services.user_tag(user))
        notices = file_plan.list_notices(planned, model_picker.current_target())
        tray_view.render(user, place, file_plan.describe_all(planned), notices)


def render_edited(user: User, question: Node) -> None:
    """Render the files of an edited question, with a button that attaches others; above its form."""
    place = Place(f"edit-{question.id}", tray.edit_slot(question.id))
    if not tray.is_known(place.slot):
        tray.add_parts(place.slot, question.message.files)
    target = model_picker.current_target()
    planned = file_plan.plan(user, tray.list_parts(place.slot), target, question.id)
    with st.container(key=f"files-{place.name}", gap="small"):
        notices = file_plan.list_notices(planned, target)
        tray_view.render(user, place, file_plan.describe_all(planned), notices)
        if uploader.is_enabled():
            uploader.render(place.name, place.slot)


def edited_parts(question: Node) -> tuple[FilePart, ...]:
    """Return the files of an edited question as they are in its form."""
    slot = tray.edit_slot(question.id)
    return tray.list_parts(slot) if tray.is_known(slot) else question.message.files
