"""Voice in the browser: an answer is read aloud until it is stopped, and a recording becomes text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.browser.chat_page import TIMEOUT_MS, ChatPage

READING = "index => window.antlerTools.reading.state === 'playing' && window.antlerTools.reading.index >= index"
SILENT = "() => window.antlerTools.reading.id === '' && window.antlerTools.reading.audio.paused"
# A tone in place of a microphone, which nobody is asked for.
FAKE_MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def is_stop(response) -> bool:
    return "/speech/" in response.url and response.request.method == "DELETE"


def test_an_answer_is_read_until_it_is_stopped_or_left(demo, new_page):
    page = new_page()
    chat = ChatPage(page, demo.url).open()
    chat.ask("Show me around").wait_at_rest()
    button = page.locator(".antler-read")
    expect(button).to_have_attribute("aria-label", "Read answer 1 aloud")
    button.click()
    page.wait_for_function(READING, arg=1)
    expect(button).to_have_attribute("aria-label", "Stop reading answer 1")
    expect(button).to_have_attribute("aria-pressed", "true")
    with page.expect_response(is_stop) as stopped:
        button.click()
    assert stopped.value.status == 204
    expect(button).to_have_attribute("aria-label", "Read answer 1 aloud")
    page.wait_for_function(SILENT)
    # Again from the start, from what the server has kept; another chat ends it.
    button.click()
    page.wait_for_function(READING, arg=0)
    with page.expect_response(is_stop):
        page.get_by_role("button", name="New chat").first.click()
    page.wait_for_function(SILENT)


@pytest.fixture
def page_with_microphone(browser: Browser) -> Iterator[Page]:
    own_browser = chromium.launch_with(browser.browser_type, *chromium.SHORT_LIVED, *FAKE_MICROPHONE)
    context = own_browser.new_context(permissions=["microphone"], locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    own_browser.close()


def test_a_recording_becomes_text_behind_what_is_typed(demo, page_with_microphone):
    chat = ChatPage(page_with_microphone, demo.url).open().wait_at_rest()
    page = chat.page
    chat.composer.fill("Typed first.")
    page.get_by_role("button", name="Dictate").click()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_test_id("stAudioInputWaveformTimeCode")).to_have_text(re.compile("[1-9]"))
    page.get_by_role("button", name="Stop recording").click()
    expect(chat.composer).to_have_value(re.compile(r"^Typed first\. This is a recording of \d+ seconds\.$"))
    expect(chat.questions).to_have_count(0)
