"""Message catalogues: same keys and placeholders in each language, complete plural forms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib.core.params import PARAM_FIELDS
from lib.ui.text import i18n
from lib.ui.text.i18n import LOCALES, TRANSLATIONS, escape_markdown, translate

PLACEHOLDER = re.compile(r"{(\w+)[^{}]*}")


def placeholders(key: str, language: str) -> set[str]:
    message = TRANSLATIONS[language][key]
    forms = [message] if isinstance(message, str) else message.values()
    return {name for form in forms for name in PLACEHOLDER.findall(form.replace("{{", "").replace("}}", ""))}


def list_texts(language: str) -> list[str]:
    messages = TRANSLATIONS[language].values()
    return [form for message in messages for form in ([message] if isinstance(message, str) else message.values())]


def test_languages_have_the_same_keys_in_the_same_order():
    assert list(TRANSLATIONS["en"]) == list(TRANSLATIONS["zh"])


def test_languages_have_the_same_placeholders():
    different = [key for key in TRANSLATIONS["en"] if placeholders(key, "en") != placeholders(key, "zh")]
    assert different == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_plural_forms_are_those_of_the_language(language):
    categories = {*LOCALES[language].plural_form.tags, "other"}
    plurals = {key: set(message) for key, message in TRANSLATIONS[language].items() if not isinstance(message, str)}
    assert plurals
    assert {key: forms for key, forms in plurals.items() if forms != categories} == {}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_messages_are_not_blank(language):
    assert all(form.strip() for form in list_texts(language))


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [("en", 0, "0 chats"), ("en", 1, "1 chat"), ("en", 1200, "1,200 chats"), ("zh", 1, "1 个对话")],
)
def test_a_message_is_chosen_by_its_count(language, count, expected):
    assert translate(language, "count.chats", count=count) == expected


@pytest.mark.parametrize("language, words", [("en", r"\b(?:conversations?|wires?)\b"), ("zh", "您|会话|聊天|令牌")])
def test_the_page_has_one_word_for_a_thing(language, words):
    texts = re.sub(r"\{[^{}]*\}", "", "\n".join(list_texts(language)))
    assert not re.findall(words, texts, re.IGNORECASE)


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        translate("en", "no.such.key")


@pytest.mark.parametrize(
    ("chosen", "browser", "expected"),
    [("zh", "en-US", "zh"), ("", "zh-TW", "zh"), ("", "fr-FR", "en"), ("xx", None, "en")],
)
def test_the_language_is_selected_or_of_the_browser_or_english(chosen, browser, expected, monkeypatch):
    monkeypatch.setattr(i18n, "session_state", SimpleNamespace(language=chosen))
    monkeypatch.setattr(i18n, "st", SimpleNamespace(context=SimpleNamespace(locale=browser)))
    assert i18n.current_language() == expected


def test_a_run_of_the_script_looks_its_language_up_once(monkeypatch):
    state = SimpleNamespace(language="zh")
    monkeypatch.setattr(i18n, "session_state", state)

    def run() -> tuple[str, str]:
        i18n.set_run_language()
        state.language = "en"
        return i18n.current_language(), i18n.t("language")

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(run).result() == ("zh", translate("zh", "language"))
    # Other threads, such as those of other sessions, have their own.
    assert i18n.current_language() == "en"


def test_markdown_is_escaped_on_one_line():
    assert escape_markdown("a *b*\n$c$") == r"a \*b\* \$c\$"
    # Streamlit would show an icon, its logo and an arrow for the resolved text.
    assert escape_markdown(":material/home: :streamlit:") == r"\:m:color[a]terial/home\: \:s:color[t]reamlit\:"
    assert escape_markdown(":material_home:") == r"\:m:color[a]terial\_home\:"
    assert escape_markdown("a -> b -- c") == r"a \-:color[\>] b \-:color[\-] c"
    assert escape_markdown("a->b material/x") == r"a\-\>b material/x"


ROOT = Path(__file__).parents[4]
SOURCE_FILES = [path for folder in ("lib", "pages") for path in (ROOT / folder).rglob("*.py")]


@cache
def source_nodes() -> list[ast.Call | ast.Constant | ast.JoinedStr]:
    """Return the calls and strings of the program."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE_FILES)
    kinds = ast.Call | ast.Constant | ast.JoinedStr
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)]


def string_pattern(node: ast.expr) -> str:
    """Regular expression of a string constant, or of all that a formatted string can become."""
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in node.values)
    return re.escape(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def string_patterns() -> Iterator[str]:
    """Regular expressions of all strings in the program."""
    return (string_pattern(node) for node in source_nodes() if not isinstance(node, ast.Call))


def test_every_message_is_used():
    patterns = [pattern for pattern in set(string_patterns()) if re.match(r"[a-z_]+(\\\.|$)", pattern)]
    used = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    choices = {f"{field.name}.{choice}" for field in PARAM_FIELDS for choice in field.choices}
    assert [key for key in TRANSLATIONS["en"] if not used.fullmatch(key) and key not in choices] == []


def translated_keys() -> Iterator[str]:
    """Regular expressions of the keys in calls of `t`."""
    for node in source_nodes():
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t"
        if is_call and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            yield string_pattern(node.args[0])


def test_every_key_in_the_program_has_a_message():
    keys = "\n".join(TRANSLATIONS["en"])
    patterns = set(translated_keys())
    assert [pattern for pattern in patterns if not re.search(rf"^(?:{pattern})$", keys, re.MULTILINE)] == []
