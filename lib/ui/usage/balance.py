"""Balance of the gateway's key beside the recorded usage, for admins."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import AntlerError
from lib.core.pricing import Balance
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import cost, table
from lib.ui.widgets.errors import code_message


def render(user: User) -> None:
    """Render the balance once an admin has requested it; nothing for other users. Raises StoreError."""
    if not user.is_admin:
        return
    st.subheader(t("usage.gateway"), anchor=False)
    with st.container(key="usage-gateway"):
        st.markdown(t("usage.gateway_about"))
        if st.button(t("usage.ask"), key="usage-ask", icon=":material/account_balance_wallet:"):
            with st.spinner(t("usage.asking")):
                session_state.balance = _fetch_balance()
        balance = session_state.balance
        if isinstance(balance, str):
            st.warning(f"{t('usage.no_balance')} {balance}", icon=":material/info:")
        elif balance:
            _render_comparison(balance)


def _fetch_balance() -> Balance | str:
    """Return the balance, or the reason that there is none."""
    try:
        return resources.shared_connection().gateway.fetch_balance()
    except AntlerError as error:
        return code_message(error.code)


def _render_comparison(balance: Balance) -> None:
    recorded = resources.store().usage.total()
    remaining = t("usage.unlimited") if balance.remaining is None else format_dollars(balance.remaining)
    rows = (
        ("usage.reported", format_dollars(balance.used)),
        ("usage.remaining", remaining),
        ("usage.counted", cost.cost_text(recorded)),
        ("usage.difference", format_dollars(balance.used - recorded.cost)),
    )
    table.render(("", ""), [(t(key), escape_markdown(value)) for key, value in rows])
    st.caption(t("usage.difference_about"))
