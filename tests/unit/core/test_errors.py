"""Error classes: the documented tree, unique codes and a text for each code."""

import json
import re
from pathlib import Path

import pytest

from lib.core import errors
from lib.core.conversation import Failure
from lib.core.errors import AnswerError, AntlerError

LOCALES = Path(__file__).parents[3] / "lib" / "locale"
PLACEHOLDER = re.compile(r"{([^{}]*)}")


def subclasses_of(error_type: type[AntlerError]) -> list[type[AntlerError]]:
    return [
        error_type,
        *(descendant for child in error_type.__subclasses__() for descendant in subclasses_of(child)),
    ]


ERROR_TYPES = [error_type for error_type in subclasses_of(AntlerError) if error_type.__module__ == errors.__name__]
ANSWER_ERROR_TYPES = [error_type for error_type in ERROR_TYPES if issubclass(error_type, AnswerError)]


def documented_parents() -> dict[str, str]:
    """Return each class of the tree in the docstring with its parent."""
    parents: dict[str, str] = {}
    ancestors: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└─ ]*)([A-Z]\w+Error|[A-Z][a-z]+(?:[A-Z][a-z]+)*)(?: {2,}|$)", line):
            depth = len(match[1]) // 4
            ancestors[depth] = match[2]
            parents[match[2]] = ancestors.get(depth - 1, "")
    return parents


def load_texts(language: str) -> dict[str, str]:
    return json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def test_the_documented_tree_matches_the_classes() -> None:
    assert documented_parents() == {
        error_type.__name__: error_type.__base__.__name__ if error_type is not AntlerError else ""
        for error_type in ERROR_TYPES
    }


def test_every_concrete_error_has_a_unique_code() -> None:
    abstract_types = (AntlerError, AnswerError)
    codes = [error_type.code for error_type in ERROR_TYPES if error_type not in abstract_types]
    assert len(codes) == len(set(codes))
    assert all("code" in vars(error_type) for error_type in ERROR_TYPES if error_type not in abstract_types)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_every_code_has_a_text(error_type: type[AntlerError], language: str) -> None:
    assert load_texts(language).get(f"error.{error_type.code}", "").strip()


@pytest.mark.parametrize("error_type", ANSWER_ERROR_TYPES)
def test_a_failure_has_the_details_of_its_error(error_type: type[AnswerError]) -> None:
    failure = error_type("no", status=503, request_id="abc").to_failure()
    assert failure == Failure(error_type.code, "no", 503, "abc", error_type.retryable)
    assert error_type("no \ud83d").detail.encode() == "no \ufffd".encode()
    assert str(error_type("no")) == "no"
    assert str(error_type()) == error_type.code
    assert error_type().to_failure().detail == ""
