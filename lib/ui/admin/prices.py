"""Administration of prices: models of unknown price, and the prices that admins have set."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import streamlit as st

from lib.core.pricing import MAX_PRICE, Price, TeamPrice, parse_decimal
from lib.core.user import User
from lib.ui.auth import admin_action
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import cost, table
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning
from lib.ui.widgets.user_names import load_user_names, short_label

_FIELDS = ("input", "output", "cached", "written", "search")
_SEARCHES = 1_000  # web searches that the price of one field is for
_REQUIRED_FIELDS = ("input", "output")
_MODEL_KEY = "price.model"
_LISTED_MODELS = 20  # models of unknown price named in the notice
_MAX_ID_LENGTH = 200


def render(_: User) -> None:
    """Render the models of unknown price, a form for the price of a model, and the set prices.

    Raises StoreError.
    """
    st.markdown(t("prices.about"))
    unpriced = unpriced_models()
    _render_group()
    render_notice(unpriced)
    _render_form(unpriced, resources.policy().prices)
    _render_table(resources.policy().prices)


def unpriced_models() -> list[str]:
    """Return the ids of the listed models whose price nobody states, in the order of the list."""
    price_of = services.connection().prices.price_of
    return [model.id for model in services.model_list_with_prices().models if price_of(model.id) is None]


def render_notice(unpriced: list[str]) -> None:
    """Render the models of unknown price; a warning while a hard cost limit refuses requests to them."""
    if not unpriced:
        return
    names = t("list.separator").join(map(escape_markdown, unpriced[:_LISTED_MODELS]))
    if len(unpriced) > _LISTED_MODELS:
        names += f" {t('permissions.more', count=len(unpriced) - _LISTED_MODELS)}"
    if resources.policy().has_hard_cost_limit():
        st.warning(f"{t('prices.refused', count=len(unpriced))} {names}", icon=":material/block:")
    else:
        st.info(f"{t('prices.unknown', count=len(unpriced))} {names}", icon=":material/info:")


def _render_group() -> None:
    """Render the price group of the gateway's list, and a warning if the configured one is not in it."""
    group, prices = resources.settings().price_group, services.model_list().prices
    groups = sorted({price.group for price in prices.values() if price.group})
    if groups:
        names = t("list.separator").join(map(escape_markdown, groups))
        st.caption(t("prices.group_set" if group else "prices.group_guess", group=names))
    elif group and services.model_list().fetched_at:
        st.warning(t("prices.group_missing", group=escape_markdown(group)), icon=":material/info:")


def _render_form(unpriced: list[str], prices: Mapping[str, TeamPrice]) -> None:
    listed = [model.id for model in services.model_list().models]
    options = list(dict.fromkeys((*unpriced, *prices, *listed)))
    model = st.selectbox(
        t("prices.model"), options, index=0 if unpriced else None, key=_MODEL_KEY, accept_new_options=True
    )
    if not model:
        return
    st.caption(escape_markdown(cost.price_text(model)))
    saved = prices.get(model)
    # The keys depend on what is stored: after another admin's change, new fields show it.
    key_prefix = f"price-{model}-{hash(saved)}"
    with st.form(f"price-{model}", border=True):
        for column, name in zip(st.columns(len(_FIELDS)), _FIELDS, strict=True):
            column.text_input(t(f"prices.{name}"), _saved_amount(saved, name), key=f"{key_prefix}-{name}")
        args = (model, key_prefix)
        st.form_submit_button(t("admin.save"), type="primary", on_click=_save_price, args=args)
    if saved:
        render_button(t("prices.delete"), "price-delete", "delete", _delete_price, model)


def _saved_amount(saved: TeamPrice | None, name: str) -> str:
    if saved is None:
        return ""
    price = saved.price
    search = None if price.per_search is None else (price.per_search * _SEARCHES).normalize()
    amounts = (price.input, price.output, price.cache_read, price.cache_write, search)
    amount = dict(zip(_FIELDS, amounts, strict=True))[name]
    return "" if amount is None else f"{amount:f}"


@admin_action
def _save_price(admin: User, model: str, key_prefix: str) -> None:
    amounts: dict[str, Decimal | None] = {}
    for name in _FIELDS:
        text = str(session_state.widget(f"{key_prefix}-{name}") or "").strip()
        amounts[name] = parse_decimal(text)
        if amounts[name] is None and (text or name in _REQUIRED_FIELDS):
            flash_warning(t("prices.invalid", field=t(f"prices.{name}"), max=MAX_PRICE))
            return
    model = model.strip()
    if not model or len(model) > _MAX_ID_LENGTH:
        flash_warning(t("prices.invalid_model"))
        return
    search = amounts["search"]
    price = Price(
        amounts["input"] or Decimal(0),
        amounts["output"] or Decimal(0),
        amounts["cached"],
        amounts["written"],
        per_search=None if search is None else search / _SEARCHES,
    )
    resources.store().policy.set_price(admin, model, price)
    st.toast(t("admin.saved"), icon=":material/check:")


@admin_action
def _delete_price(admin: User, model: str) -> None:
    resources.store().policy.set_price(admin, model, None)
    st.toast(t("admin.saved"), icon=":material/check:")


def _render_table(prices: Mapping[str, TeamPrice]) -> None:
    if not prices:
        st.caption(t("prices.empty"))
        return
    user_names, price_of = load_user_names(), services.connection().prices.price_of
    rows = []
    for model, team_price in sorted(prices.items()):
        current = price_of(model)
        rows.append(
            [
                escape_markdown(model),
                *(escape_markdown(_saved_amount(team_price, name) or "–") for name in _FIELDS),
                escape_markdown(dates.format_date(team_price.changed_at)),
                escape_markdown(user_names.get(team_price.author_id) or short_label(team_price.author_id)),
                escape_markdown(cost.source_text(current))
                if current and current.source != "team"
                else t("prices.applies"),
            ]
        )
    columns = [t(f"prices.{name}") for name in ("model", *_FIELDS, "date", "author", "state")]
    st.header(t("admin.in_force"), anchor=False)
    table.render(columns, rows)
