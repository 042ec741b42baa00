"""Administration of the parameters that models refused: a list, and a reset of one or of all."""

from __future__ import annotations

import streamlit as st

from lib.core.refused_params import RefusedParam
from lib.core.user import User
from lib.ui.auth import admin_action
from lib.ui.session import resources
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import table
from lib.ui.widgets.refused_params import refused_param_label

_SELECT_KEY = "refused-params-select"
_COLUMNS = ("model", "wire", "param", "date", "words")


def render(_: User) -> None:
    """Render all refused parameters, the newest first. Raises StoreError."""
    st.markdown(t("refused_params.about"))
    refused_params = resources.store().refused_params.load()
    if not refused_params:
        st.caption(t("refused_params.empty"))
        return
    table.render([t(f"refused_params.col_{name}") for name in _COLUMNS], list(map(_row, refused_params)))
    selected = st.selectbox(
        t("refused_params.select"),
        refused_params,
        index=None,
        key=_SELECT_KEY,
        format_func=lambda refused: f"{refused.target.model} · {_wire(refused)} · {refused_param_label(refused)}",
        placeholder=t("refused_params.placeholder"),
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("refused_params.reset"),
            key="refused-params-reset",
            type="primary",
            disabled=selected is None,
            on_click=_reset,
            args=(selected,),
        )
        st.button(t("refused_params.reset_all"), key="refused-params-reset-all", on_click=_reset, args=(None,))


def _row(refused: RefusedParam) -> list[str]:
    return [
        escape_markdown(refused.target.model),
        _wire(refused),
        refused_param_label(refused),
        dates.format_date(refused.refused_at),
        escape_markdown(refused.words) or "–",
    ]


def _wire(refused: RefusedParam) -> str:
    return t(f"wire.{refused.target.wire}")


@admin_action
def _reset(admin: User, refused: RefusedParam | None) -> None:
    resources.store().refused_params.reset(admin, refused)
    resources.refused_params().refresh()
    st.toast(t("refused_params.done"), icon=":material/check:")
