"""What requests have cost and will cost, in the words of the page."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.context.window import ContextEstimate
from lib.chat.usage import cost
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.target import Target
from lib.core.usage import UsageTotal
from lib.ui.session import conversation_view, services
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.text.limit_text import format_dollars


def cost_text(usage: UsageTotal) -> str:
    """The sum, and how many requests it leaves out because nobody knows what they cost; no Markdown."""
    if not usage.cost and usage.failed_count == usage.request_count and not usage.unpriced_count:
        return "–"  # all were refused: nobody said that it cost nothing
    if usage.unpriced_count and not usage.cost:
        return t("money.unknown")
    if usage.unpriced_count:
        return t("money.more", money=format_dollars(usage.cost), count=usage.unpriced_count)
    return format_dollars(usage.cost)


def price_text(model_id: str) -> str:
    """What a model costs, and who says so; no Markdown."""
    tariff = services.prices().price_of(model_id)
    if tariff is None:
        return t("money.no_price")
    source, asked = t(f"money.from_{tariff.source}"), tariff.base_price
    if asked.request:
        return t(
            "money.price_request", money=format_dollars(int(asked.request * NANOS_PER_DOLLAR)), source=source
        )
    sent, said = (format_dollars(int(one * NANOS_PER_DOLLAR)) for one in (asked.input, asked.output))
    return t("money.price", sent=sent, said=said, source=source)


def render_conversation_cost(view: conversation_view.ConversationView, container: DeltaGenerator) -> None:
    """What the shown conversation has taken so far, titles and summaries included, all its branches too."""
    total = sum(view.usage_by_node.values(), UsageTotal())
    if not total.cost and not total.unpriced_count:
        return
    said = t("money.sum", money=escape_markdown(cost_text(total)))
    container.caption(said, width="content", help=t("money.sum_about", count=total.request_count))


def render_estimate(estimate: ContextEstimate, target: Target, params: Params) -> None:
    """About what the next question will cost, where the price is known."""
    tariff, usage = services.prices().price_of(target.model), cost.expected_usage(estimate, params)
    about = cost.calculate_cost(usage, tariff)
    if tariff is None or about is None:
        return
    source = t(f"money.from_{tariff.source}")
    with st.container(key="estimate", width="content"):
        hint = t("money.about", sent=usage.input, answer=usage.output, source=source)
        st.caption(f"≈ {escape_markdown(format_dollars(about))}", width="content", help=hint)
