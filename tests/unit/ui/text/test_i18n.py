"""Message catalogues: same keys and placeholders in each language, complete plural forms."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from lib.ui.text import i18n
from lib.ui.text.i18n import LOCALES, TRANSLATIONS, escape_markdown, translate

PLACEHOLDER = re.compile(r"{(\w+)[^{}]*}")


def placeholders(key: str, language: str) -> set[str]:
    message = TRANSLATIONS[language][key]
    forms = [message] if isinstance(message, str) else message.values()
    return {name for form in forms for name in PLACEHOLDER.findall(form.replace("{{", "").replace("}}", ""))}


def test_languages_have_the_same_keys_in_the_same_order():
    assert list(TRANSLATIONS["en"]) == list(TRANSLATIONS["zh"])


def test_languages_have_the_same_placeholders():
    wrong = [key for key in TRANSLATIONS["en"] if placeholders(key, "en") != placeholders(key, "zh")]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_plural_forms_are_those_of_the_language(language):
    categories = {*LOCALES[language].plural_form.tags, "other"}
    plurals = {key: set(m) for key, m in TRANSLATIONS[language].items() if not isinstance(m, str)}
    assert plurals
    assert {key: forms for key, forms in plurals.items() if forms != categories} == {}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_messages_are_not_blank(language):
    messages = TRANSLATIONS[language].values()
    assert all(
        form.strip()
        for message in messages
        for form in ([message] if isinstance(message, str) else message.values())
    )


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [("en", 0, "0 chats"), ("en", 1, "1 chat"), ("en", 1200, "1,200 chats"), ("zh", 1, "1 个对话")],
)
def test_a_message_is_chosen_by_its_count(language, count, expected):
    assert translate(language, "count.chats", count=count) == expected


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        translate("en", "no.such.key")


@pytest.mark.parametrize(
    ("chosen", "browser", "expected"),
    [("zh", "en-US", "zh"), ("", "zh-TW", "zh"), ("", "fr-FR", "en"), ("xx", None, "en")],
)
def test_the_language_is_the_chosen_one_else_the_browsers_else_english(
    chosen, browser, expected, monkeypatch
):
    monkeypatch.setattr(i18n, "session_state", SimpleNamespace(language=chosen))
    monkeypatch.setattr(i18n, "st", SimpleNamespace(context=SimpleNamespace(locale=browser)))
    assert i18n.current_language() == expected


def test_markdown_is_escaped_on_one_line():
    assert escape_markdown("a *b*\n$c$") == r"a \*b\* \$c\$"
