"""Form of a check: models, API formats and probes, with the price of what is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.chat.gateway_check.estimate import Estimate, RunEstimate, estimate_run
from lib.core.gateway_checks import DEFAULT_PROBES, MAX_TARGETS, OPTIONAL_PROBES, PROBES
from lib.core.models import Model
from lib.core.target import WIRES, Target, Wire
from lib.core.user import User
from lib.ui.auth import current_admin
from lib.ui.gateway_check.source import CheckSource
from lib.ui.gateway_check.texts import probe_label
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import model_access, table
from lib.ui.widgets.controls import render_button, render_section
from lib.ui.widgets.errors import flash_warning, shows_errors

_CONTEXT = OPTIONAL_PROBES[0]


def render(user: User, source: CheckSource) -> None:
    """Render the fields, the price of the check, and the button that starts it."""
    models = _list_models(user, source)
    if not models:
        st.caption(t("check.no_models"))
        return
    targets = _render_targets(source, models)
    st.pills(
        t("check.probes"),
        DEFAULT_PROBES,
        selection_mode="multi",
        default=DEFAULT_PROBES,
        format_func=probe_label,
        key=source.key("probes"),
        persist_state="session",
    )
    _render_context_switch(source, targets)
    probes = _chosen_probes(source)
    is_ready = bool(targets and probes)
    if is_ready:
        _render_price(source, estimate_run(targets, probes, source.capabilities, source.price_lookup))
    else:
        st.caption(t("check.choose"))
    label, key = t("check.start"), source.key("start")
    render_button(label, key, "network_check", _start, user, source, type="primary", disabled=not is_ready)


def _render_targets(source: CheckSource, models: Sequence[Model]) -> list[Target]:
    """Render the choice of models and API formats, and return their combinations."""
    chosen = st.multiselect(
        t("check.models"),
        [model.id for model in models],
        key=source.key("models"),
        persist_state="session",
        placeholder=t("check.models_placeholder"),
        max_selections=MAX_TARGETS // len(WIRES),
    )
    wires = st.pills(
        t("check.wires"),
        WIRES,
        selection_mode="multi",
        default=WIRES,
        format_func=lambda wire: t(f"wire.{wire}"),
        key=source.key("wires"),
        persist_state="session",
    )
    return [Target(model, wire) for model in chosen for wire in wires]


def _list_models(user: User, source: CheckSource) -> list[Model]:
    models = [model for model in source.model_list().models if not model.makes_images]
    return [model for model in models if source.is_team or model_access.is_model_allowed(user, model.id)]


def _render_context_switch(source: CheckSource, targets: Sequence[Target]) -> None:
    """Render the switch of the probe that costs much, with its price."""
    label = t("check.context_switch")
    if targets:
        estimate = estimate_run(targets, [_CONTEXT], source.capabilities, source.price_lookup).total
        label = f"{label}: {price_text(estimate)}"
    st.toggle(label, key=source.key("context"), persist_state="session", help=t("check.context_help"))


def _chosen_probes(source: CheckSource) -> list[str]:
    chosen = session_state.widget(source.key("probes"), DEFAULT_PROBES) or ()
    has_context = session_state.widget(source.key("context"), False)
    return [name for name in PROBES if name in chosen or (name == _CONTEXT and has_context)]


def _render_price(source: CheckSource, estimate: RunEstimate) -> None:
    st.markdown(price_text(estimate.total))

    def render_details() -> None:
        rows = [
            [probe_label(probe), f"{each.request_count:,}", _money(each)] for probe, each in estimate.by_probe.items()
        ]
        table.render([t(f"check.col_{name}") for name in ("probe", "requests", "price")], rows)
        st.caption(t("check.price_shared"))

    render_section(t("check.price_details"), source.key("price"), render_details)


def price_text(estimate: Estimate) -> str:
    """Return number and price of requests as Markdown."""
    count, unknown = estimate.request_count, estimate.unpriced_count
    if unknown and unknown == count:
        return t("check.price_unknown", count=count)
    return t("check.price_partly" if unknown else "check.price", count=count, money=_dollars(estimate))


def _money(estimate: Estimate) -> str:
    if not estimate.request_count:
        return "–"
    return t("cost.unknown") if estimate.unpriced_count else _dollars(estimate)


def _dollars(estimate: Estimate) -> str:
    return format_dollars(estimate.cost).replace("$", "\\$")


@shows_errors
def _start(user: User, source: CheckSource) -> None:
    """Start the check of what the fields say; a callback, which runs before the page looks at the user's roles."""
    if source.is_team and current_admin() is None:
        flash_warning(t("admin.not_you"))
        return
    models: list[str] = session_state.widget(source.key("models"), [])
    wires: list[Wire] = session_state.widget(source.key("wires"), [])
    targets = tuple(Target(model, wire) for model in models for wire in wires)
    source.start(user, targets, tuple(_chosen_probes(source)))
