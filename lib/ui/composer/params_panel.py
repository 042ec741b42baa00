"""Parameters panel: one panel for both wires, with warnings about unsupported parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lib.chat.turns import model_facts, refused_requests
from lib.core.conversation import Failure
from lib.core.extra_json import absorb_extra
from lib.core.models import Capabilities
from lib.core.params import (
    FIELDS_BY_NAME,
    PARAM_FIELDS,
    ParamField,
    Params,
    changed_params,
    parse_json_object,
)
from lib.core.projects import Project
from lib.core.prompts import PromptSummary
from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from lib.core.user import User
from lib.ui import gateway_check
from lib.ui.composer import model_details
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button, render_menu, render_section
from lib.ui.widgets.errors import shows_errors
from lib.ui.widgets.param_values import render_field, to_param_value, to_widget_value
from lib.ui.widgets.refused_params import adjustment_message, refused_param_message

_WIDGET_KEYS = {field.name: f"param.{field.name}" for field in PARAM_FIELDS}
_DEFAULTS = {field.name: to_widget_value(field, Params()) for field in PARAM_FIELDS}
_MISSING = object()
_LONG_TEXT, _MAX_TEXT_HEIGHT = 600, 200  # characters and pixels
_GROUPS = ("basic", "image", "thinking", "search", "sampling", "output", "request")
SEARCH_SWITCH = "web_search"


def sync_widgets() -> None:
    """Set the widgets when another conversation was opened, and again in every run.

    The browser keeps a value that the server sets only if the panel has been open since; otherwise the next
    run removes it from the screen. So each run sets it again, except for a run that a field of the panel
    started: the next field may be in the middle of being typed in.
    """
    view, is_typing = conversation_view.current_view(), session_state.is_typing_params
    session_state.is_typing_params = False
    if session_state.param_widgets_source != view.source:
        project = view.project or Project("")
        saved = view.conversation.params if view.conversation else project.params
        for field in PARAM_FIELDS:
            session_state.set_widget(_WIDGET_KEYS[field.name], to_widget_value(field, saved))
        session_state.param_widgets_source = view.source
        return
    for name, key in _WIDGET_KEYS.items():
        value = session_state.widget(key, _MISSING)
        if value is _MISSING or not is_typing:
            session_state.set_widget(key, _DEFAULTS[name] if value is _MISSING else value)


def _param_value(field: ParamField) -> Any:
    return to_param_value(field, session_state.widget(_WIDGET_KEYS[field.name], _DEFAULTS[field.name]))


def current_params() -> Params:
    """Return the parameters as set, without invalid JSON; see `invalid_json_fields`."""
    blank: dict[str, Any] = dict.fromkeys(invalid_json_fields(), "")
    return replace(_read_widgets(), **blank)


def _read_widgets() -> Params:
    return Params(**{field.name: _param_value(field) for field in PARAM_FIELDS})


def invalid_json_fields() -> list[str]:
    """Return the names of parameters with a text that is not a JSON object."""
    return [field.name for field in PARAM_FIELDS if field.kind == "json" and not _is_json_object(field.name)]


def _is_json_object(name: str) -> bool:
    try:
        parse_json_object(session_state.widget(_WIDGET_KEYS[name]) or "")
    except ValueError:
        return False
    return True


def invalid_json_message() -> str:
    """Return the message about the first parameter that is not a JSON object; "" if all are valid."""
    return next((_not_json_message(name) for name in invalid_json_fields()), "")


def _not_json_message(name: str) -> str:
    return t("params.not_json", field=t(f"param.{name}"))


def set_params(user: User, /, **values: Any) -> None:
    """Set parameters by their widget values and save them; from a callback."""
    for name, value in values.items():
        session_state.set_widget(_WIDGET_KEYS[name], value)
    _save_params(user)


def replace_params(user: User, params: Params) -> None:
    """Set all parameters that differ from `params`, also to their defaults, and save them; from a callback."""
    current = current_params()
    changed = [field for field in PARAM_FIELDS if getattr(current, field.name) != getattr(params, field.name)]
    set_params(user, **{field.name: to_widget_value(field, params) for field in changed})


def reset_params(user: User, names: Sequence[str]) -> None:
    """Set parameters back to their defaults; from a callback."""
    set_params(user, **{name: _DEFAULTS[name] for name in names})


def list_rejected(failure: Failure, target: Target | None) -> list[str]:
    """Return the parameters that are set and that a failure names; Extra JSON if it names a field of it."""
    params = current_params()
    changed = changed_params(params)
    names = [name for name in failure.rejected_params if name in changed]
    extra = parse_json_object(params.extra)
    absorbed = changed_params(absorb_extra(target.wire, params)) if extra and target else []
    is_extra_named = any(name in absorbed and name not in changed for name in failure.rejected_params) or any(
        len(field) > 2 and re.search(rf"(?<!\w){re.escape(field)}(?!\w)", failure.detail) for field in extra
    )
    return [*names, "extra"] if is_extra_named and "extra" not in names else names


def _on_widget_change(user: User) -> None:
    session_state.is_typing_params = True
    _save_params(user)


@shows_errors
def _save_params(user: User) -> None:
    """Save the parameters with the open conversation, also invalid JSON, as typed so far."""
    conversation_id = conversation_view.current_view().conversation_id
    if conversation_id is not None:
        services.current_store().conversations.set_params(user.id, conversation_id, _read_widgets())


def render(
    user: User,
    target: Target | None,
    params: Params,
    warnings: Sequence[str],
    entries: Sequence[PromptSummary] = (),
) -> None:
    """Render the panel's button, and in the panel the warnings and all fields that the target supports.

    `params` are the current ones, `entries` those of the prompt library.
    """
    changed = {*changed_params(params), *invalid_json_fields()}
    label = t("composer.params_set", count=len(changed)) if changed else t("composer.params")
    with st.popover(label, icon=":material/tune:", key="params", width="content"):
        notes = gateway_check.target_notes(target) if target else []
        for warning in dict.fromkeys([*warnings, *_list_refused_params(target), *notes]):
            st.caption(f":material/info: {warning}")
        _render_instructions(conversation_view.current_view().project)
        _render_shared_prompts(entries)
        if target:
            about = t("target.about", model=escape_markdown(target.model))
            render_section(about, "about", lambda: model_details.render(user, target))
        unsupported = model_facts.unsupported_params(target, _capabilities(target)) if target else frozenset()
        hidden = {field.name for field in PARAM_FIELDS if field.name in unsupported and field.name not in changed}
        makes_images = bool(target and target.makes_images)
        image_names = {field.name for field in PARAM_FIELDS if field.group == "image"}
        shown = {field.name for field in PARAM_FIELDS} - hidden - (set() if makes_images else image_names)
        if target and model_facts.search_mode(target, _capabilities(target)):
            shown -= {SEARCH_SWITCH}  # it is beside the model
        for group in _GROUPS:
            fields = [field for field in PARAM_FIELDS if field.group == group and field.name in shown]
            _render_group(group, fields, user, target)
        hidden -= image_names
        if hidden and not makes_images:
            labels = [t(f"param.{field.name}") for field in PARAM_FIELDS if field.name in hidden]
            st.caption(t("params.unsupported", fields=t("list.separator").join(labels)))
        if changed:
            names = [field.name for field in PARAM_FIELDS]
            render_button(t("params.reset"), "params-clear", "", reset_params, user, names)


def render_search_switch(user: User, about: str) -> None:
    """Render the switch for web search outside of the panel, which then leaves it out."""
    st.toggle(
        t(f"param.{SEARCH_SWITCH}"),
        key=_WIDGET_KEYS[SEARCH_SWITCH],
        help=about,
        persist_state="session",
        on_change=_on_widget_change,
        args=(user,),
    )


def render_effort(user: User, target: Target | None) -> None:
    """Render the effort beside the model as a menu, for a model that is known to have several levels."""
    efforts = model_facts.list_efforts(target, _capabilities(target)) if target else ()
    # One slot in every case: what follows keeps its position.
    with st.container(key="effort-slot", width="content"):
        if not efforts:
            return
        current = _param_value(FIELDS_BY_NAME["effort"])
        render_menu(
            t("composer.effort_set", effort=t(f"effort.{current}")) if current else t("composer.effort"),
            "effort",
            ("", *efforts),
            lambda effort: t(f"effort.{effort}") if effort else t("composer.default"),
            lambda effort: set_params(user, effort=effort or None),
            "",
        )


def _render_instructions(project: Project | None) -> None:
    """Render what the project adds to each request, so that nothing is sent unseen."""
    if project is None or not project.instructions:
        return
    text = project.instructions

    def show() -> None:
        # Preformatted: it is sent as it is, and may be an imported file's.
        st.code(text, language=None, wrap_lines=True, height=_MAX_TEXT_HEIGHT if len(text) > _LONG_TEXT else "content")

    render_section(t("project.sent_first", name=escape_markdown(project.name)), "params-project", show)


def _render_shared_prompts(entries: Sequence[PromptSummary]) -> None:
    """Render a menu of the team's personas, whose system prompts come from there."""
    personas = [entry for entry in entries if entry.is_team and entry.kind == "persona"]
    if personas:
        render_menu(
            t("prompts.use_shared"),
            "params.shared",
            range(len(personas)),
            lambda index: escape_markdown(personas[index].name),
            lambda index: setattr(session_state, "pending_prompt_id", personas[index].id),
            "library_books",
        )


def list_warnings(target: Target | None, params: Params) -> list[str]:
    """List the parameters that are not valid JSON, or will be dropped or changed for the target."""
    warnings = [_not_json_message(name) for name in invalid_json_fields()]
    if target:
        adjustments = model_facts.dropped_params(target, params, _capabilities(target))
        adjustments += resources.settings().caller_identity.overridden_params(params)
        warnings += [adjustment_message(adjustment, target) for adjustment in adjustments]
        refused = refused_requests.sent_refused_params(known_refusals(target), target, params, _capabilities(target))
        changed = changed_params(params)
        warnings += [refused_param_message(param) for param in refused if param.param_name in changed]
    return warnings


def _list_refused_params(target: Target | None) -> list[str]:
    """List all parameters that the model has refused over this wire, also those that are not set."""
    return list(map(refused_param_message, known_refusals(target))) if target else []


def known_refusals(target: Target) -> Sequence[RefusedParam]:
    """Return the parameters that this session's gateway is known to refuse for the target."""
    return services.connection().gateway.refused_params.find(target)


def _capabilities(target: Target) -> Capabilities:
    return services.model(target.model).capabilities


def _render_group(group: str, fields: Sequence[ParamField], user: User, target: Target | None) -> None:
    def render_fields() -> None:
        for field in fields:
            _render_field(field, user, target)

    if group in ("basic", "image") or (target and target.makes_images and group != "request"):
        render_fields()
    elif fields:
        render_section(t(f"params.{group}"), f"params-{group}", render_fields)


def _render_field(field: ParamField, user: User, target: Target | None) -> None:
    wire = target.wire if target else "openai"
    choices = model_facts.image_choices(target, field.name) if target and field.group == "image" else None
    render_field(field, _WIDGET_KEYS[field.name], wire, choices, on_change=_on_widget_change, args=(user,))
    if field.kind == "json" and field.name in invalid_json_fields():
        st.caption(f":red[{_not_json_message(field.name)}]")
