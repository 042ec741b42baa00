"""The chat page in a browser, by what its reader sees and does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

# A limit for a machine that is ten times slower, not on the speed of the page.
TIMEOUT_MS = 90_000
# An option gives a page a browser of its own.
OWN_BROWSER = {"locale": "en-GB"}
# Holds while the browser keeps no text of an editor.
NOTHING_TYPED = "() => !Object.keys(sessionStorage).some(key => key.startsWith('antler.typed.'))"
COMPOSER = '[data-testid="stChatInputTextArea"]'


def record_frames(page: Page, event: str) -> list[bytes]:
    """Return the list that all frames of "framereceived" or "framesent" are added to from now on."""
    frames: list[bytes] = []

    def record(payload: str | bytes) -> None:
        frames.append(payload if isinstance(payload, bytes) else payload.encode())

    page.on("websocket", lambda socket: socket.on(event, record))
    return frames


def wait_until(page: Page, holds: Callable[[], object]) -> None:
    """Wait until a condition holds that `expect` has no words for."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, "the condition does not hold"
        page.wait_for_timeout(20)


def open_tab(page: Page, name: str) -> None:
    """Open a tab of the settings or the administration."""
    tab = page.get_by_role("tab", name=name, exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


# Streamlit's page shows a run once the server has begun it, and nothing between a click and that.
IDLE = """() => {
  const idle = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
    && !window.scriptRuns?.isExpected && !document.querySelector(".st-key-stop button");
  window.idleFrames = idle ? (window.idleFrames ?? 0) + 1 : 0;
  if (window.idleFrames < 4) return false;
  window.idleFrames = 0;
  return true;
}"""


class ChatPage:
    """The chat page as its user sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, query: str = "") -> ChatPage:
        self.page.goto(f"{self.url}/{query}")
        expect(self.composer).to_be_visible()
        return self

    @property
    def composer(self) -> Locator:
        return self.page.locator(COMPOSER)

    @property
    def stop(self) -> Locator:
        """All visible buttons named Stop."""
        return self.page.get_by_role("button", name="Stop", exact=True).filter(visible=True)

    @property
    def answers(self) -> Locator:
        return self.page.locator('[class*="st-key-answer-"]')

    @property
    def questions(self) -> Locator:
        return self.page.locator('[class*="st-key-question-"] [data-testid="stChatMessageContent"]')

    @property
    def rows(self) -> Locator:
        """The conversations in the sidebar."""
        return self.page.locator('[class*="st-key-row-"]')

    def row_button(self, title: str) -> Locator:
        """The button in the sidebar that opens a conversation; that of the open one has none."""
        return self.rows.filter(has_text=title).locator('[class*="st-key-open-"] button').first

    def ask(self, text: str) -> ChatPage:
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.questions.filter(has_text=text).last).to_be_visible()
        return self

    def open_settings(self, tab: str) -> ChatPage:
        """Open a tab of the settings."""
        self.page.get_by_role("link", name="Settings").click()
        open_tab(self.page, tab)
        return self

    def wait_idle(self) -> ChatPage:
        """Wait until no answer is arriving, and no script runs or is about to, in 4 frames in a row."""
        expect(self.stop).to_have_count(0)
        self.page.wait_for_function(IDLE, polling="raf", timeout=TIMEOUT_MS)
        return self

    def wait_scrolled(self) -> ChatPage:
        """Wait until the messages have stopped scrolling: their position is the same in 15 frames in a row."""
        self.page.evaluate(
            """() => new Promise(done => {
              const main = document.querySelector('.stMain');
              let [top, frames] = [main.scrollTop, 0];
              const look = () => {
                frames = main.scrollTop === top ? frames + 1 : 0;
                top = main.scrollTop;
                if (frames < 15) requestAnimationFrame(look); else done();
              };
              look();
            })"""
        )
        return self

    def wait_at_rest(self) -> ChatPage:
        """Wait before a list of options is opened: a rerun replaces it, also under a click, and a scroll closes it."""
        return self.wait_idle().wait_scrolled()

    def wait_rows(self) -> ChatPage:
        """Wait before a menu in the sidebar is opened: a rerun moves the rows. While an answer arrives, they stay."""
        return self if self.stop.count() else self.wait_idle()

    def last_line(self) -> int:
        """Return the number of the last line that the last answer has shown, as demo-endless does."""
        # A number may be shown in part.
        lines = re.findall(r"Line (\d+)\s", self.answers.last.inner_text())
        return int(lines[-1]) if lines else 0

    def wait_past_line(self, line: int) -> int:
        """Wait until the last answer has shown more lines; return the number of the last one."""
        self.page.wait_for_function(
            "([line]) => { const all = [...document.querySelectorAll('[class*=\"st-key-answer-\"]')];"
            "const lines = [...(all.at(-1)?.innerText ?? '').matchAll(/Line (\\d+)\\s/g)];"
            "return lines.length && Number(lines.at(-1)[1]) > line; }",
            arg=[line],
            timeout=TIMEOUT_MS,
        )
        return self.last_line()

    def press_stop(self) -> ChatPage:
        expect(self.stop).to_have_count(1)
        self.stop.click()
        return self

    @property
    def model(self) -> Locator:
        """The button that shows the selected model and opens the list of models."""
        return self.page.locator(".st-key-composer-model button")

    @property
    def model_search(self) -> Locator:
        return self.page.get_by_role("combobox", name="Search models")

    @property
    def options(self) -> Locator:
        """The options of the open list of models."""
        return self.page.get_by_role("option")

    def open_models(self) -> ChatPage:
        """Open the list of models."""
        if not self.stop.count():
            self.wait_at_rest()
        self.model.click()
        expect(self.model).to_have_attribute("aria-expanded", "true")
        return self

    def choose_model(self, model: str) -> ChatPage:
        """Choose a model of the list by typing its id; no answer may be arriving."""
        self.open_models().model_search.fill(model)
        expect(self.options.first).to_contain_text(model)
        self.model_search.press("Enter")
        expect(self.options).to_have_count(0)
        expect(self.model).to_contain_text(model)
        return self

    def choose_wire(self, wire: str) -> ChatPage:
        """Choose a wire by its name, in the panel of parameters."""
        self.open_parameters()
        self.page.locator(".st-key-about summary").click()
        self.page.get_by_role("radio", name=wire).click()
        expect(self.page.get_by_role("radio", name=wire)).to_be_checked()
        self.page.keyboard.press("Escape")
        expect(self.panel).to_have_count(0)
        return self

    def answer_button(self, name: str) -> Locator:
        """Return a button under the last answer, by its name with or without the number of the answer."""
        numbered = re.compile(rf"^{re.escape(name)}(?: (?:of )?answer \d+)?$")
        return self.answers.last.get_by_role("button", name=numbered)

    def open_details(self) -> Locator:
        """Open the details of the last answer and return their table; Escape closes them."""
        self.answer_button("Details").click()
        table = self.page.locator('[class*="st-key-details-"]')
        expect(table).to_be_visible()
        return table

    @property
    def panel(self) -> Locator:
        """The open panel of parameters."""
        return self.page.get_by_test_id("stPopoverBody")

    def open_parameters(self) -> Locator:
        """Open the panel of parameters; Escape closes it."""
        # A page that scrolls closes the panel.
        if not self.stop.count():
            self.wait_at_rest()
        self.page.locator(".st-key-params button").first.click()
        expect(self.panel).to_be_visible()
        return self.panel

    def open_section(self, name: str) -> ChatPage:
        """Open a section of the panel of parameters."""
        self.panel.get_by_text(name, exact=True).click()
        return self

    def field(self, name: str) -> Locator:
        """Return the field of a parameter in the open panel."""
        return self.panel.locator(f'input[aria-label^="{name}"], textarea[aria-label^="{name}"]')

    def set_parameter(self, name: str, value: str) -> ChatPage:
        """Type the value of a parameter and leave its field."""
        field = self.field(name)
        field.fill(value)
        field.press("Tab")
        return self

    def fill_opened(self, name: str, text: str) -> Locator:
        """Replace the text of a field that was just opened: once it has the focus and its first value."""
        field = self.page.get_by_role("textbox", name=name)
        expect(field).to_be_focused()
        expect(field).not_to_have_value("")
        field.fill(text)
        return field

    def choose_row_action(self, title: str, action: str) -> ChatPage:
        """Choose an action from the menu of a conversation's row."""
        self.wait_rows()
        row = self.rows.filter(has_text=title).first
        row.hover()
        row.get_by_role("button", name="Actions").click()
        self.page.get_by_role("menuitem", name=action).click()
        return self
