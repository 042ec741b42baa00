"""The tree of errors: drawn as it is, each with a code of its own, each code with its words."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from lib.core import errors
from lib.core.conversation import Failure
from lib.core.errors import AnswerError, AntlerError

LOCALES = Path(__file__).parents[3] / "lib" / "locale"
PLACEHOLDER = re.compile(r"{([^{}]*)}")


def below(kind: type[AntlerError]) -> list[type[AntlerError]]:
    return [kind, *(lower for child in kind.__subclasses__() for lower in below(child))]


KINDS = [kind for kind in below(AntlerError) if kind.__module__ == errors.__name__]
ANSWERS = [kind for kind in KINDS if issubclass(kind, AnswerError)]


def drawn() -> dict[str, str]:
    """The classes of the docstring's tree, each with the one that it hangs on."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│├└─ ]*)([A-Z]\w+Error|[A-Z][a-z]+(?:[A-Z][a-z]+)*)(?: {2,}|$)", line):
            depth = len(found[1]) // 4
            above[depth] = found[2]
            parents[found[2]] = above.get(depth - 1, "")
    return parents


def words(language: str) -> dict[str, str]:
    return json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn() == {
        kind.__name__: kind.__base__.__name__ if kind is not AntlerError else "" for kind in KINDS
    }


def test_every_error_that_is_raised_has_a_code_of_its_own() -> None:
    never_raised = (AntlerError, AnswerError)
    codes = [kind.code for kind in KINDS if kind not in never_raised]
    assert len(codes) == len(set(codes))
    assert all("code" in vars(kind) for kind in KINDS if kind not in never_raised)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_whose_fault_it_is(kind: type[AntlerError]) -> None:
    assert kind.fault in get_args(errors.Fault)
    assert isinstance(kind.retryable, bool)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_code_has_its_words(kind: type[AntlerError], language: str) -> None:
    assert words(language).get(f"error.{kind.code}", "").strip()


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_failure_keeps_what_the_error_knew(kind: type[AnswerError]) -> None:
    failure = kind("no", status=503, request_id="abc").to_failure()
    assert failure == Failure(kind.code, "no", 503, "abc", kind.retryable)
    assert kind("no \ud83d").detail.encode() == "no \ufffd".encode()
    assert str(kind("no")) == "no"
    assert str(kind()) == kind.code
    assert kind().to_failure().detail == ""


def test_a_secret_can_be_struck_out() -> None:
    error = errors.KeyRejected("the key sk-1 is wrong: sk-1", status=401, request_id="abc").redact("sk-1")
    assert type(error) is errors.KeyRejected
    assert (error.detail, str(error), error.status) == ("the key … is wrong: …", "the key … is wrong: …", 401)
    assert error.redact("").detail == error.detail
