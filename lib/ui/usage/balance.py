"""The gateway's own count of what was used, beside ours."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import AntlerError
from lib.core.pricing import Balance
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import cost, table
from lib.ui.widgets.errors import code_message


def render(user: User) -> None:
    """What the gateway counts for the key of all beside what is counted here, once an admin asks for it.

    Raises StoreError.
    """
    if not user.is_admin:
        return
    st.subheader(t("usage.gateway"), anchor=False)
    with st.container(key="usage-gateway"):
        st.markdown(t("usage.gateway_about"))
        if st.button(t("usage.ask"), key="usage-ask", icon=":material/account_balance_wallet:"):
            with st.spinner(t("usage.asking")):
                session_state.balance = _fetch_balance()
        told = session_state.balance
        if isinstance(told, str):
            st.warning(f"{t('usage.no_balance')} {told}", icon=":material/info:")
        elif told:
            _render_comparison(told)


def _fetch_balance() -> Balance | str:
    """The gateway's own count, or why there is none."""
    try:
        return resources.shared_gateway().fetch_balance()
    except AntlerError as error:
        return code_message(error.code)


def _render_comparison(balance: Balance) -> None:
    ours = resources.store().usage.total()
    left = t("usage.unlimited") if balance.remaining is None else format_dollars(balance.remaining)
    facts = (
        ("usage.told", format_dollars(balance.used)),
        ("usage.left", left),
        ("usage.ours", cost.cost_text(ours)),
        ("usage.drift", format_dollars(balance.used - ours.cost)),
    )
    table.render(("", ""), [(t(name), escape_markdown(value)) for name, value in facts])
    st.caption(t("usage.drift_about"))
