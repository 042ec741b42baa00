"""Prompts in a browser: the list above the composer by keyboard, mouse and touch, and the form for variables."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, expect

from tests.browser.accessibility import Audit
from tests.browser.chat_page import ChatPage


def add_examples(page: Page, *names: str) -> None:
    """Add built-in examples to the library, and return to the chat."""
    for name in names:
        page.locator(f".st-key-prompt-example-{name}").get_by_role("button", name="Add").click()
        expect(page.locator(f".st-key-prompt-example-{name}")).to_have_count(0)
    page.get_by_role("link", name="Back to chat").click()


def test_a_slash_finds_prompts_by_keyboard_and_mouse_and_hinders_no_path(app, new_page, any_wire):
    page = new_page()
    prompts = page.get_by_role("listbox", name="Prompts")
    # Without any, the way to the library.
    chat = ChatPage(page, app.url).open(f"?model=demo-tour&wire={any_wire}")
    chat.composer.press("/")
    prompts.get_by_role("option", name="No prompts yet").click()
    expect(page).to_have_url(re.compile("/prompts"))
    add_examples(page, "translation", "reviewer")
    expect(chat.composer).to_be_visible()
    composer = chat.wait_at_rest().composer
    composer.fill("")
    # Words in any order, also of the description; the arrows wrap around.
    composer.press("/")
    expect(prompts.get_by_role("option")).to_have_count(2)
    composer.press("ArrowUp")
    expect(prompts.get_by_role("option", name="Translate")).to_have_attribute("aria-selected", "true")
    page.keyboard.type("lang TONE")
    expect(prompts.get_by_role("option")).to_have_count(1)
    # A path is only a text, and after Escape everything is.
    for text, key in (("/usr/bin", ""), ("/", "Escape")):
        composer.fill("")
        page.keyboard.type(text)
        if key:
            expect(prompts).to_be_visible()
            composer.press(key)
        expect(prompts).to_have_count(0)
        expect(composer).to_have_value(text)
    page.keyboard.type("trans")
    expect(prompts).to_have_count(0)
    # Enter opens the form; Escape closes it, and the composer takes the focus again.
    composer.fill("")
    page.keyboard.type("/trans")
    composer.press("Enter")
    expect(page.get_by_role("textbox", name="language")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="language")).to_have_count(0)
    expect(composer).to_have_value("")
    composer.press("/")
    prompts.get_by_role("option", name="Translate").click()
    page.get_by_role("textbox", name="language").fill("Latin")
    page.get_by_role("textbox", name="text").fill("Good morning")
    page.get_by_role("button", name="Insert").click()
    expect(composer).to_have_value(re.compile("into Latin.*Good morning", re.DOTALL))
    composer.press("Enter")
    expect(chat.questions.last).to_contain_text("Good morning")
    chat.wait_at_rest()
    composer.press("/")
    page.keyboard.type("careful")
    composer.press("Enter")
    expect(page.get_by_role("combobox", name="Persona")).to_have_value(re.compile("Careful reviewer"))
    chat.ask("And now?").wait_idle()
    expect(chat.answers.last).to_contain_text("Careful reviewer")
    expect(chat.answers.first).not_to_contain_text("Careful reviewer")
    expect(page.locator(".st-key-persona-header")).to_contain_text("Careful reviewer")


def test_two_hundred_prompts_are_imported_searched_and_used_on_a_phone(app, new_page):
    page = new_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"{app.url}/prompts")
    page.get_by_role("button", name="Import and export").click()
    numbers = range(1, 201)
    prompts = [{"command": f"p{n}", "title": f"Prompt {n} <b>", "content": f"Question {n}"} for n in numbers]
    file = {"name": "prompts.json", "mimeType": "application/json", "buffer": json.dumps(prompts).encode()}
    page.locator('input[type="file"]').set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Import 200 prompts?")).to_be_visible()
    audit = Audit()
    audit.check(page, "preview of an import", ".stMain")
    assert audit.findings == [], "\n".join(audit.findings)
    page.get_by_role("button", name="Add to my prompts").click()
    rows = page.locator('.st-key-prompts-list [class*="st-key-prompt-use-"]')
    expect(rows).to_have_count(40)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chat = ChatPage(page, app.url).wait_idle()
    search = page.get_by_role("textbox", name="Search prompts")
    search.fill("150 prompt")
    search.press("Enter")
    expect(rows).to_have_count(1)
    rows.get_by_role("button").click()
    expect(chat.composer).to_have_value("Question 150")
    chat.wait_at_rest()
    chat.composer.fill("")
    chat.composer.press("/")
    page.keyboard.type("77")
    page.get_by_role("option", name="Prompt 77 <b>").tap()
    expect(chat.composer).to_have_value("Question 77")
