"""Composer: message input, model and parameters, and Stop while an answer is generated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.attachments import FilePlan
from lib.chat.turns import model_facts
from lib.core.errors import ConversationNotFound
from lib.core.params import Params
from lib.core.prompts import PromptSummary
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import (
    composer_files,
    context_window,
    dictation,
    drafts,
    earlier_audio,
    image_area,
    model_picker,
    params_panel,
    persona_choice,
    project_choice,
    prompt_menu,
    prompt_use,
    questions,
    web_search,
)
from lib.ui.files import tray_jobs, uploader
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.usage import quota_status
from lib.ui.widgets import cost, model_select, undo
from lib.ui.widgets.errors import error_message, flash_warning, render_flash_warning, shows_errors
from lib.ui.widgets.navigation import SETTINGS_PAGE

_INPUT_KEY = "composer.box"


def sync(user: User) -> Sequence[PromptSummary]:
    """Set the widgets for the open conversation and a chosen prompt, and read files; returns the prompts.

    Before the messages, whose actions depend on the target and the parameters, and whose editors have files.
    """
    dictation.take_result()
    _report_missing()
    project_choice.report_missing()
    model_picker.sync_target(user)
    params_panel.sync_widgets()
    persona_choice.sync_widgets()
    prompt_use.use_pending(user)
    uploader.read_waiting(user)
    return prompt_use.load_entries(user)


def _report_missing() -> None:
    """Say that the URL names no conversation of the user, unless a refused action has already said more."""
    if conversation_view.current_view().is_missing and not session_state.flash_warning:
        flash_warning(error_message(ConversationNotFound()))


def render(user: User, entries: Sequence[PromptSummary]) -> DeltaGenerator:
    """Render the composer at the bottom of the page with what `sync` returned; returns the slot of Stop."""
    target, params = model_picker.current_target(), params_panel.current_params()
    files = composer_files.plan_question(user, target)
    param_warnings = params_panel.list_warnings(target, params)
    with st.bottom:
        # One slot for each: the input loses what is being typed in it when its position changes.
        with st.empty():
            drafts.render(user, partial(questions.submit, user))
        _render_notices(user, param_warnings)
        with st.empty(), st.container():
            context_window.render(user, target, params, files)
        with st.empty():
            prompt_use.render_form(user)
        with st.empty():
            project_choice.render(user)
        with st.container(key="target-row", horizontal=True, vertical_alignment="center", gap="small"):
            composer_files.render_uploader()
            composer_files.render_page_form(user)
            dictation.render(user)
            model_picker.render(user)
            persona_choice.render(user, entries)
            _render_model_options(user, target)
            params_panel.render(user, target, params, param_warnings, entries)
            stop_slot = _render_stop_or_estimate(files, params)
        _render_tray(user, files)
        prompt_menu.render(entries)
    # Without a container, Streamlit would scroll the page too.
    st.bottom.chat_input(
        t("composer.placeholder"),
        key=_INPUT_KEY,
        # Without its script, which otherwise takes the question and sends it with an idempotency key.
        on_submit=lambda: questions.send(user, session_state.widget(_INPUT_KEY) or ""),
    )
    _render_gateway_notice()
    return stop_slot


def _render_model_options(user: User, target: Target | None) -> None:
    """Render what the selected model offers, each in a slot of its own."""
    params_panel.render_effort(user, target)
    web_search.render(user, target)
    image_area.render(user, target)


def _render_tray(user: User, files: FilePlan) -> None:
    """Render the files of the question, and what looks for the end of their jobs, each in a slot of its own."""
    with st.empty():
        earlier_audio.render(user, files)
    with st.empty():
        composer_files.render_tray(user, files)
    with st.empty():
        tray_jobs.render_progress(conversation_view.draft_slot())


def render_model_list(user: User) -> None:
    """Render the list that the model picker opens; after the messages, which are more urgent."""
    with st.bottom:
        model_select.render_list(user)


def _render_notices(user: User, param_warnings: list[str]) -> None:
    """Render what the user has to know above the input, each in a slot of its own."""
    with st.empty():
        render_flash_warning()
    with st.empty():
        undo.render(conversation_view.current_view().conversation_id)
    with st.empty():
        model_picker.render_notice(user)
    with st.empty():
        _render_param_warning(param_warnings)
    with st.empty():
        quota_status.render_warning()


def _render_gateway_notice() -> None:
    """Say below the input that the demo gateway or the user's own API key is in use."""
    if personal_key := session_state.personal_key:
        label = t(
            "composer.own_key",
            suffix=escape_markdown(personal_key.key_suffix),
            host=escape_markdown(services.gateway_host()),
        )
    elif services.is_demo():
        label = t("composer.demo")
    else:
        return
    with st.bottom, st.container(key="demo-note", horizontal=True, horizontal_alignment="center"):
        st.page_link(SETTINGS_PAGE, label=label, query_params={**conversation_view.query_params(), "tab": "gateway"})


def _render_param_warning(warnings: list[str]) -> None:
    """Show the first warning about parameters in one line, and the number of others."""
    if warnings:
        others = t("params.more", count=len(warnings) - 1) if len(warnings) > 1 else ""
        st.caption(f":material/info: {warnings[0]} {others}")


def replace_stop_with_estimate(user: User, slot: DeltaGenerator) -> None:
    """Show the estimated cost of the next question in place of Stop, once an answer has ended."""
    slot.empty()
    with slot:
        files = composer_files.plan_question(user, model_picker.current_target())
        _render_estimate(files, params_panel.current_params())


def _render_estimate(files: FilePlan, params: Params) -> None:
    """Render the estimated cost of the next question, once there is something that it would send."""
    view, target = conversation_view.current_view(), model_picker.current_target()
    if target and (view.nodes or files.files or target.makes_images):
        estimate = context_window.estimate_context(view, "", target, params, files)
        limit = model_facts.output_limit(target, params, services.model(target.model).capabilities)
        cost.render_estimate(estimate, target, params, limit)


def _render_stop_or_estimate(files: FilePlan, params: Params) -> DeltaGenerator:
    """Render Stop while an answer is generated, else the estimated cost of the next question."""
    slot = st.empty()
    if generation := conversation_view.current_view().generation:
        slot.button(
            t("composer.stop"),
            key="stop",
            type="primary",
            icon=":material/stop:",
            on_click=shows_errors(generation.stop),
        )
    else:
        with slot:
            _render_estimate(files, params)
    return slot
