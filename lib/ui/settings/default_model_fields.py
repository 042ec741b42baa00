"""The fields for a target that new conversations begin with, whoever it is settled for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.core.models import Model, by_maker
from lib.core.target import WIRES, Target, is_wire
from lib.ui.session import resources
from lib.ui.text.i18n import t


@dataclass(frozen=True)
class Keys:
    """What the fields are known by: the row, the model, the wire, and the target that they tell of."""

    row: str
    model: str
    wire: str
    told: str


def paint(
    keys: Keys,
    settled: Target | None,
    models: Sequence[Model],
    words: tuple[str, str],
    on_change: Callable[..., Any],
    args: tuple[Any, ...] = (),
) -> None:
    """The model, and the wire where there is one, as `settled` says.

    `words` are the label and what stands in the empty field.
    """
    # Only where they tell of another one: a value that the server sets replaces what is being typed.
    if keys.model not in st.session_state or st.session_state.get(keys.told) != settled:
        st.session_state[keys.model] = settled.model if settled else None
        st.session_state[keys.wire] = settled.wire if settled else None
        st.session_state[keys.told] = settled
    names = [model.id for _, group in by_maker(models) for model in group]
    if settled and settled.model not in names:
        names.insert(0, settled.model)
    with st.container(horizontal=True, vertical_alignment="bottom", key=keys.row, gap="small"):
        st.selectbox(
            words[0],
            names,
            index=None,
            key=keys.model,
            placeholder=words[1],
            accept_new_options=True,
            on_change=on_change,
            args=args,
        )
        if settled:
            choose_wire(keys.wire, on_change=on_change, args=args)


def chosen(keys: Keys) -> Target | None:
    """What the fields say: over a wire that the model is offered over. None where no model stands there."""
    model, wire = str(st.session_state[keys.model] or "").strip(), st.session_state.get(keys.wire)
    if not model:
        return None
    offered = resources.model(model).wires
    return Target(model, wire if is_wire(wire) and wire in offered else offered[0])


def choose_wire(key: str, **more: Any) -> None:
    """The choice between the two wires, kept under `key`; `more` goes to the widget."""
    st.segmented_control(
        t("composer.wire"),
        WIRES,
        key=key,
        required=True,
        format_func=lambda wire: t(f"wire.{wire}"),
        label_visibility="collapsed",
        **more,
    )
