"""The target that new conversations begin with where a person has set none."""

from __future__ import annotations

import streamlit as st

from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.settings import default_model_fields
from lib.ui.text.i18n import t
from lib.ui.widgets.model_access import settling

_USUAL = default_model_fields.Keys(
    "admin-usual", "admin.default_model", "admin.default_wire", "admin.default_told"
)


def paint(_: Person) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("default.about"))
    words = t("default.model"), t("default.none")
    default_model_fields.paint(_USUAL, resources.policy().default, resources.listing().models, words, _settle)
    st.caption(t("default.at_once"))


@settling
def _settle(admin: Person) -> None:
    resources.store().settle_default(admin, default_model_fields.chosen(_USUAL))
    st.toast(t("admin.saved"), icon=":material/check:")
