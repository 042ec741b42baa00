"""The fields of a JSON object that must be of their kind: what is wrong is told with its place."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from lib.core.errors import TransferError
from lib.transfer import coerce

_MAX_SAFE_INTEGER = 2**53  # of a whole number that every reader of JSON keeps exact


class FieldReader:
    """An object of the file. Each field is taken once, by its kind; null is the same as left out.

    Every method raises TransferError where the field is of another kind.
    """

    def __init__(self, value: Any, path: str, issues: Counter[str]) -> None:
        if not isinstance(value, dict):
            raise TransferError("shape", path)
        self._remaining = dict(value)
        self._path = path
        self._issues = issues

    def shape_error(self, name: str) -> TransferError:
        return TransferError("shape", f"{self._path}.{name}".lstrip("."))

    def pop(self, name: str) -> Any:
        return self._remaining.pop(name, None)

    def read_text(self, name: str, *, required: bool = False) -> str:
        value = self.pop(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            raise self.shape_error(name)
        clean = coerce.as_text(value)
        self._issues["signs"] += clean != value
        return clean

    def read_line(self, name: str) -> str:
        value = self.read_text(name)
        cut = coerce.as_line(value)
        self._issues["line"] += cut != value
        return cut

    def read_bool(self, name: str) -> bool:
        value = self.pop(name)
        if not isinstance(value, bool | None):
            raise self.shape_error(name)
        return bool(value)

    def read_number(self, name: str) -> float | None:
        value = self.pop(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.shape_error(name)
        if isinstance(value, int) and abs(value) >= _MAX_SAFE_INTEGER or not math.isfinite(value):
            raise self.shape_error(name)
        return value

    def read_integer(self, name: str) -> int | None:
        value = self.read_number(name)
        if isinstance(value, float):
            raise self.shape_error(name)
        return value

    def read_count(self, name: str) -> int | None:
        value = self.read_integer(name)
        if value is not None and value < 0:
            raise self.shape_error(name)
        return value

    def read_timestamp(self, name: str) -> float | None:
        """Seconds since 1970; None where the number cannot be a time, which is counted."""
        value = self.read_number(name)
        if value is None:
            return None
        if not 0 <= value < coerce.MAX_TIMESTAMP:
            self._issues["time"] += 1
            return None
        return float(value)

    def read_object(self, name: str) -> FieldReader | None:
        """The object in that field."""
        value = self.pop(name)
        return None if value is None else FieldReader(value, f"{self._path}.{name}".lstrip("."), self._issues)

    def read_objects(self, name: str) -> list[FieldReader]:
        """The objects of the list in that field."""
        value = self.pop(name)
        if not isinstance(value, list | None):
            raise self.shape_error(name)
        start = f"{self._path}.{name}".lstrip(".")
        return [FieldReader(one, f"{start}[{n}]", self._issues) for n, one in enumerate(value or ())]

    def read_texts(self, name: str) -> tuple[str, ...]:
        value = self.pop(name)
        if not isinstance(value, list | None) or not all(isinstance(one, str) for one in value or ()):
            raise self.shape_error(name)
        return tuple(map(coerce.as_text, value or ()))

    def count_unknown_fields(self) -> None:
        """Count the fields that are left: a later version of the format has them."""
        self._issues["unknown"] += len(self._remaining)
