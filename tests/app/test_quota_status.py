"""Limits on the page: a refusal keeps the text, a soft limit warns above the input, all are listed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.errors import ConversationNotFound, LimitExceededError, ModelNotAllowed
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.core.user import User
from lib.ui.auth import access_control
from lib.ui.session import resources
from lib.ui.session.values import BrowserIdentity
from lib.ui.text import limit_text
from lib.ui.text.i18n import TRANSLATIONS, escape_markdown
from lib.ui.widgets import errors

ROOT = Path(__file__).parents[2]
ANN = User("browser:0123", groups=("sales",))
QUESTION_TEXT = "Why is the sky blue?"
Enter = Callable[..., AppTest]


def per_user_policy(**limits: Limit) -> Policy:
    return Policy({PER_USER_SCOPE: ScopePolicy(Limits(**limits))})


@pytest.fixture
def enter(store, database_url, monkeypatch) -> Enter:
    def enter(policy: Policy, page: str = "chat", language: str = "en") -> AppTest:
        for name in ("policy", "current_policy"):
            monkeypatch.setattr(resources, name, lambda: policy)
        at = AppTest.from_file(ROOT / "app.py", default_timeout=60)
        if page != "chat":
            at.switch_page(f"pages/{page}.py")
        at.session_state["browser_identity"] = BrowserIdentity(ANN.id, "browser")
        at.session_state["language"] = language
        return at.run()

    for name in ("ANTLER_ACCESS", "DEERAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(resources, "_load_secrets", dict)
    monkeypatch.setattr(access_control, "_browser_user", lambda: ANN)
    client_context = SimpleNamespace(headers=[], cookies={}, remote_ip="127.0.0.1")
    monkeypatch.setattr(context, "_get_client_context", lambda: client_context)
    st.config.set_option("server.address", "127.0.0.1")
    for cached in (resources.settings, resources.store, resources.connection_at):
        cached.clear()
    return enter


def record_cost(store, cost: int, name: str = "s", owner: str = ANN.id) -> None:
    usage, target = Usage(20, 22), Target("m", "openai")
    record = UsageRecord(name, None, "answer", target, usage, Timing(0.1), Outcome.COMPLETE, "", time.time())
    store.usage.record(owner, record.__class__(**{**vars(record), "cost": cost}))


def page_text(at: AppTest) -> str:
    assert not at.exception
    element_lists = (at.markdown, at.caption, at.warning, at.error, at.header)
    texts = "\n".join(str(element.value) for elements in element_lists for element in elements)
    return texts + "\n".join(bar.proto.text for bar in at.get("progress"))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            per_user_policy(tokens_day=Limit(hard=10)),
            "Left under your limit of 10 tokens per day: 10 tokens.",
        ),
        (
            per_user_policy(requests_minute=Limit(hard=0)),
            "Nothing was sent: your limit of 0 requests per minute is reached. Your",
        ),
        (
            Policy({TEAM_SCOPE: ScopePolicy(Limits(cost_month=Limit(hard=NANOS_PER_DOLLAR // 1000)))}),
            "per month for the whole team: $0.0010.",
        ),
        (
            Policy({PER_USER_SCOPE: ScopePolicy(model_patterns=("none-*",))}),
            "You do not have permission to use this model",
        ),
    ],
)
def test_a_refused_question_stays_in_the_input_with_the_reason(enter, store, policy, expected):
    at = enter(policy)
    at.query_params.update({"model": "demo-tour", "wire": "openai"})
    at.run()
    at.chat_input[0].set_value(QUESTION_TEXT).run()
    assert escape_markdown(expected) in page_text(at)
    assert "Your text is still in the box" in page_text(at)
    _, returned_text = at.session_state["prefill"]
    assert returned_text == QUESTION_TEXT
    assert store.conversations.page(ANN.id, 9) == []


def test_a_reached_soft_limit_warns_above_the_input(enter, store):
    policy = per_user_policy(cost_day=Limit(soft=NANOS_PER_DOLLAR * 4 // 5, hard=NANOS_PER_DOLLAR))
    record_cost(store, NANOS_PER_DOLLAR * 4 // 5 - 1)
    assert "today" not in page_text(enter(policy))
    record_cost(store, NANOS_PER_DOLLAR // 50 + 1, "t")
    assert escape_markdown("You have used 82% of today's cost limit: $0.8200 of $1.00.") in page_text(enter(policy))
    # One warning, for the limit with the highest share used.
    policy_of_both = Policy(
        {
            **policy.scopes,
            TEAM_SCOPE: ScopePolicy(
                Limits(cost_month=Limit(soft=NANOS_PER_DOLLAR // 2, hard=NANOS_PER_DOLLAR * 9 // 10))
            ),
        }
    )
    text = page_text(enter(policy_of_both))
    assert escape_markdown("The whole team has used 91% of this month's cost limit") in text
    assert "today" not in text


def test_the_usage_page_lists_the_remaining_quotas(enter, store):
    record_cost(store, NANOS_PER_DOLLAR // 4)
    record_cost(store, NANOS_PER_DOLLAR, "t", "bob")
    policy = Policy(
        {
            PER_USER_SCOPE: ScopePolicy(
                Limits(tokens_day=Limit(hard=50), cost_day=Limit(NANOS_PER_DOLLAR // 2, NANOS_PER_DOLLAR))
            ),
            "group:sales": ScopePolicy(Limits(requests_minute=Limit(hard=9))),
            TEAM_SCOPE: ScopePolicy(Limits(cost_month=Limit(soft=2 * NANOS_PER_DOLLAR))),
        }
    )
    at = enter(policy, "usage")
    text = page_text(at)
    assert [bar.proto.value for bar in at.get("progress")] == [84, 25, 0, 62]
    for expected in (
        "42 tokens of 50 tokens used",
        "8 tokens left",
        "$0.2500 of $1.00 used",
        "$0.7500 left · Warning at $0.5000",
        "0 requests of 9 requests used",
        "$1.25 of $2.00 used",
    ):
        assert escape_markdown(expected) in text
    assert [heading for heading in ("You", "Group sales", "Whole team") if f"**{heading}**" in text] == [
        "You",
        "Group sales",
        "Whole team",
    ]
    assert TRANSLATIONS["zh"]["quota.title"] in page_text(enter(policy, "usage", "zh"))


def test_no_quota_is_shown_without_limits(enter, store):
    record_cost(store, NANOS_PER_DOLLAR)
    assert TRANSLATIONS["en"]["quota.title"] not in page_text(enter(Policy(), "usage"))


HOUR = 3600.0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            LimitExceededError(
                "person:x",
                "cost_day",
                5 * NANOS_PER_DOLLAR,
                NANOS_PER_DOLLAR // 8,
                NANOS_PER_DOLLAR // 5,
                0,
                7 * HOUR,
            ),
            "Nothing was sent. This request may use up to $0.2000. Left under your limit of $5.00 per day: $0.1250.",
        ),
        (
            LimitExceededError("group:sales", "tokens_month", 5000, 0, 1200, 0, 7 * HOUR),
            "up to 1,200 tokens. Left under the limit of 5,000 tokens per month for group sales: 0 tokens.",
        ),
        (
            LimitExceededError("all", "requests_minute", 60, 0, 1, 0, 20.0),
            "the limit of 60 requests per minute for the whole team is reached. Resets in 20 s (",
        ),
        (LimitExceededError("all", "tokens_day", 60, 60, 100, 0, None), "60 tokens. Waiting does not help"),
    ],
)
def test_a_refusal_names_the_limit_the_remaining_amount_and_the_reset(error, expected, monkeypatch):
    monkeypatch.setattr(limit_text.time, "time", lambda: error.resets_at - (error.retry_after or 0.0))
    message = errors.error_message(error)
    assert expected in message
    if error.retry_after == 7 * HOUR:
        assert message.endswith("Resets in 7 h (1970-01-01 00:00).")


def test_other_errors_have_the_message_of_their_code():
    assert errors.error_message(ConversationNotFound()) == TRANSLATIONS["en"]["error.gone"]
    assert errors.error_message(ModelNotAllowed()) == TRANSLATIONS["en"]["error.model_not_allowed"]
