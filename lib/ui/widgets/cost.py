"""Texts for prices and costs, the cost of a conversation, and the estimate for the next question."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.context.window import ContextEstimate
from lib.chat.usage import cost
from lib.core.extra_json import absorb_extra
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice
from lib.core.target import Target
from lib.core.usage import UsageTotal
from lib.ui.session import services
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_dollars


def cost_text(usage: UsageTotal) -> str:
    """Format a cost, and the number of requests without a known cost, as plain text."""
    if not usage.cost and usage.failed_count == usage.request_count and not usage.unpriced_count:
        return "–"  # every request was rejected, at an unknown cost
    if usage.unpriced_count and not usage.cost:
        return t("cost.unknown")
    if usage.unpriced_count:
        return t("cost.more", money=format_dollars(usage.cost), count=usage.unpriced_count)
    return format_dollars(usage.cost)


def price_text(model_id: str) -> str:
    """Format a model's price and its source as plain text."""
    model_price = services.connection().prices.price_of(model_id)
    if model_price is None:
        return t("cost.no_price")
    source, price = source_text(model_price), model_price.base_price
    if price.per_request:
        dollars = format_dollars(int(price.per_request * NANOS_PER_DOLLAR))
        return t("cost.price_request", money=dollars, source=source)
    input_rate, output_rate = (format_dollars(int(rate * NANOS_PER_DOLLAR)) for rate in (price.input, price.output))
    return t("cost.price", input=input_rate, output=output_rate, source=source)


def short_prices(model_id: str) -> tuple[str, str]:
    """Format a model's prices per million input and output tokens, or the price per request and ""; "" if unknown."""
    model_price = services.connection().prices.price_of(model_id)
    if model_price is None:
        return "", ""
    price = model_price.base_price
    if price.per_request:
        return t("picker.per_request", money=_format_rate(price.per_request)), ""
    return _format_rate(price.input), _format_rate(price.output)


def _format_rate(dollars: Decimal) -> str:
    """Format dollars with as many decimals as they have: $10, $2.50, $0.075."""
    whole, _, decimals = f"{dollars:.6f}".rstrip("0").partition(".")
    return f"${whole}.{decimals:0<2}" if decimals else f"${whole}"


def source_text(model_price: ModelPrice) -> str:
    """Format the source of a price as plain text, with the gateway's price group if it has groups."""
    if group := model_price.base_price.group:
        return t("cost.from_group", group=group)
    return t(f"cost.from_{model_price.source}")


def render_conversation_cost(view: ConversationView, container: DeltaGenerator) -> None:
    """Render the cost of the open conversation, with all branches, titles and summaries."""
    total = sum(view.usage_by_node.values(), UsageTotal())
    if not total.cost and not total.unpriced_count:
        return
    money = escape_markdown(cost_text(total))
    text = t("cost.sum", money=money) if total.cost else money
    container.caption(text, width="content", help=t("cost.sum_about", count=total.request_count))


def render_estimate(estimate: ContextEstimate, target: Target, params: Params, output_limit: int | None) -> None:
    """Render the estimated cost of the next question, if the price is known.

    `output_limit` is the limit that is sent. It bounds an answer, but a default one says nothing of its length.
    """
    if params.max_tokens and output_limit:
        params = replace(params, max_tokens=min(params.max_tokens, output_limit))
    model_price, usage = (
        services.connection().prices.price_of(target.model),
        cost.expected_usage(estimate, absorb_extra(target.wire, params)),
    )
    images = cost.expected_images(estimate)
    nano_dollars = cost.calculate_cost(usage, model_price, images)
    if model_price is None or nano_dollars is None:
        return
    source = source_text(model_price)
    with st.container(key="estimate", width="content"):
        about = t("cost.about", input=usage.input, output=usage.output, source=escape_markdown(source))
        if output_limit:
            about = f"{about} {t('cost.limit', limit=output_limit)}"
        st.caption(f"≈ {escape_markdown(format_dollars(nano_dollars))}", width="content", help=about)
