"""Administration page: its sections save what an admin enters, and other users are refused."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from lib.config.auth import user_from_claims
from lib.core.conversation import Conversation, Feedback, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.errors import StoreError
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, ScopePolicy
from lib.core.pricing import Price
from lib.core.prompts import Prompt
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.core.user import User
from lib.storage.database.engine import Aggregate
from lib.storage.policy import Policies
from lib.ui.session import resources
from tests.app.chat_app import read_text
from tests.app.model_select import button_data, choose_model, selected_model
from tests.app.users import ADMIN, BOB, claims, id_of, page_text
from tests.unit.storage.test_owner_scope import (
    ADMIN_METHODS,
    METHODS_WITHOUT_OWNER,
    OPTIONAL_OWNER_METHODS,
    aggregate_methods,
)

QUESTION_TEXT = "Said in confidence"


def section(name: str) -> dict[str, str]:
    return {"open_tabs": {"admin": name}}


def save(at: AppTest) -> AppTest:
    return next(button for button in at.button if button.label == "Save").click().run()


def usage_record(record_id: str, cost: int) -> UsageRecord:
    target, timing = Target("m", "openai"), Timing(0.5, 0.6, 1.0)
    return UsageRecord(
        record_id, None, "answer", target, Usage(1, 1), timing, Outcome.COMPLETE, "", time.time(), cost=cost
    )


@pytest.mark.parametrize("page", ["admin", "usage", "settings", "chat"])
def test_no_data_of_others_is_read_or_shown_for_a_user_who_is_no_admin(enter, store, monkeypatch, page):
    called: list[str] = []
    for method, aggregate, name in aggregate_methods(store):
        if method in ADMIN_METHODS | {"usage.total"}:
            monkeypatch.setattr(aggregate, name, lambda *_, method=method, **__: called.append(method))
    # The session state of an admin.
    forged_session = {"open_tabs": {"admin": "people"}, "usage.whose": "everybody", "is_usage_access_recorded": True}
    at = enter(page, BOB, **forged_session)
    assert not at.exception
    assert called == []
    if page == "admin":
        assert [element.value for element in at.main.markdown] == ["This page is for administrators only."]
        other_elements = [*at.main.title, *at.main.button, *at.main.selectbox, *at.main.segmented_control]
        assert other_elements == []
    assert "Admin" not in page_text(at).split("\n")
    assert "Usage reported by the gateway" not in page_text(at)


SECTIONS = ["limits", "models", "default", "prices", "prompts", "refused_params", "gateway_check", "people", "audit"]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_is_rendered_with_an_empty_policy(enter, name):
    at = enter("admin", **section(name))
    assert at.title[0].value == "Administration"
    assert len(at.error) == 0
    assert len(page_text(at)) > 100


@pytest.mark.parametrize(("mode", "is_admin"), [("local", True), ("viewers", False)])
def test_a_browser_is_an_admin_in_local_mode_only(enter, store, mode, is_admin):
    store.usage.record("browser:abcd0123", usage_record("s", 10**9))
    at = enter("admin", mode=mode, **section("people"))
    assert ("Browser abcd" in page_text(at)) is is_admin
    assert ("each browser counts as a user" in page_text(at)) is is_admin


def fields(at: AppTest, limit_name: str):
    return [field for field in at.number_input if field.key.rpartition("-")[0].endswith(limit_name)]


def test_limits_of_a_scope_are_saved_and_listed(enter, store):
    at = enter("admin")
    at.selectbox(key="admin.scope").select("group:sales").run()
    soft, hard = fields(at, "cost_day")
    soft.set_value(0.1)
    hard.set_value(2.5)
    fields(at, "tokens_month")[1].set_value(1_000_000)
    save(at)
    limits = Limits(cost_day=Limit(100_000_000, 2_500_000_000), tokens_month=Limit(None, 1_000_000))
    assert store.policy.load().scopes == {"group:sales": ScopePolicy(limits)}
    table = page_text(at)
    assert "| Group sales | US dollars per day | $0.1000 | $2.50 |" in table
    assert "| Group sales | Tokens per month | – | 1,000,000 |" in table
    assert [field.value for field in fields(at, "cost_day")] == [0.1, 2.5]
    for field in (*fields(at, "cost_day"), *fields(at, "tokens_month")):
        field.set_value(None)
    save(at)
    assert store.policy.load().scopes == {}


def test_a_soft_limit_above_the_hard_limit_is_refused(enter, store):
    at = enter("admin")
    soft, hard = fields(at, "tokens_day")
    soft.set_value(11)
    hard.set_value(10)
    save(at)
    assert "Tokens per day: the “warn at” value cannot be higher" in page_text(at)
    assert store.policy.load().scopes == {}
    assert [event.action for event in store.audit.page(9) if event.action == "limits"] == []


def test_model_patterns_are_previewed_and_saved(enter, store):
    at = enter("admin", **section("models"))
    assert at.selectbox(key="admin.scope").value == PER_USER_SCOPE
    at.text_area[0].input("demo-short-memory\n\n  DEMO-BR* \ndemo-short-memory").run()
    assert "models match:" in page_text(at) and "demo-short-memory" in page_text(at) and "demo-breaks" in page_text(at)
    save(at)
    assert store.policy.load().scopes == {PER_USER_SCOPE: ScopePolicy(model_patterns=("demo-short-memory", "DEMO-BR*"))}
    at.text_area[0].input("nothing-like-it").run()
    assert "**None** of" in page_text(at)
    at.text_area[0].input(" \n").run()
    save(at)
    assert store.policy.load().scopes == {}


def test_the_default_target_applies_to_new_conversations(enter, store):
    at = enter("admin", **section("default"))
    choose_model(at, "demo-short-memory", "Default model for all users")
    assert store.policy.load().default_target == Target("demo-short-memory", "openai")
    chat = enter("chat", BOB)
    assert selected_model(chat) == "demo-short-memory"
    store.preferences.set_default_target(id_of(BOB), Target("demo-slow", "anthropic"))
    chat = enter("chat", BOB)
    assert selected_model(chat) == "demo-slow"
    assert button_data(chat)["note"] == "Anthropic format"


def test_a_price_is_set_for_a_model_that_a_cost_limit_blocks(enter, store):
    refused = "A cost limit blocks requests to 1 model because its price is unknown: demo-echo"
    at = enter("admin", **section("prices"))
    assert "The price of 1 model is unknown: demo-echo" in page_text(at)
    assert "gateway: default, assumed" in page_text(at)
    store.policy.set_limits(User("root"), "group:sales", Limits(cost_day=Limit(None, 10**9)))
    assert refused in page_text(enter("admin"))
    at = enter("admin", **section("prices"))
    assert refused in page_text(at)
    assert at.selectbox(key="price.model").value == "demo-echo"
    for field, amount in zip(at.text_input, ("2.5", "10", "", "3.125", "12.5"), strict=True):
        field.input(amount)
    save(at)
    (event,) = store.audit.page(9, "price")
    assert (event.actor_id, event.resource) == (id_of(ADMIN), "demo-echo")
    price = Price(Decimal("2.5"), Decimal(10), None, Decimal("3.125"), per_search=Decimal("0.0125"))
    assert store.policy.load().prices["demo-echo"].price == price
    assert "is unknown" not in page_text(at)
    at = enter("admin", **section("prices"))
    assert "| demo-echo | 2.5 | 10 | – | 3.125 | 12.5 |" in page_text(at) and f"| {ADMIN} | yes |" in page_text(at)
    price = resources.shared_connection().prices.price_of("demo-echo")
    assert (price.source, price.base_price.output) == ("team", Decimal(10))
    at.selectbox(key="price.model").set_value("demo-echo").run()
    next(button for button in at.button if button.label == "Delete this price").click().run()
    assert store.policy.load().prices == {}
    assert refused in page_text(enter("admin"))


@pytest.mark.parametrize("amounts", [("", "1"), ("1", ""), ("-1", "1"), ("1,000", "1"), ("1e9", "1"), ("x", "1")])
def test_an_invalid_price_is_refused(enter, store, amounts):
    at = enter("admin", **section("prices"))
    for field, amount in zip(at.text_input, amounts, strict=False):
        field.input(amount)
    save(at)
    assert "enter a price from 0 to 1,000,000" in at.warning[0].value
    assert store.policy.load().prices == {}


def test_prompts_of_the_team_are_listed_with_a_link_to_the_library(enter, store):
    assert "no prompts yet" in read_text(enter("admin", **section("prompts")).main)
    store.prompts.save_team(User(ADMIN), Prompt("p", "persona", "Brief [one](x)", text="Be brief."))
    store.prompts.save("somebody", Prompt("q", "persona", "Private", text="x"))
    text = read_text(enter("admin", **section("prompts")).main)
    assert "Brief [one](x)" in text and "Open the prompt library" in text
    assert "Private" not in text and "Be brief" not in text


def test_users_are_listed_with_their_usage_and_no_content(enter, store):
    question = Node("q", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
    store.messages.save_turn(id_of(BOB), Conversation("c", QUESTION_TEXT, 1.0, "q"), [question])
    store.usage.record(id_of(BOB), usage_record("s", 1_500_000_000))
    enter("chat", BOB)
    at = enter("admin", **section("people"))
    assert f"**{BOB}**" in page_text(at) and "$1.50 this month" in page_text(at) and "sales" in page_text(at)
    assert QUESTION_TEXT not in page_text(at)
    at.button(key=f"limits-of-{id_of(BOB)}").click().run()
    assert at.selectbox(key="admin.scope").value == f"person:{id_of(BOB)}"
    assert at.session_state["open_tabs"] == {"admin": "limits"}
    fields(at, "requests_minute")[1].set_value(3)
    save(at)
    limits = Limits(requests_minute=Limit(None, 3))
    assert store.policy.load().scopes == {f"person:{id_of(BOB)}": ScopePolicy(limits)}


def test_an_admin_can_revoke_the_sign_ins_of_a_user(enter, store):
    bob = claims(BOB)
    owner = user_from_claims(bob).id
    assert enter("chat", mode="oidc", user=bob).title[0].value == "What can I help you with?"
    at = enter("admin", mode="oidc", user=claims(ADMIN), **section("people"))
    at.button(key=f"out-do-{owner}").click().run()
    assert store.users.revoked_before(owner) > bob["iat"]
    (event,) = store.audit.page(9, "put_out")
    assert (event.actor_id, event.resource) == (user_from_claims(claims(ADMIN)).id, owner)
    next_visit = enter("chat", mode="oidc", user=bob)
    assert next_visit.title[0].value == "Sign in"


def test_an_open_page_of_an_admin_who_was_signed_out_saves_nothing(enter, store):
    at = enter("admin", mode="oidc", user=claims(ADMIN))
    fields(at, "tokens_day")[1].set_value(10)
    store.users.sign_out_everywhere(user_from_claims(claims(ADMIN)).id, time.time())
    save(at)
    assert store.policy.load().scopes == {}
    assert at.title[0].value == "Sign in"


def test_the_audit_log_is_paginated_and_filtered(enter, store):
    for number in range(30):
        store.audit.record(User("proxy:x", "Xaver"), "export", f"object{number:02}")
    store.audit.record(User("proxy:x", "Xaver"), "share", "one")
    at = enter("admin", **section("audit"))
    assert "object29" in page_text(at) and "object00" not in page_text(at)
    at.button(key="more-audit").click().run()
    assert "object29" in page_text(at) and "object00" in page_text(at)
    at.selectbox(key="audit.action").select("share").run()
    assert "| Xaver | Created a shared link | one |" in page_text(at) and "object" not in page_text(at)


def test_a_click_of_a_user_who_is_no_longer_an_admin_saves_nothing(enter, store):
    at = enter("admin")
    fields(at, "tokens_day")[1].set_value(10)
    at.session_state["user"] = User(id_of(ADMIN))
    save(at)
    assert store.policy.load().scopes == {}
    assert "for administrators" in at.warning[0].value


def test_the_policy_stays_in_force_while_the_database_is_unavailable(enter, store, monkeypatch):
    store.policy.set_allowed_models(User("root"), PER_USER_SCOPE, ["demo-short-memory"])
    enter("chat", BOB)

    def raise_error(_: Policies) -> None:
        raise StoreError("unavailable")

    monkeypatch.setattr(Policies, "load", raise_error)
    resources.policy.clear()
    assert resources.policy().scopes == {PER_USER_SCOPE: ScopePolicy(model_patterns=("demo-short-memory",))}
    resources._last_policy.clear()
    resources.policy.clear()
    with pytest.raises(StoreError):
        resources.policy()


def test_usage_of_all_users_is_listed_by_user_and_each_access_is_recorded(enter, store):
    store.usage.record(id_of(BOB), usage_record("s", 1_500_000_000))
    store.usage.record("browser:ab12cd", usage_record("t", 500_000_000))
    enter("chat", BOB)
    at = enter("usage")
    assert "No requests in this period" in page_text(at)
    assert "By user" not in page_text(at)
    at.segmented_control(key="usage.whose").set_value("everybody").run()
    assert f"| {BOB} | $1.50 | 1 |" in page_text(at)
    assert "| Browser ab12 | $0.5000 | 1 |" in page_text(at)
    at.run()
    assert [event.actor_id for event in store.audit.page(9, "usage_of_all")] == [id_of(ADMIN)]


def test_feedback_of_all_users_is_counted_by_model_without_its_comments(enter, store):
    question = Node("q", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
    answer = Node("a", "q", Message("assistant", (TextPart("Yes."),)), 2.0, target=Target("=m|x", "openai"))
    nodes = [
        question,
        replace(answer, feedback=Feedback("good")),
        replace(answer, id="b", feedback=Feedback("bad", "Why?!")),
    ]
    store.messages.save_turn(id_of(BOB), Conversation("c", QUESTION_TEXT, 2.0, "b"), nodes)
    enter("chat", BOB)
    at = enter("usage")
    assert "Feedback on answers" not in page_text(at)
    at.segmented_control(key="usage.whose").set_value("everybody").run()
    assert "| 1 | 1 | 50.0% |" in page_text(at)
    assert "Why?!" not in page_text(at) and QUESTION_TEXT not in page_text(at)


def test_the_team_is_the_first_scope(enter):
    at = enter("admin")
    assert at.selectbox(key="admin.scope").value == TEAM_SCOPE


def test_no_page_of_an_admin_reads_conversations_of_others(enter, store, monkeypatch):
    question = Node("q", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
    store.messages.save_turn(id_of(BOB), Conversation("c", QUESTION_TEXT, 1.0, "q"), [question])
    store.usage.record(id_of(BOB), usage_record("s", 1))
    enter("chat", BOB)
    called: set[str] = set()

    def check_owner(method: str, function):
        def call(self: Aggregate, *args, **options):
            owner = args[0] if args else None
            called.add(f"{method} of all users" if owner is None and method in OPTIONAL_OWNER_METHODS else method)
            of_all = owner is None and method in OPTIONAL_OWNER_METHODS
            is_own = getattr(owner, "id", owner) == id_of(ADMIN)
            assert method in METHODS_WITHOUT_OWNER or of_all or is_own, method
            return function(self, *args, **options)

        return call

    for method, aggregate, name in list(aggregate_methods(store)):
        monkeypatch.setattr(aggregate, name, check_owner(method, getattr(aggregate, name)))
    for section_name in ("limits", "models", "default", "prompts", "people", "audit"):
        assert QUESTION_TEXT not in page_text(enter("admin", **section(section_name)))
    at = enter("usage")
    at.segmented_control(key="usage.whose").set_value("everybody").run()
    assert QUESTION_TEXT not in page_text(at)
    assert {
        "users.all",
        "audit.page",
        "usage.daily of all users",
        "usage.first_token_times of all users",
        "usage.totals_by_user",
    } <= called
