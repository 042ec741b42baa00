"""The first run without a key: the built-in demo, streaming, phones and languages."""

from __future__ import annotations

import re

from playwright.sync_api import ViewportSize, expect

from tests.browser.chat_page import ChatPage

PHONE: ViewportSize = {"width": 360, "height": 740}
FORMATS = {"openai": "OpenAI format", "anthropic": "Anthropic format"}


def check_panel_of_phone(chat: ChatPage, outside: str) -> None:
    """Check that the open panel of parameters fits, and the message about a number that is outside of its range."""
    temperature = chat.panel.get_by_test_id("stNumberInputField").first
    temperature.fill("99")
    temperature.press("Tab")
    problem = chat.panel.get_by_role("alert")
    expect(problem).to_have_text(outside)
    box, field = problem.bounding_box(), temperature.bounding_box()
    assert box and field and box["width"] > 100 and box["y"] >= field["y"] + field["height"], (
        "it is read below the field"
    )
    expect(chat.panel.get_by_test_id("InputInstructions").filter(visible=True)).to_have_count(0)
    chat.page.locator(".st-key-about summary").click()
    buttons = chat.page.locator('[class*="st-key-composer-wire"] button')
    expect(buttons).to_have_count(2)
    for button in buttons.all():
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box and box["height"] < 50, "the label is on one line"


def test_the_demo_answers_a_suggestion(demo, new_page, any_wire):
    chat = ChatPage(new_page(), demo.url).open(f"?model=demo-tour&wire={any_wire}")
    page = chat.page
    expect(page.get_by_text("built-in demo").first).to_be_visible()
    # Without messages there is no newest one to go to, however low the window is.
    size = page.viewport_size
    page.set_viewport_size({"width": 1280, "height": 360})
    chat.wait_at_rest()
    expect(page.get_by_role("button", name="Jump to newest")).to_be_hidden()
    page.set_viewport_size(PHONE)
    chat.open_parameters()
    check_panel_of_phone(
        chat, "Not used. Number is outside the allowed range. Please enter a value between 0.00 and 2.00."
    )
    page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)
    page.set_viewport_size(size)
    # Nothing is below the composer, also in a low window.
    tour, top = page.get_by_role("button", name="Play the tour").bounding_box(), chat.model.bounding_box()
    assert tour and top and tour["y"] + tour["height"] <= top["y"]
    page.get_by_role("link", name="Connect a gateway").click()
    expect(page.get_by_text("DEERAPI_API_KEY").first).to_be_visible()
    page.get_by_role("link", name="Back to chat").click()
    page.get_by_role("button", name="short tour").click()
    expect(chat.questions).to_have_count(1)
    chat.wait_idle()
    expect(page.get_by_text("What can I help you with?")).to_have_count(0)
    answer = chat.answers.last
    expect(answer.locator("table")).to_be_visible()
    expect(answer.locator(".katex").first).to_be_visible()
    expect(answer.locator("pre").first).to_be_visible()
    expect(answer).to_contain_text(
        re.compile(rf"demo-tour · {FORMATS[any_wire]} · first token \d+\.\d\d s · \d+ tokens/s · \d+ in · \d+ out")
    )


def test_a_narrow_phone_has_the_language_of_the_browser(demo, new_page):
    chat = ChatPage(new_page(locale="zh-CN", viewport=PHONE), demo.url).open("nowhere")
    page = chat.page
    # Streamlit's own texts.
    expect(page.get_by_role("dialog", name="找不到页面")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("img", name="标志").last).to_be_visible()
    expect(page.get_by_text("今天想聊点什么")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("button", name="发送消息")).to_have_count(1)
    chat.wait_at_rest()
    chat.open_models().page.get_by_role("combobox", name="搜索模型").fill("new-model")
    expect(page.get_by_role("option", name="直接使用“new-model”")).to_be_visible()
    page.keyboard.press("Escape")
    expect(chat.options).to_have_count(0)

    chat.open_parameters()
    check_panel_of_phone(chat, "未采用。数值超出允许范围，请输入 0.00 到 2.00 之间的数。")
    page.goto(f"{demo.url}/usage")
    page.get_by_text("自定义范围").click()
    page.get_by_test_id("stDateInput").click()
    expect(page.get_by_test_id("stDateInputQuickSelect")).to_have_text("日期范围请选择…")
