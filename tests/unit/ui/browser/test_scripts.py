"""Scripts of the page: the table of keyboard shortcuts, and what the scripts may use."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

from lib.ui.browser import scripts
from lib.ui.text import translate

FOLDER = Path(scripts.__file__).parent
MODIFIERS = {"mod", "ctrl", "shift"}
# What a browser does not leave to a page, or where it is missed: tabs, windows, reload, find, print, private window,
# developer tools, zoom, address bar, clearing of data.
BROWSER_KEYS = {
    *(f"mod+{key}" for key in "acdefhjlmnopqrstuvwxyz0+-"),
    *(f"mod+shift+{key}" for key in "bdgijmnpqrtvwz"),
    "mod+shift+delete",
}


def test_every_combination_of_keys_has_one_action_and_leaves_the_browser_its_own():
    combinations = list(chain.from_iterable(scripts.SHORTCUTS.values()))
    assert len(combinations) == len(set(combinations))
    assert BROWSER_KEYS.isdisjoint(combinations)


def test_no_shortcut_has_a_modifier_that_types_characters():
    for combination in chain.from_iterable(scripts.SHORTCUTS.values()):
        *modifiers, _ = combination.split("+")
        assert set(modifiers) <= MODIFIERS, combination
        # AltGr is Ctrl and Alt: also a rule that no shortcut has Ctrl twice.
        assert not {"mod", "ctrl"} <= set(modifiers), combination


def test_every_shortcut_has_a_label_in_both_languages():
    for language in ("en", "zh"):
        labels = [translate(language, f"shortcuts.{action}") for action in scripts.SHORTCUTS]
        assert len(set(labels)) == len(labels) and all("shortcuts." not in label for label in labels)


def test_every_script_removes_the_listeners_that_it_adds():
    added, removed = re.compile(r"(?<!remove)addEventListener\((\"[\w:]+\", \w+)"), "removeEventListener({}"
    for path in FOLDER.glob("*.js"):
        source = path.read_text(encoding="utf-8")
        for listener in added.findall(source):
            assert removed.format(listener) in source, (path.name, listener)


def test_a_component_begins_with_the_shared_script_and_has_one_default_function():
    for name, parts in (
        ("keys", ("typing", "actions")),
        *((name, ()) for name in ("focus", "answer_status", "list_keys", "selected_text")),
    ):
        sources = [(FOLDER / f"{part}.js").read_text(encoding="utf-8") for part in ("dom", *parts, name)]
        assert sum(source.count("export default") for source in sources) == 1
        declared = re.findall(r"^(?:const|let|function) (\w+)", "\n".join(sources), re.MULTILINE)
        assert len(declared) == len(set(declared)), name
