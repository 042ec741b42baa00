"""Form fields for a default model and wire, of a user or of the team."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.core.models import Model, group_by_vendor
from lib.core.target import WIRES, Target, is_wire
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_choice


@dataclass(frozen=True)
class FieldKeys:
    """Widget keys of the row and its two fields."""

    container: str
    model: str
    wire: str


def render(
    keys: FieldKeys,
    default: Target | None,
    models: Sequence[Model],
    labels: tuple[str, str],
    on_change: Callable[..., Any],
    args: tuple[Any, ...] = (),
) -> None:
    """Render the model, and the wire of a model that is set; `labels` are the label and the placeholder."""
    # Only after a change of the default: a value from the server replaces what is being typed.
    rendered = session_state.default_target_shown
    if not session_state.has_widget(keys.model) or rendered.get(keys.container) != default:
        session_state.set_widget(keys.model, default.model if default else None)
        session_state.set_widget(keys.wire, default.wire if default else None)
        rendered[keys.container] = default
    model_ids = [model.id for _, group in group_by_vendor(models) for model in group]
    if default and default.model not in model_ids:
        model_ids.insert(0, default.model)
    with st.container(horizontal=True, vertical_alignment="bottom", key=keys.container, gap="small"):
        st.selectbox(
            labels[0],
            model_ids,
            index=None,
            key=keys.model,
            placeholder=labels[1],
            accept_new_options=True,
            on_change=on_change,
            args=args,
        )
        if default:
            render_choice(
                t("composer.wire"), keys.wire, WIRES, lambda wire: t(f"wire.{wire}"), on_change=on_change, args=args
            )


def selected_target(keys: FieldKeys) -> Target | None:
    """Return the target in the fields, over a wire that the model is offered on; None without a model."""
    model = str(session_state.widget(keys.model) or "").strip()
    wire = session_state.widget(keys.wire)
    if not model:
        return None
    wires = services.model(model).wires
    return Target(model, wire if is_wire(wire) and wire in wires else wires[0])
