"""Balance of the gateway's key beside the recorded usage, for admins."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import AntlerError
from lib.core.pricing import Balance, BillingUnit
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_billing_amount, format_dollars
from lib.ui.widgets import cost, table
from lib.ui.widgets.errors import code_message


def render(user: User) -> None:
    """Render the balance once an admin has requested it; nothing for other users. Raises StoreError."""
    if not user.is_admin:
        return
    st.header(t("usage.gateway"), anchor=False)
    with st.container(key="usage-gateway"):
        st.markdown(t("usage.gateway_about"))
        if st.button(t("usage.ask"), key="usage-ask", icon=":material/account_balance_wallet:"):
            with st.spinner(t("usage.asking")):
                session_state.balance = _fetch_balance()
        balance = session_state.balance
        if isinstance(balance, str):
            st.warning(f"{t('usage.no_balance')} {balance}", icon=":material/info:")
        elif balance:
            _render_comparison(*balance)


def _fetch_balance() -> tuple[Balance, BillingUnit] | str:
    """Return the balance and its unit, or the reason that there is none."""
    gateway = resources.shared_connection().gateway
    try:
        unit = gateway.fetch_billing_unit()
        return gateway.fetch_balance(unit), unit
    except AntlerError as error:
        return code_message(error.code)


def _render_comparison(balance: Balance, unit: BillingUnit) -> None:
    recorded = resources.store().usage.total()
    remaining = t("usage.unlimited") if balance.remaining is None else format_billing_amount(balance.remaining, unit)
    rows = (
        ("usage.reported", format_billing_amount(balance.used, unit)),
        ("usage.remaining", remaining),
        ("usage.counted", cost.cost_text(recorded)),
        ("usage.difference", _difference_text(balance.used, recorded.cost, unit)),
    )
    table.render(("", ""), [(t(key), escape_markdown(value)) for key, value in rows])
    if unit.per_dollar is None:
        st.caption(t("usage.unit_unknown"))
    elif unit.code != "USD":
        st.caption(t("usage.unit_rate", rate=escape_markdown(f"{unit.per_dollar:,f} {unit.code}")))
    st.caption(t("usage.difference_about"))


def _difference_text(used: int, recorded_cost: int, unit: BillingUnit) -> str:
    """Return the gateway's count less the recorded cost in the gateway's unit, and in dollars."""
    if unit.per_dollar is None:
        return t("usage.unknown")
    difference = used - round(recorded_cost * unit.per_dollar)
    text = format_billing_amount(difference, unit)
    return text if unit.code == "USD" else f"{text} (≈ {format_dollars(round(difference / unit.per_dollar))})"
