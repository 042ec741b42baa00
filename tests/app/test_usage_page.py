"""Cost on the page: the same sum under the answer, above the conversation, on the usage page and in its CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow
import pytest
import streamlit as st

from lib.core.policy import TEAM_SCOPE, Limit, Limits
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.text import dates
from tests.app.chat_app import ChatApp, read_text
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay

ANSWER = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":2000,"completion_tokens":100}}\n\ndata: [DONE]\n\n'
)


def get_metric(chat: ChatApp, label: str) -> str:
    (metric,) = [metric for metric in chat.at.metric if metric.label == label]
    return str(metric.value).replace("\\", "")


def test_the_answer_the_conversation_the_page_and_the_csv_show_the_same_sum(faked, monkeypatch):
    written: dict[str, Callable[[], bytes]] = {}
    monkeypatch.setattr(st, "download_button", lambda _, write, name, *__, **___: written.update({name: write}))
    chat = ChatApp(model="demo-crlf", wire="openai", is_panel_open=True).wait_for("per million input tokens").ask("One")
    (cost,) = set(re.findall(r"\$[\d.]+(?= so far)", chat.text))
    assert f"out · {cost}" in chat.text
    chat.open_page("usage")
    assert get_metric(chat, "Cost") == cost
    assert get_metric(chat, "Requests") == "1"
    chat.open_page("chat").choose_wire("anthropic").ask("Two")
    assert f"{cost} so far" not in chat.text
    assert get_metric(chat.open_page("usage"), "Requests") == "2"
    (write,) = (write for name, write in written.items() if re.fullmatch(r"antler-usage-20[\d-]+\.csv", name))
    rows = list(csv.DictReader(io.StringIO(write().decode("utf-8-sig"))))
    assert {(row["model"], row["wire"], row["requests"]) for row in rows} == {
        ("demo-crlf", "openai", "1"),
        ("demo-crlf", "anthropic", "1"),
    }
    total = sum(Decimal(row["cost_usd"]) for row in rows)
    assert abs(Decimal(get_metric(chat, "Cost").lstrip("$")) - total) <= Decimal("0.00005")


def test_the_usage_of_another_user_is_not_shown(faked):
    ChatApp(browser="ann", model="demo-crlf", wire="openai").ask("Mine")
    other = ChatApp(page="usage", browser="ben")
    assert "No requests in this period." in other.text
    assert not other.at.get("download_button")


def test_the_gateways_own_count_is_compared(faked):
    chat = ChatApp(model="demo-crlf", wire="openai").ask("One").open_page("usage")
    chat.click("Compare with the gateway")
    assert "Used, reported by the gateway" in chat.text
    assert "Difference" in chat.text


def test_the_cost_of_the_next_question_is_estimated_once_there_is_a_chat_to_send(faked):
    chat = ChatApp(model="demo-crlf", wire="openai", is_panel_open=True)
    chat.wait_for("$1.00 per million input tokens, $4.00 per million output tokens")
    assert "≈ $" not in chat.text
    chat.ask("One")
    assert re.search(r"≈ \$0\.00\d+", chat.text)
    chat.choose_model("demo-echo")
    assert "≈ $" not in chat.text


def test_an_unknown_price_is_shown_as_unknown(keyed):
    keyed.serve("/v1/chat/completions", Canned(ANSWER, headers=EVENT_STREAM))
    keyed.serve("/v1/dashboard/billing/subscription", Canned(b'{"error":{"message":"no"}}', headers=JSON))
    chat = ChatApp(model="m-one", wire="openai").ask("One")
    assert "2,000 in · 100 out · Cost unknown" in chat.text
    assert [caption.value for caption in chat.at.caption if caption.value == "Cost unknown"]  # and not "so far"
    assert "≈ $" not in chat.text
    chat.open_page("usage")
    assert get_metric(chat, "Cost") == "Cost unknown"
    assert "Cost unknown" in read_text(chat.at.main)
    chat.click("Compare with the gateway")
    assert "The gateway did not report its usage." in chat.text


def serve_balance(gateway: Replay, used: float, **status: Any) -> None:
    gateway.serve("/v1/dashboard/billing/subscription", Canned(b'{"hard_limit_usd":200}', headers=JSON))
    gateway.serve("/v1/dashboard/billing/usage", Canned(json.dumps({"total_usage": used * 100}).encode(), headers=JSON))
    if status:
        body = json.dumps({"success": True, "data": {"quota_per_unit": 500_000, **status}}).encode()
        gateway.serve("/api/status", Canned(body, headers=JSON))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"quota_display_type": "USD"},
            ["reported by the gateway | $73.00", "Remaining | $127.00", "Difference | $63.00"],
        ),
        (
            {"quota_display_type": "CNY", "usd_exchange_rate": 7.3},
            ["gateway | ¥73.00", "Remaining | ¥127.00", "Difference | ¥0 (≈ $0)", "7.3 CNY per US dollar"],
        ),
        ({"quota_display_type": "TOKENS"}, ["gateway | 73 tokens", "Difference | -4,999,927 tokens (≈ -$10.00)"]),
        ({}, ["gateway | 73.00 units", "Remaining | 127.00 units", "Difference | unknown", "does not state the unit"]),
    ],
)
def test_the_balance_is_in_the_unit_that_the_gateway_states(keyed, status, expected):
    price = {"id": "m-one", "pricing": {"prompt": "0.005", "completion": "0"}}
    keyed.serve("/v1/models", Canned(json.dumps({"data": [price]}).encode(), headers=JSON))
    keyed.serve("/v1/chat/completions", Canned(ANSWER, headers=EVENT_STREAM))
    serve_balance(keyed, 73, **status)
    chat = ChatApp(model="m-one", wire="openai").ask("One").open_page("usage")
    assert get_metric(chat, "Cost") == "$10.00"
    chat.click("Compare with the gateway")
    text = chat.text.replace("\\", "")
    assert [part for part in expected if part not in text] == []
    assert ("$" in text.split("gateway |")[1].split("|")[0]) is (status.get("quota_display_type") == "USD")


@pytest.mark.parametrize(
    "answer",
    [Canned(status=404, headers=JSON), Canned(b"<html>"), Canned(b'{"success":false,"message":"No **logs**"}')],
)
def test_a_gateway_without_a_log_is_named_as_such(keyed, answer):
    keyed.serve("/api/log/token", answer)
    chat = ChatApp(page="usage").click("Compare each request")
    assert "This gateway does not offer a log of requests." in chat.text
    # The gateway's words are no Markdown.
    assert ("No \\*\\*logs\\*\\*" in chat.at.warning[0].value) is (b"logs" in answer.body)


def test_each_request_is_compared_with_the_gateways_log(keyed):
    answer = Canned(ANSWER, headers={**EVENT_STREAM, "X-Oneapi-Request-Id": "req-1"})
    keyed.serve(
        "/v1/chat/completions", answer, Canned(ANSWER, headers={**EVENT_STREAM, "X-Oneapi-Request-Id": "req-2"})
    )
    price = {"id": "m-one", "pricing": {"prompt": "0.000001", "completion": "0.00001"}}
    keyed.serve("/v1/models", Canned(json.dumps({"data": [price]}).encode(), headers=JSON))
    keyed.serve("/api/status", Canned(b'{"data":{"quota_display_type":"USD","quota_per_unit":500000}}', headers=JSON))
    now = int(time.time())
    rows = [
        {"request_id": "req-1", "model_name": "m-one", "prompt_tokens": 2000, "completion_tokens": 400, "quota": 3000},
        {"request_id": "else|where", "model_name": "*m*", "prompt_tokens": 5, "completion_tokens": 6, "quota": 700},
    ]
    log = {"success": True, "data": [{"type": 2, "created_at": now, "use_time": 1, **row} for row in rows]}
    keyed.serve("/api/log/token", Canned(json.dumps(log).encode(), headers=JSON))
    chat = (
        ChatApp(model="m-one", wire="openai", is_panel_open=True)
        .wait_for("per million input tokens")
        .ask("One")
        .ask("Two")
        .open_page("usage")
    )
    chat.click("Compare each request")
    text = chat.text.replace("\\", "")
    assert [get_metric(chat, label) for label in ("Matched", "Only in the gateway's log", "Only in Antler")] == [
        "1"
    ] * 3
    assert get_metric(chat, "Unmatched") == "66.7%"
    assert "| m-one | req-1 | 2,000 | 100 → 400 | $0.0030 → $0.0060 (+$0.0030) |" in text
    assert "| *m* | else|where | 5 in, 6 out | $0.0014 |" in text
    assert "| m-one | req-2 | 2,000 in, 100 out | $0.0030 |" in text
    assert any(button.label == "Download as CSV" for button in chat.at.get("download_button"))


def test_the_log_of_the_demo_agrees_with_every_request(faked):
    chat = ChatApp(model="demo-crlf", wire="openai").ask("One").ask("Two").open_page("usage")
    chat.click("Compare each request")
    assert get_metric(chat, "Matched") == "2"
    assert get_metric(chat, "Probable matches") == "0"
    assert get_metric(chat, "Only in Antler") == "0"
    assert "Differences in tokens or cost (Antler → gateway)**: 0" in chat.text


def test_a_question_under_a_cost_limit_waits_for_the_price_list(keyed):
    price = {"model_name": "m-one", "quota_type": 0, "model_ratio": 1, "completion_ratio": 4}
    keyed.serve("/api/pricing", Canned(json.dumps({"data": [price]}).encode(), headers=JSON, mute=True))
    keyed.serve("/v1/chat/completions", Canned(ANSWER, headers=EVENT_STREAM))
    resources.store().policy.set_limits(User("root"), TEAM_SCOPE, Limits(cost_day=Limit(None, 10**12)))
    chat = ChatApp(model="m-one", wire="openai")
    threading.Timer(0.3, keyed.resume).start()
    assert "2,000 in · 100 out · $0.0048" in chat.ask("One").text


def chart_of(chat: ChatApp) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the specification of the chart, and its rows."""
    (element,) = chat.at.get("vega_lite_chart")
    data = element.proto.data.data or element.proto.datasets[0].data.data
    return json.loads(element.proto.spec) | {"alt": element.proto.alt}, pyarrow.ipc.open_stream(
        data
    ).read_all().to_pylist()


def test_the_chart_has_titles_units_local_days_and_a_description(faked):
    chat = (
        ChatApp(model="demo-crlf", wire="openai", is_panel_open=True)
        .wait_for("per million input tokens")
        .ask("One")
        .open_page("usage")
    )
    chat.at.session_state["usage.measure"] = "cost"
    spec, rows = chart_of(chat.run())
    encoding = spec["encoding"]
    assert (encoding["x"]["axis"]["title"], encoding["y"]["axis"]["title"]) == ("Day", "Cost (US dollars)")
    assert encoding["color"]["sort"] == ["demo-crlf"]
    assert len(rows) == 30
    today = dates.format_day_of_year(datetime.now(UTC).date())
    assert today in {row["day"] for row in rows if row["value"] > 0}
    assert spec["alt"].startswith("Bar chart: Cost (US dollars) by day, from ")
    assert "Models: demo-crlf." in spec["alt"]
    assert "Table by day" in chat.text
    chat.at.session_state["language"] = "zh"
    spec, rows = chart_of(chat.run())
    assert spec["encoding"]["y"]["axis"]["title"] == "费用（美元）"
    assert all(re.fullmatch(r"\d+月\d+日", row["day"]) for row in rows)
