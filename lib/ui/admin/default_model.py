"""The target that new conversations begin with where a person has set none."""

from __future__ import annotations

import streamlit as st

from lib.core.user import User
from lib.ui.session import resources, services
from lib.ui.settings import default_model_fields
from lib.ui.text.i18n import t
from lib.ui.widgets.model_access import admin_action

_FIELD_KEYS = default_model_fields.FieldKeys("admin-usual", "admin.default_model", "admin.default_wire")


def render(_: User) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("default.about"))
    words = t("default.model"), t("default.none")
    default_model_fields.render(
        _FIELD_KEYS, resources.policy().default_target, services.model_list().models, words, _save_default
    )
    st.caption(t("default.at_once"))


@admin_action
def _save_default(admin: User) -> None:
    resources.store().policy.set_default_target(admin, default_model_fields.selected_target(_FIELD_KEYS))
    st.toast(t("admin.saved"), icon=":material/check:")
