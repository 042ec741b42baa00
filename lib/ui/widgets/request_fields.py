"""Fields for the model, its wire and the parameters of later requests, in an editor that is saved as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.params import PARAM_FIELDS, ParamField, Params, parse_json_object
from lib.core.target import IMAGES, WIRES, Target, is_wire, selectable_wires
from lib.core.user import User
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import model_access
from lib.ui.widgets.controls import render_choice
from lib.ui.widgets.param_values import render_field, to_param_value, to_widget_value

FIELDS_WITHOUT_SYSTEM = tuple(field for field in PARAM_FIELDS if field.name != "system")


def set_values(prefix: str, target: Target | None, params: Params) -> None:
    """Set the fields whose keys begin with `prefix`."""
    session_state.set_widget(f"{prefix}-model", target.model if target else None)
    session_state.set_widget(f"{prefix}-wire", target.wire if target else WIRES[0])
    for field in PARAM_FIELDS:
        session_state.set_widget(param_key(prefix, field), to_widget_value(field, params))


def render(user: User, prefix: str, fields: Sequence[ParamField]) -> None:
    """Render the target, and these parameters."""
    render_target(user, prefix)
    render_params(prefix, fields)


def render_params(prefix: str, fields: Sequence[ParamField]) -> None:
    """Render these parameters, without those of images for a model that chats."""
    makes_images = session_state.widget(f"{prefix}-wire") == IMAGES
    for field in fields:
        if makes_images or field.group != "image":
            render_field(field, param_key(prefix, field))


def render_target(user: User, prefix: str) -> None:
    """Render the model, and the wire of a model that is set."""
    key, wire_key = f"{prefix}-model", f"{prefix}-wire"
    listed = [model.id for model in services.model_list().models if model_access.is_model_allowed(user, model.id)]
    chosen = session_state.widget(key)

    def select_listed_wire() -> None:
        if (model := session_state.widget(key)) and isinstance(model, str):
            wires = services.model(model).wires
            if session_state.widget(wire_key) not in wires:
                session_state.set_widget(wire_key, wires[0])

    st.selectbox(
        t("composer.model"),
        listed if chosen in (None, *listed) else [chosen, *listed],
        index=None,
        key=key,
        placeholder=t("prompts.any_model"),
        accept_new_options=True,
        persist_state="session",
        on_change=select_listed_wire,
    )
    if chosen:
        wires = selectable_wires(services.model(str(chosen)).wires)
        if session_state.widget(wire_key) not in wires:
            session_state.set_widget(wire_key, wires[0])
        render_choice(t("composer.wire"), wire_key, wires, lambda wire: t(f"wire.{wire}"), persist_state="session")


def read_target(prefix: str) -> Target | None:
    """Return the target in the fields; None without a model."""
    model = str(session_state.widget(f"{prefix}-model") or "").strip()
    wire = session_state.widget(f"{prefix}-wire")
    return Target(model, wire) if model and is_wire(wire) else None


def read_params(prefix: str, fields: Sequence[ParamField]) -> tuple[Params, str]:
    """Return the parameters in the fields, and the reason why they cannot be saved, "" without one."""
    values = {field.name: to_param_value(field, session_state.widget(param_key(prefix, field))) for field in fields}
    for field in fields:
        if field.kind == "json" and not _is_json_object(values[field.name]):
            return Params(), t("params.not_json", field=t(f"param.{field.name}"))
    # A field that was never rendered has no value.
    return Params(**{name: value for name, value in values.items() if value is not None}), ""


def param_key(prefix: str, field: ParamField) -> str:
    """Return the key of a parameter's field."""
    return f"{prefix}-param-{field.name}"


def _is_json_object(text: str) -> bool:
    try:
        parse_json_object(text)
    except ValueError:
        return False
    return True
