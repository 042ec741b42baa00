"""Checks of a request's fields, small ones that make larger ones, each naming the field that is wrong."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from lib.demo.wire import Refused

# Called with a value and the place it stands at; raises Refused (400) where the value is wrong.
Check = Callable[[Any, str], None]


def wrong(at: str, words: str) -> NoReturn:
    """Refuse the request for what stands at that place."""
    raise Refused(400, "invalid_request_error", f"{at} {words}", param=at)


def number(least: float, most: float) -> Check:
    """A number between two bounds, both included; True is none."""

    def check(value: Any, at: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            wrong(at, f"must be a number from {least:g} to {most:g}.")

    return check


def whole(least: int, most: int = 2**53) -> Check:
    """A whole number between two bounds, both included; True is none."""

    def check(value: Any, at: str) -> None:
        if type(value) is not int or not least <= value <= most:
            span = f"from {least} to {most}" if most < 2**53 else f"of at least {least}"
            wrong(at, f"must be a whole number {span}.")

    return check


def flag(value: Any, at: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        wrong(at, "must be true or false.")


def text(least: int = 0, most: int = 2**53) -> Check:
    """A string, with bounds on its length."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str):
            wrong(at, "must be a string.")
        if len(value) < least:
            wrong(at, "must not be empty.")
        if len(value) > most:
            wrong(at, f"must have at most {most} characters.")

    return check


def one_of(*words: str) -> Check:
    """One of a few strings."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or value not in words:
            wrong(at, f"must be one of {', '.join(words)}.")

    return check


def many(of: Check, least: int = 0, most: int = 2**53) -> Check:
    """A list, with bounds on its length."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, list):
            wrong(at, "must be a list.")
        if not least <= len(value) <= most:
            wrong(at, f"must hold at least {least}." if len(value) < least else f"must hold at most {most}.")
        for place, item in enumerate(value):
            of(item, f"{at}.{place}")

    return check


def mapping(of: Check, key: Check | None = None, most: int = 2**53) -> Check:
    """An object with keys of any name."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            wrong(at, "must be an object.")
        if len(value) > most:
            wrong(at, f"must hold at most {most} keys.")
        for name, item in value.items():
            if key:
                key(name, f"{at}.{name[:80]}")
            of(item, f"{at}.{name[:80]}")

    return check


def anything(value: Any, at: str) -> None:
    """What the demo does not look into."""


def fields(known: Mapping[str, Check], *needed: str, more: bool = False, null: bool = False) -> Check:
    """An object with known keys; `more` allows others, `null` takes null for a key that is not there."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            wrong(at or "The body", "must be a JSON object.")
        before = f"{at}." if at else ""
        given = {name: item for name, item in value.items() if not (null and item is None)}
        for name in needed:
            if name not in given:
                wrong(before + name, "is required.")
        for name, item in given.items():
            if name in known:
                known[name](item, before + name)
            elif not more:
                wrong(before + name[:80], "is not permitted: there is no such field.")

    return check


def kinds(tag: str, table: Mapping[str, Check]) -> Check:
    """An object of one of several kinds; the key `tag` says which."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            wrong(at, "must be an object.")
        kind = value.get(tag)
        if not isinstance(kind, str) or kind not in table:
            wrong(f"{at}.{tag}", f"must be one of {', '.join(table)}.")
        table[kind](value, at)

    return check


def either(string: Check, other: Check) -> Check:
    """A string of one sort, or something else."""

    def check(value: Any, at: str) -> None:
        (string if isinstance(value, str) else other)(value, at)

    return check
