"""Form fields for a default model and wire, of a user or of the team."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.core.models import Model, group_by_vendor
from lib.core.target import WIRES, Target, is_wire
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_choice


def render(
    key: str,
    default: Target | None,
    models: Sequence[Model],
    label: str,
    placeholder: str,
    on_change: Callable[[Target | None], None],
) -> None:
    """Render the model, and the wire of a model that is set; `on_change` gets the target in the fields."""
    wire_key = f"{key}_wire"
    # Only after a change of the default: a value from the server replaces what is being typed.
    rendered = session_state.default_target_shown
    if not session_state.has_widget(key) or rendered.get(key) != default:
        session_state.set_widget(key, default.model if default else None)
        session_state.set_widget(wire_key, default.wire if default else None)
        rendered[key] = default
    model_ids = [model.id for _, group in group_by_vendor(models) for model in group]
    if default and default.model not in model_ids:
        model_ids.insert(0, default.model)

    def save() -> None:
        on_change(_selected_target(session_state.widget(key), session_state.widget(wire_key)))

    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-row", gap="small"):
        st.selectbox(
            label,
            model_ids,
            index=None,
            key=key,
            placeholder=placeholder,
            accept_new_options=True,
            on_change=save,
        )
        if default:
            render_choice(t("composer.wire"), wire_key, WIRES, lambda wire: t(f"wire.{wire}"), on_change=save)


def _selected_target(model: str | None, wire: str | None) -> Target | None:
    """Return the target in the fields, over a wire that the model is offered on; None without a model."""
    model = (model or "").strip()
    if not model:
        return None
    wires = services.model(model).wires
    return Target(model, wire if is_wire(wire) and wire in wires else wires[0])
