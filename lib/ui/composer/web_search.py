"""The switch for web search beside the model, for models that have it."""

from __future__ import annotations

import streamlit as st

from lib.chat.turns import model_facts
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import params_panel
from lib.ui.session import services
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets.refused_params import refused_param_message

_PARAM = params_panel.SEARCH_SWITCH


def render(user: User, target: Target | None) -> None:
    """Render the switch; fixed for a model that always searches, and for one that has refused to."""
    # One slot in every case: what follows keeps its position.
    with st.container(key="search-slot", width="content"):
        mode = model_facts.search_mode(target, services.model(target.model).capabilities) if target else ""
        if target is None or not mode:
            return
        label = t(f"param.{_PARAM}")
        if mode == "always":
            about = f"{t('web_search.always')} {_price_text(target)}"
            st.toggle(label, True, key="search-always", disabled=True, help=about)
        elif refused := find_refusal(target):
            about = f"{refused_param_message(refused)} {t('web_search.reset')}"
            st.toggle(label, False, key="search-refused", disabled=True, help=about)
        else:
            params_panel.render_search_switch(user, f"{t(f'param.{_PARAM}_help')} {_price_text(target)}")


def find_refusal(target: Target) -> RefusedParam | None:
    """Return the refusal of a search that this session's gateway is known for; None without one."""
    refused = params_panel.known_refusals(target)
    return next((param for param in refused if param.param_name == _PARAM and not param.beside), None)


def _price_text(target: Target) -> str:
    """Return the price of a search as Markdown; "" for a model of unknown price."""
    price = services.connection().prices.price_of(target.model)
    if price is None:
        return ""
    dollars = format_dollars(int(price.base_price.search_rate * NANOS_PER_DOLLAR))
    return t("web_search.price", money=escape_markdown(dollars))
