"""The gateway's own count of what was used, beside ours."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import AntlerError
from lib.core.pricing import Balance, dollars
from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import cost, table
from lib.ui.widgets.errors import sentence

_BALANCE = "usage.balance"


def paint(person: Person) -> None:
    """What the gateway counts for the key of all beside what is counted here, once an admin asks for it.

    Raises StoreError.
    """
    if not person.admin:
        return
    st.subheader(t("usage.gateway"), anchor=False)
    with st.container(key="usage-gateway"):
        st.markdown(t("usage.gateway_about"))
        if st.button(t("usage.ask"), key="usage-ask", icon=":material/account_balance_wallet:"):
            with st.spinner(t("usage.asking")):
                st.session_state[_BALANCE] = _asked()
        told = st.session_state.get(_BALANCE)
        if isinstance(told, str):
            st.warning(f"{t('usage.no_balance')} {told}", icon=":material/info:")
        elif told:
            _compare(told)


def _asked() -> Balance | str:
    """The gateway's own count, or why there is none."""
    try:
        return resources.shared_gateway().balance()
    except AntlerError as error:
        return sentence(error.code)


def _compare(told: Balance) -> None:
    ours = resources.store().spent_by_all()
    left = t("usage.unlimited") if told.left is None else dollars(told.left)
    facts = (
        ("usage.told", dollars(told.used)),
        ("usage.left", left),
        ("usage.ours", cost.words(ours)),
        ("usage.drift", dollars(told.used - ours.cost)),
    )
    table.paint(("", ""), [(t(name), literal(value)) for name, value in facts])
    st.caption(t("usage.drift_about"))
