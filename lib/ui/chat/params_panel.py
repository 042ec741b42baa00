"""The parameters: one panel for both wires, which shows what the target takes and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lib.chat.turns import turn
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
from lib.core.policy import Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets.errors import shows_errors

_WIDGET_KEYS = {field.name: f"param.{field.name}" for field in PARAM_FIELDS}
_SHARED_PROMPT_KEY = "params.shared"
_GROUPS = ("thinking", "sampling", "output", "request")


def sync_widgets() -> None:
    """Fill the widgets where the conversation is not the one that they were filled for.

    The browser keeps a value that the server sets only where the panel has been open since; else the
    next run takes it off the screen. So each run sets it again, but for one that a field of the panel
    began: there, the next field may be in the middle of being typed in.
    """
    shown, typing = conversation_view.current_view(), session_state.is_typing_params
    session_state.is_typing_params = False
    # The last value of each widget, kept here: Streamlit forgets a widget's own when its page is left.
    kept = session_state.param_widget_values
    for field in PARAM_FIELDS:
        # Only where it is gone: a value that the server sets replaces what is being typed there.
        if not session_state.has_widget(_WIDGET_KEYS[field.name]):
            session_state.set_widget(
                _WIDGET_KEYS[field.name], kept.get(field.name, _widget_value(field, Params()))
            )
        elif not typing:
            session_state.set_widget(_WIDGET_KEYS[field.name], session_state.widget(_WIDGET_KEYS[field.name]))
    if session_state.param_widgets_source != shown.conversation_id:
        saved = shown.conversation.params if shown.conversation else Params()
        for field in PARAM_FIELDS:
            session_state.set_widget(_WIDGET_KEYS[field.name], _widget_value(field, saved))
        session_state.param_widgets_source = shown.conversation_id


def _widget_value(field: ParamField, params: Params) -> Any:
    """A parameter as its widget holds it."""
    value = getattr(params, field.name)
    if field.kind == "lines":
        return "\n".join(stop.replace("\n", "\\n").replace("\t", "\\t") for stop in value)
    return value or None if field.kind == "choice" else value


def current_params() -> Params:
    """What is set. A text that is not the JSON it should be is left out: `unreadable` names it."""
    blank: dict[str, Any] = dict.fromkeys(invalid_json_fields(), "")
    return replace(_read_widgets(), **blank)


def _read_widgets() -> Params:
    found: dict[str, Any] = {}
    for field in PARAM_FIELDS:
        value = session_state.widget(_WIDGET_KEYS[field.name], _widget_value(field, Params()))
        if field.kind == "lines":
            value = parse_stop_sequences(value or "")
        elif field.kind in ("area", "text", "json", "choice"):
            value = (value or "").strip()
        found[field.name] = value
    return Params(**found)


def invalid_json_fields() -> list[str]:
    """The names of the parameters whose text is not a JSON object."""
    return [field.name for field in PARAM_FIELDS if field.kind == "json" and not _is_json_object(field.name)]


def _is_json_object(name: str) -> bool:
    try:
        parse_json_object(session_state.widget(_WIDGET_KEYS[name]) or "")
    except ValueError:
        return False
    return True


def set_params(user: User, /, **values: Any) -> None:
    """Set parameters from a callback, as if a person had."""
    for name, value in values.items():
        session_state.set_widget(_WIDGET_KEYS[name], value)
    save_params(user)


def _on_widget_change(user: User) -> None:
    session_state.is_typing_params = True
    save_params(user)


@shows_errors
def save_params(user: User) -> None:
    """Keep what is set with the conversation, where one has begun; a callback.

    A text that cannot be read (yet) is kept as it was typed.
    """
    shown = conversation_view.current_view()
    if shown.conversation_id is not None:
        services.current_store().conversations.set_params(user.id, shown.conversation_id, _read_widgets())


def render(user: User, target: Target | None, messages: Sequence[str]) -> None:
    """The button of the panel, and the panel, with the `notes` on what is set."""
    set_ = changed_params(_read_widgets())
    label = t("composer.params_set", count=len(set_)) if set_ else t("composer.params")
    with st.popover(label, icon=":material/tune:", key="params", width="content"):
        for words in messages:
            st.caption(f":material/info: {words}")
        _render_shared_prompts(user)
        refused = turn.unsupported_params(target) if target else frozenset()
        for group in ("basic", *_GROUPS):
            fields = [
                f for f in PARAM_FIELDS if f.group == group and (f.name not in refused or f.name in set_)
            ]
            _render_group(group, fields, user, target)
        if left := [t(f"param.{f.name}") for f in PARAM_FIELDS if f.name in refused and f.name not in set_]:
            st.caption(t("params.not_taken", fields=t("list.comma").join(left)))
        if set_:
            st.button(
                t("params.clear"), key="params-clear", type="tertiary", on_click=_clear_params, args=(user,)
            )
    session_state.param_widget_values = {
        name: session_state.widget(key) for name, key in _WIDGET_KEYS.items()
    }


def _render_shared_prompts(user: User) -> None:
    """The team's prompts, of which one can take the place of the system prompt."""
    prompts = resources.policy().prompts
    if prompts:
        st.menu_button(
            t("prompts.use"),
            range(len(prompts)),
            key=_SHARED_PROMPT_KEY,
            icon=":material/library_books:",
            type="tertiary",
            format_func=lambda place: escape_markdown(prompts[place].name),
            on_click=_apply_shared_prompt,
            args=(user, prompts),
        )


def _apply_shared_prompt(user: User, prompts: Sequence[Prompt]) -> None:
    set_params(user, system=prompts[session_state.widget(_SHARED_PROMPT_KEY)].text)


def _clear_params(user: User) -> None:
    set_params(user, **{field.name: _widget_value(field, Params()) for field in PARAM_FIELDS})


def list_warnings(target: Target | None) -> list[str]:
    """What the target does not take as it is set, in words, and what cannot be read."""
    wrong = [t("params.not_json", field=t(f"param.{name}")) for name in invalid_json_fields()]
    if target is None:
        return wrong
    lost = turn.dropped_params(conversation_view.current_view().nodes, target, current_params())
    lost += resources.settings().caller_identity.overridden_params(current_params())
    return wrong + [_dropped_param_message(loss, target) for loss in lost]


def _dropped_param_message(dropped_param: ParamAdjustment, target: Target) -> str:
    fields = t("list.comma").join(t(f"param.{name}") for name in dropped_param.param_names.split(",") if name)
    return t(
        f"loss.{dropped_param.code}", field=fields, value=dropped_param.value, wire=t(f"wire.{target.wire}")
    )


def _render_group(group: str, fields: Sequence[ParamField], user: User, target: Target | None) -> None:
    if group == "basic":
        for field in fields:
            _render_widget(field, user, target)
    elif fields:
        with st.expander(t(f"params.{group}"), key=f"params-{group}"):
            for field in fields:
                _render_widget(field, user, target)


def _render_widget(field: ParamField, user: User, target: Target | None) -> None:
    label, about = t(f"param.{field.name}"), t(f"param.{field.name}_help")
    same: dict[str, Any] = {
        "key": _WIDGET_KEYS[field.name],
        "on_change": _on_widget_change,
        "args": (user,),
        "help": about,
    }
    default = t("composer.default")
    match field.kind:
        case "number" | "integer":
            _render_number(label, field, target, {**same, "placeholder": default})
        case "choice":
            names: Callable[[str], str] = lambda value: t(f"{field.name}.{value}")  # noqa: E731
            st.selectbox(label, field.choices, index=None, format_func=names, placeholder=default, **same)
        case "switch":
            st.toggle(label, **same)
        case "text":
            st.text_input(label, placeholder=default, **same)
        case _:
            height = 100 if field.name == "system" else 70
            st.text_area(label, placeholder=t(f"param.{field.name}_example"), height=height, **same)
            if field.name in invalid_json_fields():
                st.caption(f":red[{t('params.not_json', field=label)}]")


def _render_number(label: str, field: ParamField, target: Target | None, widget_args: dict[str, Any]) -> None:
    """A number, empty while it is untouched. What was set for another wire stays, and is told apart."""
    limits = field.range_for(target.wire if target else "openai")
    exact: Callable[[float], float] = int if field.kind == "integer" else float
    value = session_state.widget(_WIDGET_KEYS[field.name])
    least, most = exact(limits.minimum), exact(limits.maximum)
    if abs(limits.maximum) < 1000:
        label = t("params.range", field=label, least=f"{least:g}", most=f"{most:g}")
    st.number_input(
        label,
        min_value=least if value is None else min(least, value),
        max_value=most if value is None else max(most, value),
        value=None,
        step=exact(field.step),
        **widget_args,
    )


def filter_changed(names: Sequence[str]) -> list[str]:
    """Those of the names that are parameters, and set."""
    return [name for name in names if name in changed_params(current_params())]


def reset_params(user: User, names: Sequence[str]) -> None:
    """Set parameters back to what they are untouched."""
    set_params(user, **{name: _widget_value(FIELDS_BY_NAME[name], Params()) for name in names})
