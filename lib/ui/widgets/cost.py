"""What requests have cost and will cost, in the words of the page."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.context.window import Need
from lib.chat.usage import cost
from lib.core.params import Params
from lib.core.pricing import NANO, dollars
from lib.core.target import Target
from lib.core.usage import Spent
from lib.ui.session import conversation_view, resources
from lib.ui.text.i18n import literal, t


def words(spent: Spent) -> str:
    """The sum, and how many requests it leaves out because nobody knows what they cost; no Markdown."""
    if not spent.cost and spent.failed == spent.requests and not spent.unknown:
        return "–"  # all were refused: nobody said that it cost nothing
    if spent.unknown and not spent.cost:
        return t("money.unknown")
    if spent.unknown:
        return t("money.more", money=dollars(spent.cost), count=spent.unknown)
    return dollars(spent.cost)


def price(model: str) -> str:
    """What a model costs, and who says so; no Markdown."""
    tariff = resources.prices().of(model)
    if tariff is None:
        return t("money.no_price")
    source, asked = t(f"money.from_{tariff.source}"), tariff.price
    if asked.request:
        return t("money.price_request", money=dollars(int(asked.request * NANO)), source=source)
    sent, said = (dollars(int(one * NANO)) for one in (asked.input, asked.output))
    return t("money.price", sent=sent, said=said, source=source)


def paint_sum(view: conversation_view.View, place: DeltaGenerator) -> None:
    """What the shown conversation has taken so far, titles and summaries included, all its branches too."""
    total = sum(view.sums.values(), Spent())
    if not total.cost and not total.unknown:
        return
    said = t("money.sum", money=literal(words(total)))
    place.caption(said, width="content", help=t("money.sum_about", count=total.requests))


def paint_estimate(need: Need, target: Target, params: Params) -> None:
    """About what the next question will cost, where the price is known."""
    tariff, usage = resources.prices().of(target.model), cost.likely(need, params)
    about = cost.cost(usage, tariff)
    if tariff is None or about is None:
        return
    source = t(f"money.from_{tariff.source}")
    with st.container(key="estimate", width="content"):
        hint = t("money.about", sent=usage.input, answer=usage.output, source=source)
        st.caption(f"≈ {literal(dollars(about))}", width="content", help=hint)
