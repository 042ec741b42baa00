"""The style sheet of all pages."""

from __future__ import annotations

from pathlib import Path

from lib.ui.browser import scripts
from lib.ui.widgets import navigation, scroll

UI = Path(navigation.__file__).parents[1]
# Loaded by their components.
OF_COMPONENTS = {
    *Path(scripts.__file__).parent.glob("*.css"),
    Path(scroll.__file__).with_suffix(".css"),
}


def test_every_style_sheet_is_loaded_once():
    names = [UI / f"{name}.css" for name in navigation.STYLE_SHEETS]
    assert sorted(names) == sorted(set(UI.rglob("*.css")) - OF_COMPONENTS)


def test_rules_stay_in_their_file():
    """A brace too many or too few would change the rules of the files that follow."""
    for path in UI.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}"), path.name
        assert "</style" not in text, path.name
