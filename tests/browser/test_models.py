"""Models: picked from a list in groups or typed, starred, made the default, listed anew."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer
from tests.support.replay import JSON, Canned, Replay

pytestmark = pytest.mark.xdist_group("models")

SAID = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
SAID_BY_CLAUDE = b"".join(
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


def listing(*more: str) -> Canned:
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
        server.serve("/v1/models", listing())
        server.serve("/v1/chat/completions", Canned(SAID))
        server.serve("/v1/messages", Canned(SAID_BY_CLAUDE))
        yield server


@pytest.fixture(scope="module")
def started(tmp_path_factory, gateway):
    running = AppServer(
        tmp_path_factory.mktemp("models"), {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway.url}
    )
    yield running
    running.close()


@pytest.fixture
def app(started):
    """The app, with nothing starred and no default left by another test."""
    # The file is made when the first page is opened.
    if (file := started.folder / "data/antler.db").exists():
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            database.execute("DELETE FROM preference")
    return started


def picker(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Model")


def options(page: Page) -> Locator:
    return page.get_by_role("option")


def about(chat: ChatPage) -> ChatPage:
    """Open what is known of the chosen model."""
    chat.page.locator(".st-key-about button").first.click()
    return chat


def settings(page: Page, app: AppServer) -> Page:
    page.goto(f"{app.url}/settings")
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    return page


def chosen(chat: ChatPage, model: str, wire: str) -> None:
    expect(picker(chat.page)).to_have_value(model)
    expect(chat.page.get_by_role("radio", name=wire)).to_be_checked()


def test_the_picker_is_grouped_by_maker_and_searched_by_typing(app, new_page):
    chat = ChatPage(new_page(), app.url).open()
    picker(chat.page).click()
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
    chosen(chat, "gpt-4o · OpenAI", "OpenAI format")
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")


def test_the_models_abilities_are_said_and_so_is_what_is_unknown(app, new_page):
    chat = about(ChatPage(new_page(), app.url).open("?model=claude-sonnet-4-5"))
    expect(chat.page.get_by_text("200k context window · images · PDF · thinking")).to_be_visible()
    about(chat.open("?model=house-model"))
    expect(chat.page.get_by_text("capabilities unknown")).to_be_visible()


def test_a_favourite_comes_first_and_survives_a_reload(app, new_page):
    chat = about(ChatPage(new_page(), app.url).open("?model=gpt-4o"))
    chat.page.get_by_role("button", name="Add to favourites").click()
    expect(picker(chat.page)).to_have_value("★ gpt-4o · OpenAI")
    chat.open("?model=house-model")
    picker(chat.page).click()
    expect(options(chat.page).first).to_have_text("★ gpt-4o · OpenAI")
    options(chat.page).first.click()
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")
    about(chat)
    chat.page.get_by_role("button", name="Remove from favourites").click()
    expect(picker(chat.page)).to_have_value("gpt-4o · OpenAI")
    chat.page.keyboard.press("Escape")
    chat.ask("And now?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · OpenAI")


def test_a_default_begins_new_chats_and_yields_to_address_and_conversation(app, new_page):
    chat = about(ChatPage(new_page(), app.url).open("?model=claude-sonnet-4-5&wire=openai"))
    chat.page.get_by_role("button", name="Use for new chats (OpenAI format)").click()
    expect(chat.page.get_by_role("button", name="Stop using for new chats")).to_be_visible()
    chat = ChatPage(new_page(), app.url).open()
    chosen(chat, "claude-sonnet-4-5 · Anthropic", "OpenAI format")
    chat.open("?model=gpt-4o")
    chosen(chat, "gpt-4o · OpenAI", "OpenAI format")
    chat.ask("Hello?").wait_idle()
    chat.page.reload()
    chosen(chat, "gpt-4o · OpenAI", "OpenAI format")
    chat.page.get_by_role("button", name="New chat").click()
    chosen(chat, "claude-sonnet-4-5 · Anthropic", "OpenAI format")


def test_the_settings_list_search_star_and_narrow(app, new_page):
    page = settings(new_page(), app)
    expect(page.get_by_text("4 chat models · 1 non-chat model hidden · Updated ")).to_be_visible()
    expect(page.get_by_role("heading", level=4)).to_have_text(["Anthropic format", "OpenAI format", "Other"])
    page.get_by_role("textbox", name="Search models").fill("anthropic haiku")
    page.get_by_role("textbox", name="Search models").press("Enter")
    expect(page.get_by_role("heading", level=4)).to_have_text(["Anthropic format"])
    page.get_by_role("button", name="Add claude-3-haiku-20240307 to favourites").click()
    expect(page.get_by_role("button", name="Remove claude-3-haiku-20240307 from favourites")).to_be_visible()
    page.get_by_role("textbox", name="Search models").fill("")
    page.get_by_role("textbox", name="Search models").press("Enter")
    expect(page.get_by_role("heading", level=4)).to_have_text(["Anthropic format", "OpenAI format", "Other"])
    page.get_by_text("★ 1", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("(Add|Remove) .* favourites"))).to_have_count(1)
    settings(page, app)
    expect(page.get_by_role("button", name="Remove claude-3-haiku-20240307 from favourites")).to_be_visible()


def test_the_default_is_chosen_and_cleared_in_the_settings(app, new_page):
    page = settings(new_page(), app)
    usual = page.get_by_role("combobox", name="Default model for new chats")
    usual.click()
    options(page).filter(has_text="house-model").click()
    page.locator(".st-key-models-usual").get_by_role("radio", name="Anthropic format").click()
    expect(page.locator(".st-key-models-usual").get_by_role("radio", name="Anthropic format")).to_be_checked()
    chat = ChatPage(new_page(), app.url).open()
    chosen(chat, "house-model", "Anthropic format")
    settings(page, app)
    expect(usual).to_have_value("house-model")
    page.locator(".st-key-models-usual").get_by_role(
        "button", name=re.compile("clear", re.IGNORECASE)
    ).click()
    expect(page.locator(".st-key-models-usual").get_by_role("radio")).to_have_count(0)
    # What the gateway lists first.
    chosen(chat.open(), "gpt-4o · OpenAI", "OpenAI format")


def test_without_a_list_typed_ids_work_and_one_that_comes_later_is_kept_when_it_fails(
    tmp_path, gateway, new_page
):
    gateway.serve("/v1/models", Canned(b'{"detail":"Not Found"}', 404, JSON))
    app = AppServer(tmp_path, {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway.url})
    try:
        chat = ChatPage(new_page(), app.url).open()
        expect(chat.page.get_by_text("This gateway has no model list")).to_be_visible()
        picker(chat.page).fill("my-own-model")
        picker(chat.page).press("Enter")
        chat.ask("Hello?").wait_idle()
        expect(chat.answers.last).to_contain_text("my-own-model · OpenAI")
        chat.choose_wire("Anthropic format").ask("And you?").wait_idle()
        expect(chat.answers.last).to_contain_text("my-own-model · Anthropic")
        about(chat)
        chat.page.get_by_role("button", name="Add to favourites").click()
        expect(picker(chat.page)).to_have_value("★ my-own-model")
        page = settings(chat.page, app)
        expect(page.get_by_role("status").filter(has_text="no model list")).to_be_visible()
        expect(page.get_by_role("button", name="Remove my-own-model from favourites")).to_be_visible()

        gateway.serve("/v1/models", listing("brand-new"))
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_text("5 chat models")).to_be_visible()
        expect(page.get_by_role("button", name="Add brand-new to favourites")).to_be_visible()
        gateway.serve("/v1/models", Canned(b'{"error":{"message":"no"}}', 500, JSON))
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_role("alert").filter(has_text="could not be refreshed")).to_be_visible()
        expect(page.get_by_text("5 chat models")).to_be_visible()
    finally:
        app.close()
        gateway.serve("/v1/models", listing())


def test_a_wire_that_the_list_does_not_name_is_a_note_and_no_wall(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=gpt-4o&wire=anthropic")
    chosen(chat, "gpt-4o · OpenAI", "Anthropic format")
    expect(chat.page.get_by_text("does not list this model for Anthropic format")).to_be_visible()
    chat.ask("Hello?").wait_idle()
    expect(chat.answers.last).to_contain_text("gpt-4o · Anthropic")


def test_a_draft_stays_in_the_box_while_model_and_star_change(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=gpt-4o")
    chat.composer.fill("Half a thought")
    about(chat)
    chat.page.get_by_role("button", name="Add to favourites").click()
    expect(picker(chat.page)).to_have_value("★ gpt-4o · OpenAI")
    chat.page.keyboard.press("Escape")
    picker(chat.page).click()
    options(chat.page).filter(has_text="house-model").click()
    expect(picker(chat.page)).to_have_value("house-model")
    chat.wait_idle()
    expect(chat.composer).to_have_value("Half a thought")
