"""The chat page in a browser, by what its reader sees and does."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

COMPOSER = '[data-testid="stChatInputTextArea"]'


class ChatPage:
    """The chat page as its reader uses it."""

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
        """Every control that a reader can see whose name has the word Stop in it."""
        return self.page.get_by_role("button", name="Stop").filter(visible=True)

    @property
    def answers(self) -> Locator:
        return self.page.locator('[class*="st-key-answer-"]')

    @property
    def questions(self) -> Locator:
        return self.page.locator('[class*="st-key-asked-"] [data-testid="stChatMessageContent"]')

    @property
    def rows(self) -> Locator:
        """The conversations in the sidebar."""
        return self.page.locator('[class*="st-key-row-"]')

    def ask(self, text: str) -> ChatPage:
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.questions.filter(has_text=text).last).to_be_visible()
        return self

    def wait_idle(self) -> ChatPage:
        """Wait until no answer is arriving: its foot is there, or its error, and no Stop."""
        expect(self.stop).to_have_count(0)
        expect(self.page.locator('[data-testid="stApp"]')).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        return self

    def press_stop(self) -> ChatPage:
        expect(self.stop).to_have_count(1)
        self.stop.click()
        return self

    def choose_model(self, model: str) -> ChatPage:
        """Choose a model by typing its id: the list is longer than what is drawn of it."""
        picker = self.page.get_by_role("combobox", name="Model")
        picker.click()
        picker.fill(model)
        self.page.get_by_role("option", name=model).first.click()
        expect(picker).to_have_value(re.compile(re.escape(model)))
        return self

    def choose_wire(self, wire: str) -> ChatPage:
        """Choose a wire, by its name on the page."""
        self.page.get_by_role("radio", name=wire).click()
        expect(self.page.get_by_role("radio", name=wire)).to_be_checked()
        return self

    def answer_button(self, name: str) -> Locator:
        """A control under the last answer."""
        return self.answers.last.get_by_role("button", name=name, exact=True)

    def open_details(self) -> Locator:
        """Open what was told of the last answer; the table. Escape closes it."""
        self.answer_button("Details").click()
        table = self.page.locator('[class*="st-key-told-"]')
        expect(table).to_be_visible()
        return table

    @property
    def panel(self) -> Locator:
        """The open panel of parameters."""
        return self.page.get_by_test_id("stPopoverBody")

    def open_parameters(self) -> Locator:
        """Open the panel of parameters; Escape closes it."""
        self.page.locator(".st-key-params button").first.click()
        expect(self.panel).to_be_visible()
        return self.panel

    def open_section(self, name: str) -> ChatPage:
        """Open a fold of the panel of parameters."""
        self.panel.get_by_text(name, exact=True).click()
        return self

    def field(self, name: str) -> Locator:
        """The field of a parameter in the open panel."""
        return self.panel.locator(f'input[aria-label^="{name}"], textarea[aria-label^="{name}"]')

    def set_parameter(self, name: str, value: str) -> ChatPage:
        """Type a parameter into its field, and leave the field."""
        field = self.field(name)
        field.fill(value)
        field.press("Tab")
        return self

    def choose_row_action(self, title: str, action: str) -> ChatPage:
        """Choose an action from the menu of a conversation's row."""
        row = self.rows.filter(has_text=title).first
        row.hover()
        row.get_by_test_id("stMenuButtonButton").filter(visible=True).click()
        self.page.get_by_role("menuitem", name=action).click()
        return self
