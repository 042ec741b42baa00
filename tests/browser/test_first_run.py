"""The first run without a key: the built-in demo, streaming, phones and languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage


def test_the_page_names_the_demo_and_links_to_the_set_up(chat):
    expect(chat.page.get_by_text("built-in demo").first).to_be_visible()
    chat.page.get_by_role("link", name="Connect a gateway").click()
    expect(chat.page.get_by_text("DEERAPI_API_KEY").first).to_be_visible()


def test_a_suggestion_is_sent_with_one_click(chat):
    chat.page.get_by_role("button", name="short tour").click()
    expect(chat.questions).to_have_count(1)
    chat.wait_idle()
    expect(chat.page.get_by_text("What can I help you with?")).to_have_count(0)


def test_an_answer_streams_and_its_footer_shows_model_speed_and_tokens(demo, new_page, wire):
    chat = ChatPage(new_page(), demo.url).open(f"?model=demo-tour&wire={wire}").ask("Show me around")
    expect(chat.stop).to_have_count(1)
    chat.wait_idle()
    answer = chat.answers.last
    expect(answer.locator("table")).to_be_visible()
    expect(answer.locator(".katex").first).to_be_visible()
    expect(answer.locator("pre").first).to_be_visible()
    name = {"openai": "OpenAI format", "anthropic": "Anthropic format"}[wire]
    expect(answer).to_contain_text(
        re.compile(rf"demo-tour · {name} · first token \d+\.\d\d s · \d+ tokens/s · \d+ in · \d+ out")
    )


def test_text_appears_before_the_answer_is_complete(chat):
    chat.open("?model=demo-endless").ask("Count for me")
    expect(chat.answers.last).to_contain_text("Line 3")
    expect(chat.stop).to_have_count(1)
    chat.press_stop().wait_idle()


def test_thinking_is_separate_and_collapses(demo, new_page, wire):
    chat = ChatPage(new_page(), demo.url).open(f"?model=demo-thinker&wire={wire}").ask("Think first")
    expect(chat.answers.last.get_by_text("Thinking", exact=True)).to_be_visible()
    expect(chat.answers.last).to_contain_text("A model would begin here")
    chat.wait_idle()
    thoughts = chat.answers.last.get_by_text("A model would begin here")
    expect(thoughts).to_be_hidden()
    chat.answers.last.get_by_text(re.compile(r"Thought for \d+ s")).click()
    expect(thoughts).to_be_visible()


def test_model_and_wire_can_change_within_a_conversation(demo, new_page):
    chat = ChatPage(new_page(), demo.url).open("?model=demo-tour&wire=openai").ask("The first question").wait_idle()
    chat.page.get_by_role("radio", name="Anthropic format").click()
    expect(chat.page.get_by_role("radio", name="Anthropic format")).to_be_checked()
    chat.wait_idle().ask("The second question").wait_idle()
    expect(chat.answers).to_have_count(2)
    expect(chat.answers.last).to_contain_text("The first question")
    expect(chat.answers.last).to_contain_text("demo-tour · Anthropic")
    chat.choose_model("demo-thinker")
    chat.ask("The third question").wait_idle()
    expect(chat.answers.last).to_contain_text("demo-thinker · Anthropic")


def test_a_model_id_can_be_typed(chat):
    chat.wait_idle()
    model = chat.page.get_by_role("combobox", name="Model")
    model.fill("my-own-model")
    model.press("Enter")
    chat.ask("Anybody there?").wait_idle()
    expect(chat.answers.last).to_contain_text("does not offer this model")


def test_a_phone_needs_no_horizontal_scrolling(demo, new_page):
    chat = ChatPage(new_page(viewport={"width": 390, "height": 844}, has_touch=True), demo.url)
    chat.open("?model=demo-endless").ask("Count for me")
    expect(chat.stop).to_be_in_viewport()
    expect(chat.composer).to_be_in_viewport()
    chat.press_stop().wait_idle()
    chat.choose_model("demo-tour").ask("Show me a table, please").wait_idle()
    expect(chat.page.get_by_role("combobox", name="Model")).to_be_in_viewport()
    widths = chat.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_the_security_policy_allows_images_of_this_server_only(demo, new_page):
    answer = new_page().goto(demo.url)
    assert "img-src 'self' data: blob:" in answer.headers["content-security-policy"]


def test_the_page_and_streamlits_own_texts_are_in_the_browsers_language(demo, new_page):
    chat = ChatPage(new_page(locale="zh-CN"), demo.url).open()
    expect(chat.page.get_by_text("今天想聊点什么")).to_be_visible()
    expect(chat.page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(chat.page.get_by_role("button", name="发送消息")).to_have_count(1)
    chat.wait_idle()
    chat.page.get_by_role("combobox", name="模型").fill("new-model")
    expect(chat.page.get_by_role("option", name="添加：new-model")).to_be_visible()
    english = ChatPage(new_page(locale="en-GB"), demo.url).open()
    expect(english.page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_choice_of_format_fits_on_a_narrow_phone(demo, new_page, locale):
    chat = ChatPage(new_page(locale=locale, viewport={"width": 360, "height": 740}), demo.url).open()
    for button in chat.page.locator('[class*="st-key-composer-wire"] button').all():
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box and box["height"] < 50, "the label is on one line"
