"""Exchanges in the inspector: their facts, the choice of an attempt, and the tabs about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.chat.exchanges import response_facts, timeline
from lib.chat.turns.ports import TurnStore
from lib.core.exchanges import Attempt, Exchange
from lib.core.images import format_size
from lib.core.user import User
from lib.ui.inspector import code_view, edit_view, frames_view, request_view, timeline_view
from lib.ui.session.state import session_state
from lib.ui.session.values import Inspection
from lib.ui.text import current_language, dates, escape_markdown, t
from lib.ui.widgets.controls import render_choice

_ATTEMPT_KEY = "inspector-attempt"
# An attempt by the number of its exchange, and its own number in it.
Choice = tuple[int, int]


def load(user: User, store: TurnStore, inspection: Inspection) -> None:
    """Read the exchanges of an inspection once; another user's are not found. Raises StoreError."""
    if inspection.exchanges is not None:
        return
    if inspection.node_id:
        inspection.exchanges = store.exchanges.of_answer(user.id, inspection.node_id)
    else:
        found = store.exchanges.get(user.id, inspection.exchange_id)
        inspection.exchanges = [found] if found and found.attempts else []


def render(user: User, store: TurnStore, inspection: Inspection, *, is_lazy: bool = True) -> None:
    """Render the exchanges of an inspection that has some. Raises StoreError.

    `is_lazy` renders the open tab only, and a click on another one is a run of its own.
    """
    exchanges = inspection.exchanges or []
    number, attempt_number = _render_attempts(exchanges)
    exchange = exchanges[number]
    attempt = exchange.attempts[attempt_number]
    st.caption(describe(exchange, attempt))
    reason = _reason(number, attempt_number, attempt)
    if reason != "first":
        st.caption(t(f"inspector.reason_about_{reason}"))
    for omission in response_facts.list_omissions(attempt):
        size = format_size(attempt.omitted_bytes)
        st.warning(t(f"inspector.omitted_{omission}", size=size), icon=":material/content_cut:")
    views: dict[str, Callable[[], None]] = {
        "request": lambda: request_view.render_request(user, store.attachments, exchange, attempt),
        "code": lambda: code_view.render(user, store.attachments, attempt),
        "response": lambda: request_view.render_response(attempt),
        "frames": lambda: frames_view.render(inspection.frames(exchange, attempt_number)),
        "timeline": lambda: timeline_view.render(
            timeline.build_timeline(attempt, inspection.frames(exchange, attempt_number))
        ),
        "edit": lambda: edit_view.render(user, store, exchange, attempt_number),
    }
    # The labels are values of the widget, so each language has its own.
    key = f"inspector-tabs-{current_language()}"
    labels = [t(f"inspector.tab_{name}") for name in views]
    for name, place in zip(views, st.tabs(labels, key=key, on_change="rerun" if is_lazy else "ignore"), strict=True):
        if place.open is not False:
            with place, st.container(key=f"inspector-{name}"):
                views[name]()


def describe(exchange: Exchange, attempt: Attempt) -> str:
    """Return the facts of an attempt in one line of Markdown."""
    facts = [
        escape_markdown(exchange.target.model),
        t(f"wire.{exchange.target.wire}"),
        dates.format_time(attempt.started_at),
        t("inspector.no_response") if attempt.status is None else str(attempt.status),
    ]
    if attempt.ended is not None:
        facts.append(t("inspector.took", seconds=f"{attempt.ended:.2f}"))
    if attempt.first_byte is not None:
        facts.append(t("inspector.first_after", seconds=f"{attempt.first_byte:.2f}"))
    if attempt.response_bytes:
        facts.append(format_size(attempt.response_bytes))
    return " · ".join(facts)


def reset() -> None:
    """Forget which attempt, and which frames, were shown last."""
    session_state.pop_widget(_ATTEMPT_KEY)
    del session_state.edit_error
    frames_view.reset()


def _render_attempts(exchanges: Sequence[Exchange]) -> Choice:
    """Render the choice of an attempt where there are several, and return the chosen one, at first the last."""
    choices: list[Choice] = [
        (number, attempt_number)
        for number, exchange in enumerate(exchanges)
        for attempt_number, _ in enumerate(exchange.attempts)
    ]
    if len(choices) == 1:
        return choices[0]

    def label(choice: Choice) -> str:
        attempt = exchanges[choice[0]].attempts[choice[1]]
        reason = _reason(*choice, attempt)
        outcome = attempt.error or attempt.status or "–"
        return t(
            "inspector.attempt",
            number=choices.index(choice) + 1,
            reason=t(f"inspector.reason_{reason}"),
            outcome=escape_markdown(str(outcome)),
        )

    if session_state.widget(_ATTEMPT_KEY) not in choices:
        session_state.set_widget(_ATTEMPT_KEY, choices[-1])
    chosen = render_choice(t("inspector.attempts"), _ATTEMPT_KEY, choices, label, on_change=frames_view.reset)
    return chosen or choices[-1]


def _reason(number: int, attempt_number: int, attempt: Attempt) -> str:
    """Return why an attempt was sent: the first one of a later exchange continued the answer."""
    return "continued" if number and not attempt_number else attempt.reason
