"""The model picker: vendors, search, favourites, and the draft in the composer."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer
from tests.support.replay import JSON, Canned, Replay

pytestmark = pytest.mark.xdist_group("models")

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


def build_model_list(*more: str) -> Canned:
    entries = [
        {"id": "gpt-4o", "supported_endpoint_types": ["openai"]},
        {"id": "claude-sonnet-4-5", "supported_endpoint_types": ["anthropic", "openai"]},
        {"id": "house-model"},
        {"id": "painter", "supported_endpoint_types": ["image-generation"]},
        {"id": "claude-3-haiku-20240307", "supported_endpoint_types": ["anthropic"]},
        *({"id": name} for name in more),
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
    # The file is made when the first page is opened.
    if (file := started.folder / "data/antler.db").exists():
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            database.execute("DELETE FROM preference")
    return started


def picker(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Model")


def open_list(chat: ChatPage) -> None:
    """Open the list of models."""
    chat.wait_at_rest()
    picker(chat.page).click()


def options(page: Page) -> Locator:
    return page.get_by_role("option")


def open_model_details(chat: ChatPage) -> ChatPage:
    """Open the details of the chosen model."""
    chat.page.locator(".st-key-about button").first.click()
    return chat


def settings(page: Page, app: AppServer) -> Page:
    page.goto(f"{app.url}/settings")
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    return page


def expect_target(chat: ChatPage, model: str, wire: str) -> None:
    expect(picker(chat.page)).to_have_value(model)
    expect(chat.page.get_by_role("radio", name=wire)).to_be_checked()


def test_the_picker_is_grouped_by_vendor_and_searched_by_typing(app, new_page):
    chat = ChatPage(new_page(), app.url).open()
    open_list(chat)
    expect(options(chat.page)).to_have_text(
        [
            "claude-3-haiku-20240307 · Anthropic",
            "claude-sonnet-4-5 · Anthropic",
            "gpt-4o · OpenAI",
            "house-model",
        ]
    )
    picker(chat.page).fill("openai")
    expect(options(chat.page).filter(has_text="claude")).to_have_count(0)
    options(chat.page).filter(has_text="gpt-4o").click()
    expect_target(chat, "gpt-4o · OpenAI", "OpenAI format")
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")


def test_a_favourite_comes_first_and_survives_a_reload(app, new_page):
    chat = open_model_details(ChatPage(new_page(), app.url).open("?model=gpt-4o"))
    chat.page.get_by_role("button", name="Add to favourites").click()
    expect(picker(chat.page)).to_have_value("★ gpt-4o · OpenAI")
    chat.open("?model=house-model")
    open_list(chat)
    expect(options(chat.page).first).to_have_text("★ gpt-4o · OpenAI")
    options(chat.page).first.click()
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")
    open_model_details(chat)
    chat.page.get_by_role("button", name="Remove from favourites").click()
    expect(picker(chat.page)).to_have_value("gpt-4o · OpenAI")
    chat.page.keyboard.press("Escape")
    chat.ask("And now?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")


def test_a_draft_stays_in_the_composer_while_the_model_changes(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=gpt-4o")
    chat.composer.fill("Half a thought")
    open_model_details(chat)
    chat.page.get_by_role("button", name="Add to favourites").click()
    expect(picker(chat.page)).to_have_value("★ gpt-4o · OpenAI")
    chat.page.keyboard.press("Escape")
    open_list(chat)
    options(chat.page).filter(has_text="house-model").click()
    expect(picker(chat.page)).to_have_value("house-model")
    chat.wait_idle()
    expect(chat.composer).to_have_value("Half a thought")
