"""Services of comparisons, which are never temporary, and the texts that all parts of the page share."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns.services import TurnServices
from lib.core.comparisons import COLUMN_LABELS, ColumnRefused, Comparison, Vote
from lib.core.errors import AntlerError, ModelNotAllowed, PriceUnknown, TooManyAnswers
from lib.core.params import FIELDS_BY_NAME, Params, changed_params
from lib.core.target import Target
from lib.ui.composer import context_window
from lib.ui.session import resources, services
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import model_access
from lib.ui.widgets.errors import error_message
from lib.ui.widgets.navigation import COMPARISON_PARAMETER
from lib.ui.widgets.param_values import choice_label

_MAX_VALUE_CHARS = 40


def turn_services() -> TurnServices:
    """Return the services for the columns: they are stored also while a temporary chat is open, and get no titles."""
    return replace(services.turn_services(), store=resources.store(), utility_models=None, utility_model=None)


def open_comparison(comparison_id: str) -> None:
    """Show a comparison on its page; a callback."""
    st.query_params.from_dict({COMPARISON_PARAMETER: comparison_id})


def close_comparison(tab: str = "") -> None:
    """Show the tabs of the page; a callback."""
    st.query_params.from_dict({"tab": tab} if tab else {})


def refusal_message(error: AntlerError, column_count: int) -> str:
    """Return the reason why nothing was sent, without Markdown; it names the model where one is at fault."""
    if isinstance(error, ColumnRefused):
        return t("compare.refused", model=error.target.model, reason=target_message(error.error, error.target))
    if isinstance(error, ModelNotAllowed) and error.args:
        return model_access.model_not_allowed_message(str(error.args[0]))
    if isinstance(error, PriceUnknown) and error.args:
        return t("compare.refused", model=error.args[0], reason=error_message(error))
    if isinstance(error, TooManyAnswers):
        limit = resources.settings().server.max_running_answers
        return t("compare.too_many_answers", count=column_count, limit=limit)
    return error_message(error)


def target_message(error: AntlerError, target: Target) -> str:
    """Return the reason why a target cannot be asked, without Markdown."""
    if isinstance(error, ContextWindowExceeded):
        return context_window.too_long_message(error, target)
    return error_message(error)


def target_text(target: Target) -> str:
    """Return model and wire as Markdown."""
    return f"{escape_markdown(target.model)} · {t(f'wire.{target.wire}')}"


def params_text(params: Params) -> str:
    """Return the parameters that are set, besides the system prompt, in one line of Markdown; "" for none."""
    names = [name for name in changed_params(params) if name != "system"]
    return " · ".join(f"{t(f'param.{name}')} {escape_markdown(_value_text(params, name))}" for name in names)


def _value_text(params: Params, name: str) -> str:
    value, field = getattr(params, name), FIELDS_BY_NAME[name]
    if field.kind == "choice":
        return choice_label(field, value)
    text = ", ".join(value) if isinstance(value, tuple) else t("compare.on") if value is True else str(value)
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"


def vote_text(comparison: Comparison) -> str:
    """Return the vote as Markdown, "" without one."""
    vote: Vote | None = comparison.vote
    if vote is None:
        return ""
    if vote.choice == "best" and vote.column is not None and vote.column < len(comparison.columns):
        label, column = COLUMN_LABELS[vote.column], comparison.columns[vote.column]
        return t("compare.vote_best", label=label, model=escape_markdown(column.target.model))
    return t(f"compare.vote_{vote.choice}")
