"""Parameters panel: one panel for both wires, with warnings about unsupported parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lib.chat.turns import refused_requests, turn
from lib.core.conversation import Failure
from lib.core.extra_json import absorb_extra
from lib.core.models import Capabilities
from lib.core.params import (
    FIELDS_BY_NAME,
    PARAM_FIELDS,
    ParamAdjustment,
    ParamField,
    Params,
    changed_params,
    parse_json_object,
    parse_stop_sequences,
)
from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button, render_menu
from lib.ui.widgets.errors import shows_errors
from lib.ui.widgets.refused_params import refused_param_message

_WIDGET_KEYS = {field.name: f"param.{field.name}" for field in PARAM_FIELDS}
_GROUPS = ("basic", "thinking", "sampling", "output", "request")
# Below this, a range is short enough to show in the label.
_MAX_SHOWN_RANGE = 1000


def sync_widgets() -> None:
    """Set the widgets when another conversation was opened, and again in every run.

    The browser keeps a value that the server sets only if the panel has been open since; otherwise the next
    run removes it from the screen. So each run sets it again, except for a run that a field of the panel
    started: the next field may be in the middle of being typed in.
    """
    view, is_typing = conversation_view.current_view(), session_state.is_typing_params
    session_state.is_typing_params = False
    for field in PARAM_FIELDS:
        key = _WIDGET_KEYS[field.name]
        if not session_state.has_widget(key):
            session_state.set_widget(key, _widget_value(field, Params()))
        elif not is_typing:
            session_state.set_widget(key, session_state.widget(key))
    if session_state.param_widgets_source != view.conversation_id:
        saved = view.conversation.params if view.conversation else Params()
        for field in PARAM_FIELDS:
            session_state.set_widget(_WIDGET_KEYS[field.name], _widget_value(field, saved))
        session_state.param_widgets_source = view.conversation_id


def _widget_value(field: ParamField, params: Params) -> Any:
    """Convert a parameter to its widget's value; the inverse of `_param_value`."""
    value = getattr(params, field.name)
    if field.kind == "lines":
        return "\n".join(stop.replace("\n", "\\n").replace("\t", "\\t") for stop in value)
    return value or None if field.kind == "choice" else value


def _param_value(field: ParamField) -> Any:
    value = session_state.widget(_WIDGET_KEYS[field.name], _widget_value(field, Params()))
    if field.kind == "lines":
        return parse_stop_sequences(value or "")
    if field.kind in ("area", "text", "json", "choice"):
        return (value or "").strip()
    return value


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


def reset_params(user: User, names: Sequence[str]) -> None:
    """Set parameters back to their defaults; from a callback."""
    set_params(user, **{name: _widget_value(FIELDS_BY_NAME[name], Params()) for name in names})


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


def render(user: User, target: Target | None, warnings: Sequence[str]) -> None:
    """Render the panel's button, and in the panel the warnings and all fields that the target supports."""
    changed = changed_params(_read_widgets())
    label = t("composer.params_set", count=len(changed)) if changed else t("composer.params")
    with st.popover(label, icon=":material/tune:", key="params", width="content"):
        for warning in dict.fromkeys([*warnings, *_list_refused_params(target)]):
            st.caption(f":material/info: {warning}")
        _render_shared_prompts(user)
        unsupported = turn.unsupported_params(target, _capabilities(target)) if target else frozenset()
        hidden = {field.name for field in PARAM_FIELDS if field.name in unsupported and field.name not in changed}
        for group in _GROUPS:
            fields = [field for field in PARAM_FIELDS if field.group == group and field.name not in hidden]
            _render_group(group, fields, user, target)
        if hidden:
            labels = [t(f"param.{field.name}") for field in PARAM_FIELDS if field.name in hidden]
            st.caption(t("params.unsupported", fields=t("list.separator").join(labels)))
        if changed:
            names = [field.name for field in PARAM_FIELDS]
            render_button(t("params.reset"), "params-clear", "", reset_params, user, names)


def render_effort(user: User, target: Target | None) -> None:
    """Render the effort beside the model as a menu, for a model that is known to have several levels."""
    efforts = turn.list_efforts(target, _capabilities(target)) if target else ()
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


def _render_shared_prompts(user: User) -> None:
    """Render a menu of the team's prompts; the selected one replaces the system prompt."""
    prompts = resources.policy().prompts
    if prompts:
        render_menu(
            t("prompts.use"),
            "params.shared",
            range(len(prompts)),
            lambda index: escape_markdown(prompts[index].name),
            lambda index: set_params(user, system=prompts[index].text),
            "library_books",
        )


def list_warnings(target: Target | None) -> list[str]:
    """List the parameters that are not valid JSON, or will be dropped or changed for the target."""
    warnings = [_not_json_message(name) for name in invalid_json_fields()]
    if target:
        params = current_params()
        adjustments = turn.dropped_params(target, params, _capabilities(target))
        adjustments += resources.settings().caller_identity.overridden_params(params)
        warnings += [_adjustment_message(adjustment, target) for adjustment in adjustments]
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


def _adjustment_message(adjustment: ParamAdjustment, target: Target) -> str:
    fields = t("list.separator").join(t(f"param.{name}") for name in adjustment.param_names.split(",") if name)
    return t(
        f"param_adjustment.{adjustment.code}",
        field=fields,
        value=adjustment.value,
        wire=t(f"wire.{target.wire}"),
    )


def _render_group(group: str, fields: Sequence[ParamField], user: User, target: Target | None) -> None:
    if not fields:
        return
    with st.container() if group == "basic" else st.expander(t(f"params.{group}"), key=f"params-{group}"):
        for field in fields:
            _render_field(field, user, target)


def _render_field(field: ParamField, user: User, target: Target | None) -> None:
    label, default = t(f"param.{field.name}"), t("composer.default")
    widget_args: dict[str, Any] = {
        "key": _WIDGET_KEYS[field.name],
        "on_change": _on_widget_change,
        "args": (user,),
        "help": t(f"param.{field.name}_help"),
        "persist_state": "session",
    }
    match field.kind:
        case "number" | "integer":
            _render_number(label, field, target, {**widget_args, "placeholder": default})
        case "choice":
            st.selectbox(
                label,
                field.choices,
                index=None,
                format_func=lambda value: t(f"{field.name}.{value}"),
                placeholder=default,
                **widget_args,
            )
        case "switch":
            st.toggle(label, **widget_args)
        case "text":
            st.text_input(label, placeholder=default, **widget_args)
        case _:
            height = 100 if field.name == "system" else 70
            st.text_area(label, placeholder=t(f"param.{field.name}_example"), height=height, **widget_args)
            if field.name in invalid_json_fields():
                st.caption(f":red[{_not_json_message(field.name)}]")


def _render_number(label: str, field: ParamField, target: Target | None, widget_args: dict[str, Any]) -> None:
    """Render a number field, empty for the default; a value outside the range of this wire stays."""
    limits = field.range_for(target.wire if target else "openai")
    convert: Callable[[float], float] = int if field.kind == "integer" else float
    value = session_state.widget(_WIDGET_KEYS[field.name])
    minimum, maximum = convert(limits.minimum), convert(limits.maximum)
    if abs(limits.maximum) < _MAX_SHOWN_RANGE:
        label = t("params.range", field=label, minimum=f"{minimum:g}", maximum=f"{maximum:g}")
    st.number_input(
        label,
        min_value=minimum if value is None else min(minimum, value),
        max_value=maximum if value is None else max(maximum, value),
        value=None,
        step=convert(field.step),
        **widget_args,
    )
