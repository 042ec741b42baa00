"""The fields for a target that new conversations begin with, whoever it is settled for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.core.models import Model, group_by_vendor
from lib.core.target import WIRES, Target, is_wire
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import t


@dataclass(frozen=True)
class FieldKeys:
    """What the fields are known by: the row, the model, the wire, and the target that they tell of."""

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
    """The model, and the wire where there is one, as `settled` says.

    `words` are the label and what stands in the empty field.
    """
    # Only where they tell of another one: a value that the server sets replaces what is being typed.
    shown = session_state.default_target_shown
    if not session_state.has_widget(keys.model) or shown.get(keys.container) != default:
        session_state.set_widget(keys.model, default.model if default else None)
        session_state.set_widget(keys.wire, default.wire if default else None)
        shown[keys.container] = default
    names = [model.id for _, group in group_by_vendor(models) for model in group]
    if default and default.model not in names:
        names.insert(0, default.model)
    with st.container(horizontal=True, vertical_alignment="bottom", key=keys.container, gap="small"):
        st.selectbox(
            labels[0],
            names,
            index=None,
            key=keys.model,
            placeholder=labels[1],
            accept_new_options=True,
            on_change=on_change,
            args=args,
        )
        if default:
            render_wire_picker(keys.wire, on_change=on_change, args=args)


def selected_target(keys: FieldKeys) -> Target | None:
    """What the fields say: over a wire that the model is offered over. None where no model stands there."""
    model = str(session_state.widget(keys.model) or "").strip()
    wire = session_state.widget(keys.wire)
    if not model:
        return None
    offered = services.model(model).wires
    return Target(model, wire if is_wire(wire) and wire in offered else offered[0])


def render_wire_picker(key: str, **widget_args: Any) -> None:
    """The choice between the two wires, kept under `key`; `more` goes to the widget."""
    st.segmented_control(
        t("composer.wire"),
        WIRES,
        key=key,
        required=True,
        format_func=lambda wire: t(f"wire.{wire}"),
        label_visibility="collapsed",
        **widget_args,
    )
