"""Fields of a column that is about to be asked: model, wire and parameters."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lib.chat.comparisons.comparison import ColumnChoice
from lib.chat.turns import model_facts
from lib.core.params import PARAM_FIELDS, ParamField, Params, changed_params
from lib.core.target import Target, selectable_wires
from lib.core.user import User
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import model_access, model_select, request_fields
from lib.ui.widgets.controls import render_choice, render_section
from lib.ui.widgets.errors import flash_warning
from lib.ui.widgets.param_values import render_field
from lib.ui.widgets.refused_params import adjustment_message

_GROUPS = ("basic", "image", "thinking", "search", "sampling", "output", "request")
# The system prompt is one for all columns, and a column has a place for one answer.
_FIELDS = tuple(field for field in PARAM_FIELDS if field.name not in ("system", "n"))


def prefix(column: str) -> str:
    """Return the beginning of the keys of a column's fields."""
    return f"compare-{column}"


def set_values(column: str, choice: ColumnChoice | None) -> None:
    """Set the fields of a column; from a callback or before they are rendered."""
    params = replace(choice.params, system="") if choice else Params()
    request_fields.set_values(prefix(column), choice.target if choice else None, params)


def read_target(column: str) -> Target | None:
    """Return the target of a column; None without a model."""
    return request_fields.read_target(prefix(column))


def read_params(column: str) -> tuple[Params, str]:
    """Return the parameters of a column, and the reason why they cannot be sent, "" without one."""
    return request_fields.read_params(prefix(column), _FIELDS)


def render(user: User, column: str, number: int) -> None:
    """Render the fields of a column in the current line."""
    name, target = prefix(column), read_target(column)
    label = t("compare.model", number=number)

    def choose() -> None:
        with model_select.apply_choice(f"{name}-choice", column) as model_id:
            if model_id:
                _choose_model(user, column, model_id)

    model = target.model if target else ""
    placeholder = t("composer.model_placeholder")
    model_select.render(f"{name}-choice", user, model, choose, label=label, placeholder=placeholder, scope=column)
    if target:
        _render_wire(name, target, number)
        _render_params(column, target, number)


def _choose_model(user: User, column: str, model_id: str) -> None:
    if not model_access.is_model_allowed(user, model_id):
        flash_warning(model_access.model_not_allowed_message(model_id))
        return
    session_state.set_widget(f"{prefix(column)}-model", model_id)
    session_state.set_widget(f"{prefix(column)}-wire", services.model(model_id).wires[0])


def _render_wire(name: str, target: Target, number: int) -> None:
    wires = selectable_wires(services.model(target.model).wires)
    if session_state.widget(f"{name}-wire") not in wires:
        session_state.set_widget(f"{name}-wire", wires[0])
    label = t("compare.wire", number=number)
    render_choice(label, f"{name}-wire", wires, lambda wire: t(f"wire.{wire}"), persist_state="session")


def _render_params(column: str, target: Target, number: int) -> None:
    """Render the button of the parameters that the target takes, and of those that are set."""
    params, problem = read_params(column)
    changed, capabilities = changed_params(params), services.model(target.model).capabilities
    count = t("composer.params_set", count=len(changed)) if changed else t("composer.params")
    label = f"{count} :small[{t('compare.of_column', number=number)}]"
    with st.popover(label, icon=":material/tune:", key=f"{prefix(column)}-params", width="content"):
        st.markdown(f"**{escape_markdown(target.model)}**")
        if problem:
            st.caption(f":red[{problem}]")
        for adjustment in model_facts.dropped_params(target, params, capabilities):
            st.caption(f":material/info: {adjustment_message(adjustment, target)}")
        hidden = model_facts.unsupported_params(target, capabilities) - set(changed)
        for group in _GROUPS:
            fields = [field for field in _FIELDS if field.group == group and field.name not in hidden]
            if group != "image" or target.makes_images:
                _render_group(column, target, group, fields)


def _render_group(column: str, target: Target, group: str, fields: list[ParamField]) -> None:
    def render_fields() -> None:
        for field in fields:
            choices = model_facts.image_choices(target, field.name) if field.group == "image" else None
            render_field(field, request_fields.param_key(prefix(column), field), target.wire, choices)

    if group in ("basic", "image"):
        render_fields()
    elif fields:
        render_section(t(f"params.{group}"), f"{prefix(column)}-{group}", render_fields)
