"""Search: highlighted passages, and a click that opens the message on its branch."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from lib.core.conversation import Message, Node, TextPart, new_id
from tests.browser.chat_page import ChatPage, wait_until
from tests.browser.history_seed import HistorySeed

HOSTILE = "<i>x</i> **or** [a](http://b) $x$ :red[zebra] `c` ![d](http://e)"
WITHOUT_MARKUP = HOSTILE.replace("*", "").replace("`", "")


def list_results(chat: ChatPage) -> Locator:
    return chat.page.locator('[class*="st-key-hit-"]')


def search(chat: ChatPage, query: str) -> Locator:
    chat.page.get_by_role("searchbox", name="Search").fill(query)
    return list_results(chat)


def highlights(results: Locator) -> Locator:
    return results.locator(".stMarkdownColoredBackground")


def wait_until_in_view(chat: ChatPage, message: Locator) -> None:
    """Wait until a message is near the top of the window and stays there."""
    top = "element => element.getBoundingClientRect().top"
    wait_until(chat.page, lambda: 0 < message.evaluate(top) < 300)
    chat.wait_at_rest()
    assert 0 < message.evaluate(top) < 300


def test_results_are_plain_text_with_highlights_and_work_by_keyboard(history):
    history.add("Older zebra", days=1, messages=(HOSTILE, "An answer"), folder="Zoo")
    history.add("A *newer* one", messages=("Zebra crossings", "On the Zebras of 上海动物园 in winter"))
    history.add("Put away", days=2, archived=True, messages=("My zebra", "Fine"))
    chat = history.open()
    page = chat.page
    chat.composer.focus()
    results = search(chat, "zebra")
    titles = page.locator('[class*="st-key-found-title-"]')
    expect(titles).to_have_count(3)
    expect(titles).to_have_text(
        [re.compile(r"^Older zebra\s.*Zoo$"), re.compile(r"^A \*newer\* one"), re.compile("Archived$")]
    )
    expect(highlights(titles)).to_have_text(["zebra"])
    expect(highlights(results)).to_have_text(["zebra", "Zebra", "Zebra", "zebra"])
    expect(results.nth(0)).to_contain_text(WITHOUT_MARKUP)
    expect(results.locator("img, a, code, .katex")).to_have_count(0)
    expect(chat.rows).to_have_count(0)
    # Arrows move from the field through titles and messages and back, Enter opens.
    field = page.get_by_role("searchbox", name="Search")
    for key, target in (
        ("ArrowDown", titles.first),
        ("End", results.last),
        ("ArrowUp", titles.last),
        ("Home", titles.first),
    ):
        page.keyboard.press(key)
        expect(target.get_by_role("button")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(chat.questions).to_contain_text(["zebra"])
    field.focus()
    expect(search(chat, "动物")).to_have_count(1)
    expect(highlights(list_results(chat))).to_have_text(["动物"])
    expect(search(chat, "动植物")).to_have_count(0)
    expect(page.get_by_text("No results for “动植物”.")).to_be_visible()
    # Escape closes the search with its filters, and returns to the composer.
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_role("combobox", name="Folder")).to_be_visible()
    field.focus()
    page.keyboard.press("Escape")
    expect(chat.rows).to_have_count(1)
    expect(page.get_by_role("combobox", name="Folder")).to_have_count(0)
    expect(field).to_have_value("")
    expect(chat.composer).to_be_focused()


def test_a_click_opens_the_message_in_a_long_conversation_and_on_another_branch(demo, new_page):
    history = HistorySeed(demo, ChatPage(new_page(), demo.url))
    lines = "\n\n".join(f"Paragraph {number} of it." for number in range(8))
    said = [f"Question {turn}" if not turn % 2 else f"Answer {turn}. {lines}" for turn in range(100)]
    nodes = history.add("The long one", messages=said)
    other = Node(new_id(), nodes[9].id, Message("user", (TextPart("The okapi path"),)), nodes[10].created_at + 0.5)
    base = history.store.conversations.get(history.owner, _id(history, "The long one"))
    assert base
    history.store.messages.save_turn(history.owner, base, [other])
    # A search works, and leads elsewhere, while an answer arrives.
    chat = history.open("?model=demo-endless&wire=openai").ask("Count for me")
    expect(chat.answers.last).to_contain_text("Line 3")
    search(chat, "question 16").filter(has_text="Question 16").click()
    question = chat.questions.filter(has_text="Question 16")
    wait_until_in_view(chat, question)
    expect(chat.page.locator("[data-results]")).to_have_count(0)  # for a moment only
    # The window begins a turn before it, and has an end: not all that follows is painted.
    expect(chat.questions.first).to_have_text("Question 14")
    expect(chat.questions.last).to_have_text("Question 42")
    expect(chat.page.get_by_role("button", name="Show later messages")).to_be_visible()
    search(chat, "okapi").filter(has_text="okapi").click()
    question = chat.questions.filter(has_text="The okapi path")
    expect(question).to_be_in_viewport()
    expect(chat.questions.filter(has_text="Question 10")).to_have_count(0)
    search(chat, "count for me").filter(has_text="Count for me").first.click()
    expect(chat.questions).to_have_text(["Count for me"])
    chat.press_stop().wait_idle()


def _id(history: HistorySeed, title: str) -> str:
    (results,) = [one for one in history.store.conversations.page(history.owner, 9) if one.title == title]
    return results.id


def test_on_a_phone_the_sidebar_collapses_after_a_choice(history):
    phone = history.chat.page
    phone.set_viewport_size({"width": 390, "height": 800})
    history.add("A title that is much longer than a phone is wide, by far", messages=("Find me here", "Yes"))
    chat = history.open()
    side = phone.get_by_test_id("stSidebar")
    for way in ("list", "search"):
        phone.get_by_test_id("stExpandSidebarButton").click()
        expect(side).to_have_attribute("data-collapsed", "false")
        if way == "list":
            chat.row_button("A title that").click()
        else:
            search(chat, "find me").filter(has_text="Find me").click()
        expect(side).to_have_attribute("data-collapsed", "true")
        expect(chat.questions).to_have_text(["Find me here"])
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        if way == "list":
            phone.get_by_test_id("stExpandSidebarButton").click()
            phone.get_by_role("button", name="New chat").click()
            expect(side).to_have_attribute("data-collapsed", "true")
            expect(chat.questions).to_have_count(0)
    phone.get_by_test_id("stExpandSidebarButton").click()
    phone.get_by_role("link", name="Settings").click()
    expect(phone.get_by_role("heading", name="Settings")).to_be_visible()
    expect(side).to_have_attribute("data-collapsed", "true")
