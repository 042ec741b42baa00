"""The target that new conversations begin with where a person has set none."""

from __future__ import annotations

import streamlit as st

from lib.core.models import by_maker
from lib.core.types import Person, Target, is_wire
from lib.ui import models, state
from lib.ui.rights import settling
from lib.ui.text import t

_MODEL, _WIRE, _TOLD = "admin.default_model", "admin.default_wire", "admin.default_told"


def paint(_: Person) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("default.about"))
    settled = state.policy().default
    # Only where they tell of another one: a value that the server sets replaces what is being typed.
    if _MODEL not in st.session_state or st.session_state.get(_TOLD) != settled:
        st.session_state[_MODEL] = settled.model if settled else None
        st.session_state[_WIRE] = settled.wire if settled else None
        st.session_state[_TOLD] = settled
    names = [model.id for _, group in by_maker(state.listing().models) for model in group]
    if settled and settled.model not in names:
        names.insert(0, settled.model)
    with st.container(horizontal=True, vertical_alignment="bottom", key="admin-usual", gap="small"):
        st.selectbox(
            t("default.model"),
            names,
            index=None,
            key=_MODEL,
            placeholder=t("default.none"),
            accept_new_options=True,
            on_change=_settle,
        )
        if settled:
            models.choose_wire(_WIRE, on_change=_settle)
    st.caption(t("default.at_once"))


@settling
def _settle(admin: Person) -> None:
    model, wire = str(st.session_state[_MODEL] or "").strip(), st.session_state.get(_WIRE)
    offered = state.model(model).wires
    chosen = wire if is_wire(wire) and wire in offered else offered[0]
    state.store().settle_default(admin, Target(model, chosen) if model else None)
    st.toast(t("admin.saved"), icon=":material/check:")
