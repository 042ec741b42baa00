"""The chat page by keyboard: typing into the composer, shortcuts, and the place of the focus after each action."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.history_seed import HistorySeed

PASTE = """text => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""
SELECT_ANSWER = """() => {
  document.activeElement.blur();
  getSelection().selectAllChildren([...document.querySelectorAll('[data-testid="stChatMessageContent"]')].at(-1));
}"""
AS_MAC = "Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' })"


def keyed(page: Page, key: str) -> Locator:
    """Return the controls whose key begins with this text."""
    return page.locator(f'[class*="st-key-{key}"] :is(button, input, textarea)')


def focus_page(chat: ChatPage) -> None:
    """Click on a place of the page without a control."""
    chat.page.locator('[data-testid="stMainBlockContainer"]').click(position={"x": 5, "y": 5})
    expect(chat.composer).not_to_be_focused()


def test_typing_goes_to_the_composer_and_the_focus_stays_beside_each_action(history):
    history.add("First question", messages=("First question", "An answer", "Second question", "Another answer"))
    chat = history.open()
    chat.row_button("First question").click()
    expect(chat.questions).to_have_count(2)
    chat.wait_idle()
    check_typing(chat)
    chat.composer.fill("")
    check_focus(chat)


def check_typing(chat: ChatPage) -> None:
    """Check that text which nothing else takes goes to the composer."""
    page = chat.page
    expect(chat.composer).to_be_focused()  # a conversation was opened
    focus_page(chat)
    page.keyboard.type("rc?x")  # Streamlit has commands for the first two; "?" is a shortcut only outside of fields
    expect(chat.composer).to_have_value("rc?x")
    chat.composer.fill("")
    chat.answer_button("Regenerate").focus()
    page.keyboard.type("é好")
    expect(chat.composer).to_have_value("é好")
    focus_page(chat)
    page.evaluate(PASTE, " and pasted")
    expect(chat.composer).to_have_value("é好 and pasted")

    chat.composer.fill("")
    page.evaluate(SELECT_ANSWER)
    for key in ("x", "Control+c", "Alt+x", "F2", "ArrowDown", " "):
        page.keyboard.press(key)
    assert page.evaluate("getSelection().toString()")
    expect(chat.composer).to_have_value("")
    chat.open_parameters()
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)
    expect(chat.composer).to_have_value("")
    search = page.get_by_role("searchbox")
    search.fill("")
    search.press("q")
    expect(search).to_have_value("q")
    search.press("Escape")  # the browser clears the field
    chat.wait_idle()

    chat.composer.press("ArrowUp")
    editor = page.get_by_role("textbox", name="Edit")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("Second question")
    page.keyboard.type("?")  # no dialog
    page.keyboard.press("Escape")
    expect(editor).to_have_count(0)
    expect(chat.composer).to_be_focused()  # it had the focus before
    expect(chat.questions).to_have_text(["First question", "Second question"])
    chat.composer.fill("A line")
    chat.composer.press("ArrowUp")  # moves in the text
    chat.composer.press("End")
    chat.composer.press("Shift+Enter")
    page.keyboard.type("and another")
    expect(chat.composer).to_have_value("A line\nand another")
    expect(editor).to_have_count(0)


def check_focus(chat: ChatPage) -> None:
    """Check that the focus stays beside the action that was done."""
    page, answer = chat.page, chat.answers.last
    chat.answer_button("Regenerate").focus()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("2 / 2")
    chat.wait_idle()
    expect(chat.answer_button("Regenerate")).to_be_focused()
    answer.get_by_role("button", name="Previous version").press("Enter")
    expect(answer).to_contain_text("1 / 2")
    # There is no version before the first one.
    chat.wait_idle()
    expect(answer.get_by_role("button", name="Next version")).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("2 / 2")
    expect(answer.get_by_role("button", name="Previous version")).to_be_focused()
    chat.wait_at_rest()

    menu = page.locator('[class*="st-key-question-"]').last.get_by_test_id("stMenuButtonButton")
    menu.press("Enter")
    page.get_by_role("menuitem", name="Delete").press("Enter")
    expect(chat.questions).to_have_text(["First question"])
    chat.wait_idle()
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat.questions).to_have_count(2)
    expect(menu).to_be_focused()

    chat.choose_row_action("First question", "Rename")
    title = page.get_by_role("textbox", name="Title")
    expect(title).to_be_focused()
    page.wait_for_function("() => getSelection().toString() === 'First question'")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    expect(chat.rows.first).to_contain_text("Renamed")
    expect(keyed(page, "actions-").first).to_be_focused()
    chat.choose_row_action("Renamed", "Rename")
    chat.fill_opened("Title", "Not this")
    page.keyboard.press("Escape")
    expect(title).to_have_count(0)
    expect(chat.rows.first).to_contain_text("Renamed")
    expect(keyed(page, "actions-").first).to_be_focused()
    page.get_by_role("button", name="New chat").press("Enter")
    expect(chat.questions).to_have_count(0)
    expect(chat.composer).to_be_focused()
    chat.row_button("Renamed").press("Enter")
    expect(chat.questions).to_have_count(2)
    expect(chat.composer).to_be_focused()


def test_shortcuts_work_and_are_listed(demo, new_page):
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    chat = ChatPage(page, demo.url).open("?model=demo-endless")
    expect(chat.composer).to_be_focused()
    chat.ask("Endless")
    expect(chat.answers.last).to_contain_text("Line 3")
    page.keyboard.press("Control+/")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Copy last code block")
    page.keyboard.press("Control+Shift+o")  # not below a dialog
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(chat.stop).to_have_count(1)  # Escape has closed the dialog only
    page.keyboard.press("Escape")
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    chat.wait_idle().choose_model("demo-echo")
    chat.ask("Echo").wait_idle()
    page.keyboard.press("Control+Shift+:")  # ";" with Shift
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    code = page.evaluate("navigator.clipboard.readText()")
    assert code.startswith("{") and '"content": "Echo"' in code
    page.keyboard.press("Control+Shift+c")
    page.wait_for_function("async code => (await navigator.clipboard.readText()).includes(`\n${code}\n`)", arg=code)
    assert page.evaluate("navigator.clipboard.readText()").startswith("```json\n")
    page.keyboard.press("Control+Shift+Enter")
    expect(chat.answers.last).to_contain_text("2 / 2")
    chat.wait_idle()

    page.keyboard.press("Control+Shift+s")
    expect(page.get_by_test_id("stExpandSidebarButton")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Shift+Escape")
    expect(chat.composer).to_be_focused()
    page.keyboard.press("Control+Alt+o")  # a character of AltGr
    expect(chat.questions).to_have_count(2)
    page.keyboard.press("Control+Shift+O")
    expect(chat.questions).to_have_count(0)
    expect(chat.composer).to_be_focused()
    focus_page(chat)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+,")
    expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    expect(page).to_have_title("Settings · Antler")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()


def test_a_mac_has_its_own_modifiers_and_a_phone_no_focus_that_opens_its_keyboard(app, new_page):
    page = new_page(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    page.add_init_script(AS_MAC)
    history = HistorySeed(app, ChatPage(page, app.url))
    history.add("Hello", messages=("Hello", "An answer"))
    (conversation,) = history.store.conversations.page(history.owner, 1)
    chat = history.open(f"?c={conversation.id}")
    expect(chat.questions).to_have_count(1)
    expect(chat.composer).not_to_be_focused()
    page.keyboard.press("Control+Shift+o")  # Ctrl is not Command
    page.keyboard.press("Meta+/")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog.get_by_text("⌘").first).to_be_visible()
    expect(chat.questions).to_have_count(1)
    box = dialog.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] <= 780
    page.keyboard.press("Escape")
    page.keyboard.press("Meta+Shift+o")
    expect(chat.questions).to_have_count(0)
    chat.wait_idle()
    expect(chat.composer).not_to_be_focused()
