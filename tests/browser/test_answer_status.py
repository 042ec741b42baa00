"""An answer's status outside of its message: the tab's title, announcements, notifications."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, wait_until

# A browser without windows shows no notifications, and its tabs are always visible.
RECORDER = """
  window.notified = [];
  window.announced = [];
  window.isTabHidden = false;
  Object.defineProperty(document, "hidden", { get: () => window.isTabHidden });
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return Notification.permission = window.nextPermission; }
    constructor(title, { body }) { window.notified.push([title, body]); }
    close() {}
  };
  document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    const text = document.querySelector(".antler-announcer")?.textContent;
    if (text && window.announced.at(-1) !== text) window.announced.push(text);
  }).observe(document.body, { childList: true, subtree: true, characterData: true }));
"""
SET_HIDDEN = "isHidden => { window.isTabHidden = isHidden; document.dispatchEvent(new Event('visibilitychange')); }"


def test_title_announcements_and_notifications_say_how_an_answer_goes(demo, new_page, any_wire):
    page = new_page()
    page.add_init_script(RECORDER)
    chat = ChatPage(page, demo.url)
    page.goto(f"{demo.url}/settings")
    switch = page.get_by_role("switch", name="Notify me")
    page.evaluate("window.nextPermission = 'denied'")
    switch.click()
    expect(page.get_by_text("Your browser blocks notifications")).to_be_visible()
    expect(switch).not_to_be_checked()
    page.evaluate("[Notification.permission, window.nextPermission] = ['default', 'granted']")
    switch.click()
    expect(switch).to_be_checked()
    page.get_by_role("link", name="Back to chat").click()
    expect(page).to_have_title("Antler")

    chat.open(f"?model=demo-endless&wire={any_wire}")
    page.evaluate("Notification.permission = 'granted'")
    chat.ask("A long story")
    expect(page).to_have_title("… A long story")
    expect(chat.answers.last).to_contain_text("Line 3")
    page.evaluate(SET_HIDDEN, True)
    chat.press_stop().wait_idle()
    expect(page).to_have_title("A long story")
    page.evaluate(SET_HIDDEN, False)
    wait_until(page, lambda: page.evaluate("window.announced") == ["Answer started.", "Answer stopped."])
    assert page.evaluate("window.notified") == []

    chat.choose_model("demo-echo").wait_idle()
    page.evaluate(SET_HIDDEN, True)
    chat.ask("A short one")
    expect(page).to_have_title("✓ A long story")
    page.evaluate(SET_HIDDEN, False)
    chat.wait_idle()
    chat.choose_model("demo-errors").wait_idle()
    page.evaluate(SET_HIDDEN, True)
    chat.ask("A wrong one").wait_idle()
    expect(page).to_have_title("⚠ A long story")
    wait_until(page, lambda: len(page.evaluate("window.notified")) == 2)
    first, second = page.evaluate("window.notified")
    assert first[0] == second[0] == "A long story"
    assert first[1] and "The answer failed." in second[1]
    wait_until(page, lambda: "The answer failed." in page.evaluate("window.announced.at(-1)"))
    assert "Answer complete." in page.evaluate("window.announced")
    expect(page.get_by_role("log", name="Chat messages")).to_have_attribute("aria-live", "off")
    for landmark in (page.get_by_role("navigation", name="Chats"), page.get_by_role("main")):
        expect(landmark).to_have_count(1)
    expect(page.get_by_role("region", name="Message composer").get_by_role("textbox")).to_be_visible()
