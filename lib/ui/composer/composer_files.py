"""Files in the composer and in the form of an edited question: the button that attaches them, and their tray."""

from __future__ import annotations

import streamlit as st

from lib.chat.attachments import FilePlan
from lib.core.conversation import FilePart, Node
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import file_plan, model_picker
from lib.ui.files import tray, tray_jobs, tray_view, uploader
from lib.ui.files.tray_view import Place
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.errors import shows_errors

_URL_KEY = "page-url"


def render_uploader() -> None:
    """Render the button that attaches files, unless the operator allows none."""
    if uploader.is_enabled():
        with st.container(key="attach", width="content"):
            uploader.render(uploader.COMPOSER, conversation_view.draft_slot())
    else:
        st.empty()


def render_page_form(user: User) -> None:
    """Render the button that opens the form for an address; nothing on a server that fetches no pages."""
    if not uploader.fetches_pages():
        return
    with (
        st.container(key="page-slot", width="content"),
        st.popover(t("page.attach"), icon=":material/add_link:", key="attach-page", width="content"),
        st.form("page-form", border=False),
    ):
        st.text_input(t("page.address"), key=_URL_KEY, placeholder="https://example.com/page")
        st.caption(t("page.about"))
        st.form_submit_button(t("page.submit"), type="primary", on_click=_attach_page, args=(user,))


@shows_errors
def _attach_page(user: User) -> None:
    """Fetch the page whose address was entered, into the tray of the open chat; a callback."""
    url = str(session_state.widget(_URL_KEY) or "").strip()
    if url:
        uploader.attach_page(user, conversation_view.draft_slot(), url)
        session_state.set_widget(_URL_KEY, "")


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
        tray_jobs.render_progress(place.slot)
        if uploader.is_enabled():
            uploader.render(place.name, place.slot)


def edited_parts(question: Node) -> tuple[FilePart, ...]:
    """Return the files of an edited question as they are in its form."""
    slot = tray.edit_slot(question.id)
    return tray.list_parts(slot) if tray.is_known(slot) else question.message.files
