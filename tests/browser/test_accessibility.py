"""Every page, panel and menu has no serious or critical finding of axe-core, in the light and in the dark theme."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect

from lib.core.conversation import (
    Failure,
    Message,
    Node,
    Outcome,
    Part,
    TextPart,
    Timing,
    Usage,
    new_id,
)
from lib.core.gateway_checks import CheckRun, ProbeResult, Verdict
from lib.core.prompts import Prompt
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.transfer.share_links import create_share_link
from tests.browser.accessibility import Audit
from tests.browser.answer_content import all_content
from tests.browser.chat_page import ChatPage, open_tab
from tests.browser.history_seed import HistorySeed

# The animations that move in spite of the wish for reduced motion.
MOVING = """() => document.getAnimations()
  .filter(({ playState, effect }) => playState === "running" && effect.getComputedTiming().activeDuration > 100)
  .map(({ effect }) => effect.target.outerHTML)"""
# The entries at the foot of the sidebar in their order, without those that overlap the one above in their column.
FOOT_ENTRIES = """() => {
  const entries = [...document.querySelectorAll('.st-key-sidebar-foot :is(.stButton button, a)')];
  const boxes = entries.map((entry) => entry.getBoundingClientRect());
  const fits = (_, index) => index < 2 || boxes[index].top >= boxes[index - 2].bottom - 1;
  return entries.filter(fits).map((entry) => entry.querySelector("p").innerText);
}"""
DIALOG = '[data-testid="stDialog"]'
MAIN, SIDEBAR = ".stMain", '[data-testid="stSidebar"]'
COMPOSER = '[data-testid="stBottomBlockContainer"]'
POPOVER, MENU = '[data-testid="stPopoverBody"]', '[role="menu"]'
SETTINGS = ("General", "Models", "Gateway", "Data", "Shared links")
INSPECTOR = ("Request", "Code", "Response", "Frames", "Timeline", "Edit and send")
ADMIN = (
    "Usage limits",
    "Permissions",
    "Default model",
    "Prices",
    "Prompts",
    "Refused parameters",
    "Gateway check",
    "Users",
    "Audit log",
)


@pytest.fixture
def history(demo, new_page) -> HistorySeed:
    """The history of a new browser that wishes reduced motion, as all of the tests; its user is an admin."""
    return HistorySeed(demo, ChatPage(new_page(), demo.url))


def add_turns(history: HistorySeed, title: str, first: tuple[Part, ...]) -> str:
    """Add this answer in two versions, an error and an interrupted answer; return the token of a link to them."""
    parts: tuple[tuple[tuple[Part, ...], dict], ...] = (
        (
            first,
            {"usage": Usage(10, 20, cache_read=0), "provider_metadata": {"id": "x-1", "model": "demo-echo"}},
        ),
        (
            (),
            {"outcome": Outcome.FAILED, "failure": Failure("rate_limited", "Slow down", 429, "req-1", True)},
        ),
        ((TextPart("Half of"),), {"outcome": Outcome.INTERRUPTED}),
    )
    nodes: list[Node] = []
    for number, (content, fields) in enumerate(parts):
        question = Node(
            new_id(), nodes[-1].id if nodes else None, Message("user", (TextPart(f"Question {number}"),)), number
        )
        answer = Message("assistant", content)
        target = Target("demo-echo", "anthropic")
        nodes += [question, Node(new_id(), question.id, answer, number + 0.5, target=target, **fields)]
    other = replace(nodes[1], id=new_id(), created_at=0.4, target=Target("demo-echo", "openai"), usage=Usage(10, 25))
    conversation = history.add_nodes(title, [nodes[0], other, *nodes[1:]])
    return create_share_link(history.store.shares, history.owner, conversation, nodes)


def menu_of(row: Locator) -> Locator:
    """Return the button of the menu of a row."""
    return row.get_by_role("button", name="Actions").filter(visible=True)


def test_the_empty_chat_and_its_panels(history):
    audit = Audit()
    history.add("Plans", messages=("My zebra", "Zebras are *striped*"))
    prompt = Prompt(new_id(), "prompt", "Translate", "To another language", text="Translate {{text}}")
    history.store.prompts.save(history.owner, prompt)
    chat = history.open("?model=demo-search&wire=anthropic")
    page = chat.page
    expect(page.get_by_role("switch", name="Search the web")).to_be_visible()
    audit.check(page, "empty chat")
    page.get_by_role("link", name="Skip to main content").press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    chat.open_models()
    expect(chat.options.first).to_be_visible()
    audit.check(page, "list of models", COMPOSER)
    page.keyboard.press("Escape")
    chat.open_parameters()
    for section in chat.panel.locator("summary").all():
        section.click()
    audit.check(page, "parameters", POPOVER)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Dictate").click()
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    audit.check(page, "dictation", POPOVER)
    page.keyboard.press("Escape")
    chat.composer.press("/")
    expect(page.get_by_role("listbox", name="Prompts")).to_be_visible()
    audit.check(page, "list of prompts", ".prompt-menu-list")
    chat.composer.press("Enter")
    expect(page.get_by_role("textbox", name="text")).to_be_focused()
    audit.check(page, "variables of a prompt", COMPOSER)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Temporary chat").click()
    expect(page.get_by_role("button", name="Temporary chat is on")).to_be_visible()
    audit.check(page, "temporary chat", MAIN)
    page.keyboard.press("Control+/")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    audit.check(page, "shortcuts", "dialog")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("searchbox").fill("zebra")
    expect(page.locator('[class*="st-key-hit-"]').first).to_be_visible()
    audit.check(page, "search", SIDEBAR)
    chat.wait_at_rest()
    page.get_by_role("combobox", name="Model", exact=True).click()
    expect(page.get_by_role("option").first).to_be_visible()
    audit.check(page, "list of a select box", '[role="listbox"]')
    assert audit.findings == [], "\n".join(audit.findings)


def check_dialogs(chat: ChatPage, audit: Audit) -> None:
    """Audit the comparison of the first answer with its other version, and the diagnosis of its prompt cache."""
    page = chat.page
    page.get_by_role("button", name="Compare formats", exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name="Compare answers")
    expect(dialog.get_by_text("values differ", exact=False)).to_be_visible()
    chat.wait_idle()
    audit.check(page, "comparison of two answers", DIALOG)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    chat.wait_at_rest()
    page.get_by_role("button", name="More actions for answer 1", exact=True).press("Enter")
    page.get_by_role("menuitem", name="Explain prompt cache").click()
    dialog = page.get_by_role("dialog", name="Prompt cache")
    expect(dialog.get_by_text("Tokens read from the cache")).to_be_visible()
    chat.wait_idle()
    audit.check(page, "diagnosis of the prompt cache", DIALOG)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    chat.wait_at_rest()


def test_messages_and_their_panels(history):
    audit = Audit()
    add_turns(history, "All blocks", all_content())
    # Panels are opened over short answers: a change of the theme renders all of them again.
    add_turns(history, "Few words", (TextPart("In short"),))
    chat = history.open()
    page = chat.page
    chat.row_button("All blocks").click()
    expect(chat.answers).to_have_count(3)
    chat.wait_idle()
    for summary in chat.answers.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Preview").click()
    chat.wait_at_rest()
    audit.check(page, "all blocks")
    chat.row_button("Few words").click()
    first = chat.answers.first
    expect(first).to_contain_text("In short")
    for name, opened in (
        ("Share", POPOVER),
        ("Details of answer 1", POPOVER),
        ("More actions for answer 1", MENU),
    ):
        chat.wait_at_rest()
        page.get_by_role("button", name=name, exact=True).press("Enter")
        expect(page.locator(opened)).to_be_visible()
        audit.check(page, name, opened)
        page.keyboard.press("Escape")
        expect(page.locator(opened)).to_have_count(0)
    check_dialogs(chat, audit)
    first.get_by_role("button", name="Bad answer 1").press("Enter")
    expect(first.get_by_role("textbox")).to_be_visible()
    audit.check(page, "feedback", '[class*="st-key-feedback-"]')
    page.keyboard.press("Escape")
    chat.wait_idle().composer.press("ArrowUp")
    expect(page.get_by_role("textbox", name="Edit")).to_be_focused()
    audit.check(page, "edited question", '[data-testid="stForm"]')
    page.keyboard.press("Escape")
    assert audit.findings == [], "\n".join(audit.findings)


def check_running_answer(chat: ChatPage, audit: Audit) -> None:
    """Audit a running answer with a queue, also on a phone, and its end."""
    page = chat.page
    chat.choose_model("demo-endless").ask("Endless")
    expect(chat.answers.last).to_contain_text("Line 3")
    chat.composer.fill("Queued")
    chat.composer.press("Enter")
    expect(page.locator('[class*="st-key-queued-"]').first).to_be_visible()
    assert page.evaluate(MOVING) == []
    audit.check(page, "streaming answer with a queue", MAIN, in_both_themes=False)
    chat.press_stop().wait_idle()
    page.set_viewport_size({"width": 390, "height": 844})
    audit.check(page, "stopped answer on a phone", MAIN)
    page.get_by_test_id("stExpandSidebarButton").click()
    audit.check(page, "sidebar of a phone", SIDEBAR)
    pages = ["Prompts", "Compare", "Inspector", "Usage", "Settings", "Admin"]
    assert page.evaluate(FOOT_ENTRIES) == ["Select", "Archived", *pages]


def test_the_sidebar_with_its_menus_and_a_running_answer(history):
    audit = Audit()
    history.add("In a folder", folder="Zoo", days=1)
    history.add("Pinned", pinned=True)
    history.add_arriving("Running elsewhere")
    chat = history.open()
    page = chat.page
    for row in (chat.rows.filter(has_text="Pinned"), page.locator('[class*="st-key-folder-"]').first):
        row.hover()
        menu_of(row).click()
        expect(page.get_by_role("menu")).to_be_visible()
        audit.check(page, "menu of a row", MENU)
        page.keyboard.press("Escape")
    chat.choose_row_action("Pinned", "Move to folder")
    expect(page.get_by_role("combobox", name="Folder")).to_be_focused()
    audit.check(page, "form of a row", SIDEBAR)
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Folder")).to_have_count(0)
    page.get_by_role("button", name="Select", exact=True).click()
    expect(page.get_by_role("checkbox").first).to_be_visible()
    audit.check(page, "selection", SIDEBAR)
    page.get_by_role("button", name="Cancel").click()
    chat.choose_row_action("Pinned", "Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    audit.check(page, "undo", MAIN)
    check_running_answer(chat, audit)
    assert audit.findings == [], "\n".join(audit.findings)


def check_prompts(chat: ChatPage, audit: Audit) -> None:
    """Audit the prompt library: the list, the editor of a persona, and the link to one."""
    page = chat.page
    page.get_by_role("link", name="Prompts", exact=True).click()
    expect(page.get_by_role("heading", name="Prompts", exact=True)).to_be_visible()
    audit.check(page, "prompts", MAIN)
    page.get_by_role("button", name="Add Careful reviewer").click()
    expect(page.get_by_role("button", name="Actions for Careful reviewer")).to_be_visible()
    chat.wait_idle()
    page.get_by_role("button", name="Actions for Careful reviewer").click()
    page.get_by_role("menuitem", name="Edit").click()
    expect(page.get_by_role("textbox", name="Greeting")).to_be_visible()
    audit.check(page, "editor of a persona", MAIN)


def check_comparisons(page: Page, audit: Audit) -> None:
    """Audit the fields of a comparison of two recent models, its answers, and the lists of comparisons and votes."""
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Which one?")
    page.get_by_role("button", name="Parameters of model 1").click()
    expect(page.locator(POPOVER)).to_be_visible()
    audit.check(page, "fields of a comparison", f"{MAIN}, {POPOVER}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Ask 2 models").click()
    page.get_by_text("Differences between answers").click()
    expect(page.locator(".antler-differences")).to_be_visible()
    audit.check(page, "comparison", MAIN)
    page.get_by_role("button", name="Tie").click()
    expect(page.get_by_role("button", name="Change vote")).to_be_visible()
    page.get_by_role("button", name="All comparisons").click()
    expect(page.get_by_role("button", name="Which one?", exact=True)).to_be_visible()
    audit.check(page, "list of comparisons", MAIN)
    open_tab(page, "Votes")
    audit.check(page, "votes", MAIN)


def test_the_inspector_and_comparisons(history):
    audit = Audit()
    history.store.preferences.add_recent_model(history.owner, "demo-cut-by-length")
    history.store.preferences.add_recent_model(history.owner, "demo-filtered")
    chat = history.open().ask("Look into me").wait_idle()
    page = chat.page
    page.get_by_role("button", name="Inspect answer 1", exact=True).click()
    for tab in INSPECTOR:
        open_tab(page, tab)
        chat.wait_idle()
        audit.check(page, f"drawer, {tab}", '[role="dialog"]')
    page.get_by_role("button", name="Open in full width").click()
    expect(page.get_by_role("button", name="All requests")).to_be_visible()
    chat.wait_idle()
    audit.check(page, "request", MAIN)
    page.get_by_role("button", name="All requests").click()
    expect(page.locator('[class*="st-key-exchange-open-"]').first).to_be_visible()
    audit.check(page, "list of requests", MAIN)
    check_comparisons(page, audit)
    assert audit.findings == [], "\n".join(audit.findings)


def add_check(history: HistorySeed) -> None:
    """Add a gateway check that found something of each strength."""
    target = Target("demo-echo", "openai")
    verdicts = (
        Verdict("failed", "no_usage"),
        Verdict("failed", "thinking_missing", strength="likely"),
        Verdict("failed", "foreign_id", {"id": "x"}, "hint"),
    )
    results = tuple(
        ProbeResult(target, probe, each) for probe, each in zip(("usage", "thinking", "model"), verdicts, strict=True)
    )
    run = CheckRun(new_id(), (target,), ("usage",), "gateway.example", 1.0, True, state="done", results=results)
    history.store.gateway_checks.start(history.owner, run)


def test_all_other_pages(history):
    audit = Audit()
    add_check(history)
    token = add_turns(history, "Shared", all_content())
    target, timing = Target("demo-echo", "openai"), Timing(0.5, 0.6, 1.0)
    used = UsageRecord(new_id(), None, "answer", target, Usage(9, 9), timing, Outcome.COMPLETE, "", time.time(), cost=1)
    history.store.usage.record(history.owner, used)
    chat = history.chat
    page = chat.page
    page.goto(f"{chat.url}/settings")
    for name, tabs in (("Settings", SETTINGS), ("Admin", ADMIN)):
        if name != "Settings":
            page.get_by_role("link", name=name, exact=True).click()
        for tab in tabs:
            open_tab(page, tab)
            chat.wait_idle()
            audit.check(page, f"{name}, {tab}", MAIN)
    page.get_by_role("link", name="Usage", exact=True).click()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    audit.check(page, "usage", MAIN)
    check_prompts(chat, audit)
    page.goto(f"{chat.url}/shared?s={token}")
    expect(page.get_by_role("heading", name="Shared")).to_be_visible()
    # The script that adds bars to code also lets it take the focus.
    expect(page.locator(".antler-code-bar").filter(visible=True).first).to_be_visible()
    chat.wait_at_rest()
    audit.check(page, "shared chat", MAIN)
    assert audit.findings == [], "\n".join(audit.findings)
