"""Settings: tabs with an address of their own, and a theme that holds at once, everywhere, from the first frame."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat_page import OWN_BROWSER, ChatPage, open_tab

BACKGROUND = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
LIGHT, DARK = "rgb(252, 251, 248)", "rgb(20, 24, 21)"
# Records the color of the app whenever it changes, from the first element on.
RECORD_COLORS = """
addEventListener("DOMContentLoaded", () => {
  window.colors = [];
  const look = () => {
    const app = document.querySelector('[data-testid="stApp"]');
    const color = app && getComputedStyle(app).backgroundColor;
    if (color && color !== window.colors.at(-1)) window.colors.push(color);
    requestAnimationFrame(look);
  };
  look();
});
"""


def test_tabs_have_addresses_and_the_theme_holds_at_once_on_all_pages(app, new_page):
    page = new_page(**OWN_BROWSER)
    page.add_init_script(RECORD_COLORS)
    chat = ChatPage(page, app.url).open()
    page.evaluate("window.isSamePage = true")
    page.get_by_role("link", name="Settings").click()
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["General", "Models", "Gateway", "Data", "Shared links"])
    expect(tabs.first).to_have_attribute("aria-selected", "true")
    themes = page.get_by_role("group", name="Theme").get_by_role("radio")
    expect(page.get_by_role("radio", name="System")).to_be_checked()
    themes.nth(0).focus()
    page.keyboard.press("ArrowRight")  # from Light to Dark
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    page.wait_for_function(f"() => {BACKGROUND} === '{DARK}'")
    page.get_by_role("link", name="Back to chat").click()
    expect(chat.composer).to_be_visible()
    page.wait_for_function(f"() => {BACKGROUND} === '{DARK}'")
    assert page.evaluate("window.isSamePage")
    # Another tab of the browser, and a reload: dark from the first frame, though the system is light.
    other = page.context.new_page()
    other.add_init_script(RECORD_COLORS)
    other.goto(f"{app.url}/settings?tab=data")
    expect(other.get_by_role("tab", name="Data")).to_have_attribute("aria-selected", "true")
    expect(other.get_by_role("button", name="Export all chats")).to_be_visible()
    # The last color is that of the configured theme, which comes with the first message of the server.
    colors = other.evaluate("window.colors")
    assert colors[-1] == DARK
    assert all(int(part) < 40 for color in colors for part in re.findall(r"\d+", color)), colors
    open_tab(other, "Models")
    expect(other).to_have_url(re.compile("tab=models"))
    other.reload()
    expect(other.get_by_label("Search models")).to_be_visible()
    open_tab(other, "General")
    other.get_by_role("radio", name="System").check(force=True)
    for tab in (other, page):
        tab.wait_for_function(f"() => {BACKGROUND} === '{LIGHT}'")
    # The system's own change is followed again.
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => {BACKGROUND} === '{DARK}'")
    other.close()
