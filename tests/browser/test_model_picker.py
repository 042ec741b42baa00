"""The model picker: search, keyboard, favourites, 500 models, phones, and the draft in the composer."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat_page import TIMEOUT_MS, ChatPage, record_frames, wait_until
from tests.browser.conftest import KEY
from tests.support.app_server import ROOT, AppServer
from tests.support.replay import JSON, Canned, Replay

HOSTILE = '<img src=x onerror="window.hacked=1">'
HAIKU = "claude-3-haiku-20240307"
OPENAI_ANSWER = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
ANTHROPIC_ANSWER = b"".join(
    f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    for event in (
        {"type": "message_start", "message": {"id": "1", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
)


def build_model_list() -> Canned:
    """Return a list of 506 models."""
    entries = [
        {"id": "gpt-4o", "supported_endpoint_types": ["openai"]},
        {"id": "claude-sonnet-4-5", "supported_endpoint_types": ["anthropic", "openai"]},
        {"id": "house-model"},
        {"id": "painter", "supported_endpoint_types": ["image-generation"]},
        {"id": HAIKU, "supported_endpoint_types": ["anthropic"]},
        *({"id": name} for name in (HOSTILE, *(f"house-{number}" for number in range(500)))),
    ]
    return Canned(json.dumps({"object": "list", "data": entries}).encode(), headers=JSON)


@pytest.fixture(scope="module")
def gateway():
    with Replay() as server:
        server.serve("/v1/models", build_model_list())
        server.serve("/v1/chat/completions", Canned(OPENAI_ANSWER))
        server.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
        yield server


@pytest.fixture(scope="module")
def started(tmp_path_factory, gateway):
    running = AppServer(tmp_path_factory.mktemp("models"), {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway.url})
    yield running
    running.close()


@pytest.fixture
def app(started):
    """The app without favourites or a default of another test."""
    # The server makes the file and its tables at some time after its start.
    if (file := started.folder / "data/antler.db").exists():
        with contextlib.closing(sqlite3.connect(file, TIMEOUT_MS / 1000)) as database, database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'preference'").fetchone():
                database.execute("DELETE FROM preference")
    return started


def headings(chat: ChatPage) -> Locator:
    return chat.page.locator(".antler-heading")


def active_option(chat: ChatPage) -> Locator:
    """The option that Enter chooses, as a screen reader is told."""
    return chat.page.locator(f"#{chat.model_search.get_attribute('aria-activedescendant')}")


def expect_target(chat: ChatPage, model: str, note: str) -> None:
    expect(chat.model.locator(".antler-model-name")).to_have_text(model)
    expect(chat.model.locator(".antler-model-note")).to_have_text(note)


def test_a_list_of_500_models_is_sent_once_and_searched_and_used_by_keyboard(app, new_page):
    page = new_page()
    frames = record_frames(page, "framereceived")
    chat = ChatPage(page, app.url).open("?model=gpt-4o").wait_idle()
    expect(chat.model).to_have_accessible_name("Model: gpt-4o")
    assert sum(b"house-499" in frame for frame in frames) == 1
    frames.clear()
    chat.model.focus()
    chat.model.press("ArrowDown")
    expect(chat.model_search).to_be_focused()
    expect(headings(chat)).to_have_text(["Current", "Anthropic", "Other"])
    # It is drawn up to where it is scrolled.
    assert chat.options.count() < 100
    expect(chat.page.get_by_role("option", selected=True)).to_have_accessible_name(re.compile("^gpt-4o .*128k context"))
    for key, model in (("End", "painter"), ("Home", "gpt-4o"), ("ArrowUp", "painter"), ("ArrowDown", "gpt-4o")):
        chat.model_search.press(key)
        expect(active_option(chat)).to_contain_text(model)
    chat.model_search.press("End")
    expect(headings(chat)).to_have_text(["Current", "Anthropic", "Other", "Image generation"])
    expect(active_option(chat)).to_be_in_viewport()
    expect(active_option(chat)).to_have_attribute("aria-setsize", "506")
    chat.model_search.press("Home")
    chat.model_search.press("PageDown")
    expect(active_option(chat)).to_contain_text("house-")
    chat.model_search.press("PageUp")
    expect(active_option(chat)).to_contain_text("gpt-4o")
    chat.model_search.press("Escape")
    expect(chat.options).to_have_count(0)
    expect(chat.model).to_be_focused()
    expect_target(chat, "gpt-4o", "")

    chat.model.press("Enter")
    expect(chat.model_search).to_have_value("")
    chat.model_search.press_sequentially("openai")
    expect(headings(chat)).to_have_text(["OpenAI"])
    chat.model_search.fill("4 SONNET")
    expect(headings(chat)).to_have_text(["Anthropic"])
    expect(chat.options).to_have_count(2)
    expect(active_option(chat)).to_contain_text("claude-sonnet-4-5")
    for capability in ("Vision", "Thinking", "Tools"):
        expect(active_option(chat)).to_contain_text(capability)
    expect(chat.options.last).to_have_text("Use exactly “4 SONNET”")
    chat.model_search.press("Enter")
    expect(chat.model).to_be_focused()
    expect_target(chat, "claude-sonnet-4-5", "OpenAI format")
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("claude-sonnet-4-5 · OpenAI")
    # A run sends the button, and a reference to the list.
    assert not any(b"house-499" in frame for frame in frames)
    chat.open_models().model_search.fill("img src")
    expect(chat.options.first).to_contain_text(HOSTILE)
    chat.model_search.press("Enter")
    expect_target(chat, HOSTILE, "")
    assert page.evaluate("window.hacked") is None
    check_typed_id(chat)


def check_typed_id(chat: ChatPage) -> None:
    """Choose a model that the list does not have."""
    # Enter takes a match only. A typed id is none, but can be selected, and has its place in the list.
    chat.open_models().model_search.fill("my-own-model")
    expect(chat.options).to_have_text(["Use exactly “my-own-model”"])
    chat.model_search.press("Enter")
    expect(chat.page.get_by_text("No model matches.")).to_be_visible()
    chat.model_search.press("ArrowDown")
    chat.model_search.press("Enter")
    expect(chat.model).to_have_text(re.compile("my-own-model"))
    expect(chat.open_models().page.get_by_role("option", selected=True)).to_have_text(re.compile("my-own-model"))


def test_favourites_and_recent_models_come_first_after_a_reload_and_the_draft_stays(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=gpt-4o").ask("Hello?").wait_idle()
    chat.open_models().model_search.fill("house-model")
    # By keyboard: the button that follows the list.
    chat.page.keyboard.press("Tab")
    expect(chat.page.get_by_role("button", name="Add house-model to favourites")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_role("button", name="Remove house-model from favourites")).to_be_focused()
    chat.model_search.fill("haiku")
    chat.options.first.locator(".antler-star").click()
    expect(chat.options.first.locator(".antler-starred")).to_have_count(1)
    chat.page.keyboard.press("Escape")
    chat.wait_idle().open()
    expect_target(chat, "gpt-4o", "")
    chat.wait_at_rest().composer.fill("Half a thought")
    chat.open_models()
    expect(headings(chat)).to_have_text(["Favourites", "Recent", "Anthropic", "Other"])
    ids = ["house-model", HAIKU, "gpt-4o", "claude-sonnet-4-5"]
    expect(chat.page.locator(".antler-option-id")).to_contain_text(ids)
    chat.options.first.locator(".antler-star").click()
    # The rows keep their places below the pointer.
    expect(chat.options.first.locator(".antler-starred")).to_have_count(0)
    chat.options.first.click()
    expect_target(chat, "house-model", "")
    chat.wait_idle().open_models()
    expect(headings(chat)).to_contain_text(["Current", "Favourites"])
    expect(chat.options.nth(1)).to_contain_text(HAIKU)
    expect(chat.composer).to_have_value("Half a thought")


def test_the_composer_is_low_on_a_phone_and_the_list_a_sheet_at_its_bottom(demo, new_page):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    chat = ChatPage(page, demo.url).open("?model=demo-endless").wait_idle()
    height = "document.querySelector('[data-testid=stBottomBlockContainer]').getBoundingClientRect().height"
    wait_until(page, lambda: page.evaluate(height) <= 120)
    empty = page.evaluate(height)
    chat.model.tap()
    sheet = page.get_by_role("dialog", name="Models")
    edges = "sheet => { const { left, right, bottom } = sheet.getBoundingClientRect(); return [left, right, bottom]; }"
    wait_until(page, lambda: sheet.evaluate(edges) == [0, 390, 844])
    expect(chat.options.first).to_be_in_viewport()
    # The keyboard of the phone would cover the list.
    expect(chat.model_search).not_to_be_focused()
    page.get_by_role("button", name="Close", exact=True).tap()
    expect(chat.options).to_have_count(0)
    chat.model.tap()
    page.touchscreen.tap(195, 20)
    expect(chat.options).to_have_count(0)
    chat.ask("Count for me")
    expect(chat.stop).to_be_in_viewport(ratio=1)
    wait_until(page, lambda: page.evaluate(height) == empty)
    chat.press_stop().wait_idle()
    expect(page.get_by_text("≈ $")).to_be_in_viewport(ratio=1)
    wait_until(page, lambda: page.evaluate(height) == empty)
    # A table is no wider than the page.
    chat.choose_model("demo-tour").ask("Show me a table, please")
    expect(chat.composer).to_be_in_viewport()
    chat.wait_idle()
    expect(chat.answers.last.locator("table")).to_have_count(1)
    expect(chat.model).to_be_in_viewport(ratio=1)
    wait_until(page, lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


RANK = """async ([source, models, cases]) => {
  const { rankModels } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return cases.map((values) => rankModels(models, ...values).map(({ id }) => id));
}"""
DATED = "claude-sonnet-4-5-20250929"
RANKINGS = [
    # Query, favourites, models used last, and the order of the matches.
    ("sonnet 4", [], [], ["claude-sonnet-4-5", DATED]),
    ("4.5 Sonnet", [], [], ["claude-sonnet-4-5", DATED]),
    ("sonnet 4", [DATED], [], [DATED, "claude-sonnet-4-5"]),
    ("gpt-4o", [], [], ["gpt-4o", "openai/gpt-4o", "gpt-4o-mini"]),
    # A favourite does not outrank a better match.
    ("GPT-4o", ["gpt-4o-mini"], [], ["gpt-4o", "openai/gpt-4o", "gpt-4o-mini"]),
    ("gpt", ["openai/gpt-4o"], ["gpt-4o-mini"], ["openai/gpt-4o", "gpt-4o-mini", "gpt-4o"]),
    ("GPT4O", [], [], ["gpt-4o", "gpt-4o-mini", "openai/gpt-4o"]),
    ("openai mini", [], [], ["gpt-4o-mini"]),
    ("ｇｐｔ　ｍｉｎｉ", [], [], ["gpt-4o-mini"]),
    # The name that is displayed counts as the id does.
    ("claude sonnet 4.5", [], [], [DATED, "claude-sonnet-4-5"]),
    # A prefix is better than the start of a word, and that better than its middle. What retires comes last.
    ("o", [], [], ["o3", "openai/gpt-4o", "o1", "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", DATED]),
    ("no such model", [], [], []),
    ("(", [], [], []),
    ("-", [], [], []),
]


def test_models_are_ranked_by_how_well_they_match(new_page):
    models = [
        {"id": "claude-sonnet-4-5", "vendor": "Anthropic"},
        {"id": DATED, "vendor": "Anthropic", "name": "Claude Sonnet 4.5"},
        *({"id": name, "vendor": "OpenAI"} for name in ("gpt-4o-mini", "gpt-4o", "openai/gpt-4o", "o3")),
        {"id": "o1", "vendor": "OpenAI", "note": "deprecated"},
    ]
    complete = [{"name": "", "note": "", **model} for model in models]
    source = (ROOT / "lib/ui/widgets/model_ranking.js").read_text(encoding="utf-8")
    found = new_page().evaluate(RANK, [source, complete, [case[:3] for case in RANKINGS]])
    assert dict(enumerate(found)) == dict(enumerate(case[3] for case in RANKINGS))
