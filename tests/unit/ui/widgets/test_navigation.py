"""The pages of the app, and the style sheet of all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from lib.ui.browser import scripts
from lib.ui.widgets import navigation, scroll

UI = Path(navigation.__file__).parents[1]
# Loaded by their components.
OF_COMPONENTS = {
    *Path(scripts.__file__).parent.glob("*.css"),
    Path(scroll.__file__).with_suffix(".css"),
}


@pytest.fixture
def built(monkeypatch) -> Iterator[list[str]]:
    """The titles of the pages that are built."""
    titles: list[str] = []

    def build(path: str, title: str, *, default: bool) -> SimpleNamespace:
        titles.append(title)
        return SimpleNamespace(path=path, title=title, default=default, may_run=False)

    monkeypatch.setattr(st, "Page", build)
    navigation._build_pages.cache_clear()
    yield titles
    navigation._build_pages.cache_clear()


def test_each_run_has_pages_of_its_own_in_its_language(built, monkeypatch):
    listed = []
    for language in ("en", "zh", "en"):
        monkeypatch.setattr(navigation, "current_language", lambda language=language: language)
        listed.append(navigation.list_pages())
        assert not any(page.may_run for page in listed[-1])
        listed[-1][0].may_run = True
    english, chinese, again = ([page.title for page in pages] for pages in listed)
    assert english == again != chinese and len(built) == 2 * len(english)
    assert [page.path for page in listed[0] if page.default] == [navigation.CHAT_PAGE]


def test_every_style_sheet_is_loaded_once():
    names = [UI / f"{name}.css" for name in navigation.STYLE_SHEETS]
    assert sorted(names) == sorted(set(UI.rglob("*.css")) - OF_COMPONENTS)


def test_rules_stay_in_their_file():
    """A brace too many or too few would change the rules of the files that follow."""
    for path in UI.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}"), path.name
        assert "</style" not in text, path.name
