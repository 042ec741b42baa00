"""Cost on the page: the same sum under the answer, on the usage page and in the CSV."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage

SAID = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":2000,"completion_tokens":100}}\n\ndata: [DONE]\n\n'
)


def open_usage(chat: ChatPage) -> ChatPage:
    chat.page.get_by_role("link", name="Usage").click()
    expect(chat.page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    return chat


def return_to_chat(chat: ChatPage) -> ChatPage:
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.composer).to_be_visible()
    return chat


def metric(chat: ChatPage, name: str) -> Locator:
    value = chat.page.get_by_test_id("stMetric").filter(has_text=name).get_by_test_id("stMetricValue")
    expect(value).to_be_visible()
    return value


def cell(chat: ChatPage, model: str, column: int) -> Locator:
    """Return a cell of the table of models."""
    rows = chat.page.locator(".st-key-usage-models tbody tr")
    return rows.filter(has_text=model).locator("td").nth(column)


def test_the_answer_the_page_and_the_csv_show_the_same_sum(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-crlf&wire=openai").ask("One").wait_idle()
    expect(chat.answers.last).to_contain_text("$")
    (cost,) = re.findall(r"\$[\d.]+", chat.answers.last.inner_text())
    expect(chat.page.locator(".st-key-hand-on")).to_contain_text(f"{cost} so far")
    open_usage(chat)
    expect(metric(chat, "Cost")).to_have_text(cost)
    expect(cell(chat, "demo-crlf", 2)).to_have_text(cost)
    expect(metric(chat, "Requests")).to_have_text("1")
    expect(chat.page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    return_to_chat(chat).choose_wire("Anthropic format").wait_idle().ask("Two").wait_idle()
    expect(chat.page.locator(".st-key-hand-on")).not_to_contain_text(f"{cost} so far")
    open_usage(chat).wait_idle()
    with chat.page.expect_download() as started:
        chat.page.get_by_role("button", name="Download as CSV").click()
    assert started.value.suggested_filename.startswith("antler-usage-20")
    text = Path(started.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {(row["model"], row["wire"], row["requests"]) for row in rows} == {
        ("demo-crlf", "openai", "1"),
        ("demo-crlf", "anthropic", "1"),
    }
    total = sum(Decimal(row["cost_usd"]) for row in rows)
    shown = Decimal(metric(chat, "Cost").inner_text().lstrip("$"))
    assert abs(shown - total) <= Decimal("0.00005")
    expect(metric(chat, "Requests")).to_have_text("2")
