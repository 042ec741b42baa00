"""Variables in the text of a prompt: `{{name}}`, with a default, several lines or a choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_VARIABLES = 20  # fields of the form; later ones stay as they are written
AUTOMATIC_VARIABLES = ("date", "time")  # filled in without a question

_NAME = r"[^\W\d_][\w -]{0,39}"
_TOKEN = re.compile(rf"\\\{{\{{|\{{\{{\s*({_NAME}?)\s*(\.\.\.|…)?\s*(?:\|([^{{}}]*))?\}}\}}")
_SEPARATOR = re.compile(r"(?<!\\);")
# Short enough that a form fits on a page, and that no field holds a book.
MAX_CHOICES, MAX_DEFAULT_CHARS = 50, 2_000


@dataclass(frozen=True)
class Variable:
    """A variable of a prompt: its default, and its `choices` or whether it takes several lines."""

    name: str
    default: str = ""
    choices: tuple[str, ...] = ()
    is_multiline: bool = False


def list_variables(text: str) -> list[Variable]:
    """Return the variables that a form asks for, in their order; of one name, the first with a default or choices."""
    variables: dict[str, Variable] = {}
    for _, variable in _tokens(text):
        if variable is None or _is_automatic(variable):
            continue
        known = variables.get(variable.name)
        if known is None and len(variables) == MAX_VARIABLES:
            continue
        if known is None or known == Variable(variable.name):
            variables[variable.name] = variable
    return list(variables.values())


def fill_template(text: str, values: Mapping[str, str]) -> str:
    r"""Replace the variables by their values or their defaults, and `\{{` by two braces.

    Values are not searched for variables. One that the form cannot ask for stays as it is written.
    """
    known = {variable.name: variable.default for variable in list_variables(text)} | dict(values)
    pieces, end = [], 0
    for match, variable in _tokens(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        pieces.append("{{" if variable is None else known.get(variable.name, match[0]))
    return "".join(pieces) + text[end:]


def has_placeholders(text: str) -> bool:
    """Return True if the text changes when it is filled: for variables, automatic ones, and escaped braces."""
    return next(_tokens(text), None) is not None


def _tokens(text: str) -> Iterator[tuple[re.Match[str], Variable | None]]:
    """Yield each variable with its match, and None for two escaped braces."""
    for match in _TOKEN.finditer(text):
        yield match, _parse_variable(match) if match[1] else None


def _parse_variable(match: re.Match[str]) -> Variable:
    name, is_multiline, default = match[1].strip(), bool(match[2]), (match[3] or "")
    choices = [_unescape(choice) for choice in _SEPARATOR.split(default)]
    if len(choices) > 1 and not is_multiline:
        distinct = tuple(dict.fromkeys(filter(None, choices)))[:MAX_CHOICES]
        return Variable(name, distinct[0] if distinct else "", distinct)
    return Variable(name, _unescape(default)[:MAX_DEFAULT_CHARS], (), is_multiline or "\n" in default.strip())


def _unescape(value: str) -> str:
    return value.replace("\\;", ";").strip()


def _is_automatic(variable: Variable) -> bool:
    return variable == Variable(variable.name) and variable.name in AUTOMATIC_VARIABLES
