"""Form fields for a default model and wire, of a user or of the team."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.core.target import Target, is_wire, selectable_wires
from lib.core.user import User
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import model_select
from lib.ui.widgets.controls import render_choice


def render(
    key: str,
    user: User,
    default: Target | None,
    label: str,
    empty: str,
    on_change: Callable[[Target | None], None],
    *,
    is_restricted: bool = True,
) -> None:
    """Render the model, and the wire of a model that is set; `on_change` gets the target in the fields.

    `empty` is the label of the option for no default. If `is_restricted`, only models that the user may use are
    offered.
    """
    wire_key = f"{key}-wire"

    def save_model() -> None:
        with model_select.apply_choice(key) as model_id:
            if model_id is not None:
                wires = services.model(model_id).wires
                wire = default.wire if default and default.wire in wires else wires[0]
                on_change(Target(model_id, wire) if model_id else None)

    def save_wire() -> None:
        wire = session_state.widget(wire_key)
        if default and is_wire(wire):
            on_change(Target(default.model, wire))

    st.markdown(f":small[{label}]")
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-row", gap="small"):
        model_select.render(
            key, user, default.model if default else "", save_model, label=label, placeholder=empty, empty=empty
        )
        if default:
            wires = selectable_wires(services.model(default.model).wires)
            session_state.set_widget(wire_key, default.wire if default.wire in wires else wires[0])
            render_choice(t("composer.wire"), wire_key, wires, lambda wire: t(f"wire.{wire}"), on_change=save_wire)
    model_select.render_list(user, is_restricted=is_restricted)
