"""The target that new conversations begin with where a person has set none."""

from __future__ import annotations

import streamlit as st

from lib.core.types import Person
from lib.ui import state, usual
from lib.ui.rights import settling
from lib.ui.text import t

_USUAL = usual.Keys("admin-usual", "admin.default_model", "admin.default_wire", "admin.default_told")


def paint(_: Person) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("default.about"))
    words = t("default.model"), t("default.none")
    usual.paint(_USUAL, state.policy().default, state.listing().models, words, _settle)
    st.caption(t("default.at_once"))


@settling
def _settle(admin: Person) -> None:
    state.store().settle_default(admin, usual.chosen(_USUAL))
    st.toast(t("admin.saved"), icon=":material/check:")
