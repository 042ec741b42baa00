"""The chat page under AppTest, by the visible texts and the actions of a user."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any, Self

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element, Node

from lib.ui.session.values import BrowserIdentity
from tests.app import conversation_rows, model_select

APP = Path(__file__).parents[2] / "app.py"
RUN_SECONDS = 60
TAG = re.compile("<[^>]+>")
# Sections of the parameter panel; a closed one is not rendered, which is a sixth of a run.
SECTIONS = ("about", "params-thinking", "params-search", "params-sampling", "params-output", "params-request")
TEXT_FIELDS = ("label", "body", "code_text", "text")


def read_text(node: Node) -> str:
    """Return the texts of a part of the page, one line per element, without Markdown escapes."""
    return "\n".join(_list_texts(node)).replace("\\", "")


def _list_texts(node: Node) -> Iterator[str]:
    if isinstance(node, Block):
        if label := getattr(node, "label", ""):
            yield str(label)
        for child in node.children.values():
            yield from _list_texts(child)
    elif isinstance(node, Element) and node.type == "bidi_component":
        yield from _list_row_texts(node.proto)
    elif isinstance(node, Element) and node.type == "html":
        if not node.proto.body.startswith("<style"):
            yield unescape(TAG.sub("", node.proto.body))
    elif isinstance(node, Element):
        yield from filter(None, (str(getattr(node.proto, name, "")) for name in TEXT_FIELDS))


def _list_row_texts(component: Any) -> Iterator[str]:
    """Yield what the browser shows of rows of the conversation list; nothing for another component."""
    if component.component_name == conversation_rows.NAME:
        for item in json.loads(component.json)["items"]:
            yield item["heading"]["text"] if "heading" in item else item["title"]


class ChatApp:
    """The app in one browser. Every action runs the script to its end, answers included.

    The panel of parameters is closed until one of its fields is asked for, unless it is open from the start. `composer`
    is the text that the page has put into the composer since the last question.
    """

    def __init__(self, page: str = "chat", *, browser: str = "0123", is_panel_open: bool = False, **query: str) -> None:
        self.at = AppTest.from_file(APP, default_timeout=RUN_SECONDS)
        self.at.session_state["browser_identity"] = BrowserIdentity(f"browser:{browser}", "browser")
        for name, value in query.items():
            self.at.query_params[name] = value
        self.composer, self._prefill_nonce = "", ""
        if page != "chat":
            self.at.switch_page(f"pages/{page}.py")
        if is_panel_open:
            self._open_sections()
        self.run()

    def run(self) -> Self:
        self.at.run()
        return self._check_run()

    def _check_run(self) -> Self:
        assert not self.at.exception
        for component in self.at.get("bidi_component"):
            if component.proto.component_name == "antler.drafts" and (data := json.loads(component.proto.json)):
                self._read_prefill(*data.get("prefill", ("", "")))
        return self

    def _read_prefill(self, nonce: str, text: str) -> None:
        """Put a text into the composer, as the browser does."""
        if nonce != self._prefill_nonce:
            self._prefill_nonce, self.composer = nonce, text

    def wait_for(self, text: str) -> Self:
        """Rerun until a text appears that a background thread brings."""
        deadline = time.monotonic() + RUN_SECONDS
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text}"
            time.sleep(0.02)
            self.run()
        return self

    def open_page(self, name: str, tab: str = "") -> Self:
        self.at.switch_page(f"pages/{name}.py")
        if tab:
            self.at.query_params["tab"] = tab
        return self.run()

    def ask(self, text: str) -> Self:
        self.at.chat_input[0].set_value(text)
        self.composer = ""
        return self.run()

    def click(self, label: str, position: int = -1) -> Self:
        """Press the last button with this label, or open the conversation with this title."""
        buttons = self.buttons(label)
        if not buttons:
            return self.open_chat(label)
        buttons[position].click()
        return self.run()

    def choose_action(self, message: int, label: str) -> Self:
        """Choose an action from the menu of a message: 0 is the first question, -1 the last answer."""
        return self._choose(self._menus("More actions")[message], label)

    def regenerate_with(self, answer: int, model: str) -> Self:
        """Choose a model from the menu below an answer: 0 is the first answer, -1 the last."""
        return self._choose(self._menus("Regenerate")[answer], model)

    def _menus(self, label: str) -> list[Any]:
        return [menu for menu in self.at.main.get("menu_button") if menu.label.startswith(label)]

    def _choose(self, menu: Any, label: str) -> Self:
        place = next(place for place, option in enumerate(menu.options) if label in option.replace("\\", ""))
        menu.click_index(place)
        return self.run()

    def open_chat(self, title: str) -> Self:
        """Click on a conversation in the sidebar."""
        conversation_rows.send(self.at, title, "open")
        return self._check_run()

    def choose_row_action(self, title: str, action: str) -> Self:
        """Choose an action from the menu of a conversation in the sidebar."""
        conversation_rows.send(self.at, title, "action", action)
        return self._check_run()

    @property
    def model(self) -> str:
        """The selected model, as its button shows it."""
        return model_select.selected_model(self.at)

    def choose_model(self, model: str, label: str = "Model") -> Self:
        """Choose a model in the list of the button with this label."""
        return self.choose_models({label: model})

    def choose_models(self, models: Mapping[str, str]) -> Self:
        """Choose a model in the list of each button, by its label, before the page answers to the first choice."""
        model_select.choose_models(self.at, models)
        return self._check_run()

    def star_model(self, model: str, is_favourite: bool = True) -> Self:
        """Press the star of a model in the list."""
        model_select.star_model(self.at, model, is_favourite)
        return self._check_run()

    def choose_wire(self, wire: str) -> Self:
        """Choose a wire by its id, in the panel of parameters or in the settings."""
        self.field("API format").set_value(wire)
        return self.run()

    def set_field(self, label: str, value: Any) -> Self:
        """Set the widget whose label starts with this text."""
        self.field(label).set_value(value)
        return self.run()

    def fill(self, label: str, value: Any) -> Self:
        """Set a field whose value goes with the next action, as that of a form does."""
        self.field(label).set_value(value)
        return self

    def open_panel(self) -> Self:
        """Open all sections of the panel of parameters."""
        self._open_sections()
        return self.run()

    def _open_sections(self) -> None:
        for section in SECTIONS:
            self.at.session_state[section] = True

    def field(self, label: str) -> Any:
        """Return the field whose label starts with this text."""
        found = self._find_field(label) or self.open_panel()._find_field(label)
        assert found, f"no field {label!r}"
        return found

    def _find_field(self, label: str) -> Any:
        kinds = ("text_input", "text_area", "number_input", "selectbox", "radio", "toggle", "checkbox")
        elements = [element for kind in (*kinds, "button_group") for element in self.at.get(kind)]
        return next((element for element in elements if element.label.startswith(label)), None)

    def buttons(self, label: str) -> list[Any]:
        """Return the buttons with this label, with or without the number of a message or what it is about."""
        numbered = re.compile(rf"{re.escape(label)}(?: (?:question|answer) \d+| :small\[.*\])?")
        return [button for button in self.at.button if numbered.fullmatch(button.label.replace("\\", ""))]

    @property
    def conversation(self) -> str:
        """The id of the shown conversation, from the address."""
        value = self.at.query_params["c"]
        return str(value if isinstance(value, str) else value[0])

    @property
    def text(self) -> str:
        """All texts of the page."""
        return read_text(self.at._tree)

    @property
    def sidebar(self) -> str:
        """All texts of the sidebar."""
        return read_text(self.at.sidebar)

    @property
    def questions(self) -> list[str]:
        return [read_text(message) for message in self.at.chat_message if message.name == "user"]

    @property
    def answers(self) -> list[str]:
        return [read_text(message) for message in self.at.chat_message if message.name != "user"]
