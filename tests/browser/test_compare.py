"""Comparisons in the browser: columns that stream together, stop by themselves, and stay what they are in a reload."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from lib.core.comparisons import Column, Comparison, Vote
from lib.core.target import Target
from tests.browser.chat_page import ChatPage, wait_until
from tests.browser.history_seed import HistorySeed

TARGETS = (
    Target("demo-endless", "openai"),
    Target("demo-endless", "anthropic"),
    Target("demo-errors", "openai"),
    Target("demo-echo", "anthropic"),
)
SECRETS = re.compile(r"demo-|OpenAI format|Anthropic format|first token|tokens/s|\$0", re.IGNORECASE)


def column_texts(columns: Locator) -> list[str]:
    return [column.inner_text() for column in columns.all()]


def last_line(column: Locator) -> int:
    lines = re.findall(r"Line (\d+)\s", column.inner_text())
    return int(lines[-1]) if lines else 0


def test_four_answers_stream_blindly_through_a_reload_until_the_vote(demo, new_page):
    history = HistorySeed(demo, ChatPage(new_page(), demo.url))
    targets = tuple(Column(f"c{number}", f"q{number}", target) for number, target in enumerate(TARGETS))
    seeded = Comparison("seeded", "Which one?", 1.0, targets, is_blind=True, vote=Vote("bad"))
    history.store.comparisons.save(history.owner, seeded, [])
    chat = history.open()
    page = chat.page
    page.goto(f"{demo.url}/compare?tab=history")
    page.get_by_role("button", name="Actions for “Which one?”").click()
    page.get_by_role("menuitem", name="Compare again").click()
    # The key presses the button, which comes after the text.
    expect(page.get_by_role("button", name="Ask 4 models")).to_be_visible()
    chat.wait_idle()
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("Which one is it?")
    prompt.press("Control+Enter")
    expect(page.locator('[class*="st-key-question-"]')).to_contain_text("Which one is it?")

    # One fails and one ends; those without an end go on side by side.
    columns, stops = page.locator('[class*="st-key-compare-column-"]'), page.get_by_role("button", name="Stop answer")
    expect(columns).to_have_count(4)
    expect(stops).to_have_count(2)
    running = columns.filter(has=page.get_by_role("button", name="Stop answer"))
    expect(running.nth(0)).to_contain_text("Line 5")
    expect(running.nth(1)).to_contain_text("Line 5")
    tops = [column.bounding_box() or {} for column in columns.all()]
    assert len({round(box["y"]) for box in tops}) == 1
    shown = [text.split()[:2] for text in column_texts(columns)]
    names = [name for name in shown if name]
    assert names == [["Answer", label] for label in "ABCD"]
    failed = [" error" in f" {text.lower()}" for text in column_texts(columns)]

    # On a phone, in mid-stream, in the same order, and still without a word about the models.
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(stops).to_have_count(2)
    expect(running.nth(1)).to_contain_text("Line 5")
    boxes = [column.bounding_box() or {} for column in columns.all()]
    assert len({round(box["x"]) for box in boxes}) == 1 and boxes[0]["width"] <= 390
    assert [" error" in f" {text.lower()}" for text in column_texts(columns)] == failed
    hidden = [column.inner_html() for column in columns.all() if "Line" in column.inner_text()]
    assert len(hidden) == 2 and not SECRETS.search(" ".join(hidden))
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 390

    # Stop ends one answer only.
    stopped = running.nth(0).inner_text().split("\n")[0]
    stops.first.click()
    expect(stops).to_have_count(1)
    other, before = running.nth(0), last_line(running.nth(0))
    assert other.inner_text().split("\n")[0] != stopped
    wait_until(page, lambda: last_line(other) > before + 5)
    page.get_by_role("button", name="Stop all").click()
    expect(stops).to_have_count(0)
    page.get_by_role("button", name="B is best").click()
    expect(page.get_by_text("Best: B")).to_be_visible()
    expect(columns.filter(has_text="demo-endless")).to_have_count(2)
    expect(columns.filter(has_text="Anthropic format")).to_have_count(2)
