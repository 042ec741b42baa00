"""The fields of a JSON object that must be of their kind: what is wrong is told with its place."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from lib.core.errors import TransferError
from lib.transfer import coerce

_LARGEST = 2**53  # of a whole number that every reader of JSON keeps exact


class Fields:
    """An object of the file. Each field is taken once, by its kind; null is the same as left out.

    Every method raises TransferError where the field is of another kind.
    """

    def __init__(self, value: Any, place: str, counts: Counter[str]) -> None:
        if not isinstance(value, dict):
            raise TransferError("shape", place)
        self._left = dict(value)
        self._place = place
        self._counts = counts

    def wrong(self, name: str) -> TransferError:
        return TransferError("shape", f"{self._place}.{name}".lstrip("."))

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def text(self, name: str, *, needed: bool = False) -> str:
        value = self.take(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name)
        clean = coerce.text(value)
        self._counts["signs"] += clean != value
        return clean

    def line(self, name: str) -> str:
        value = self.text(name)
        cut = coerce.line(value)
        self._counts["line"] += cut != value
        return cut

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool | None):
            raise self.wrong(name)
        return bool(value)

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(name)
        if isinstance(value, int) and abs(value) >= _LARGEST or not math.isfinite(value):
            raise self.wrong(name)
        return value

    def whole(self, name: str) -> int | None:
        value = self.number(name)
        if isinstance(value, float):
            raise self.wrong(name)
        return value

    def count(self, name: str) -> int | None:
        value = self.whole(name)
        if value is not None and value < 0:
            raise self.wrong(name)
        return value

    def moment(self, name: str) -> float | None:
        """Seconds since 1970; None where the number cannot be a time, which is counted."""
        value = self.number(name)
        if value is None:
            return None
        if not 0 <= value < coerce.LATEST:
            self._counts["time"] += 1
            return None
        return float(value)

    def inside(self, name: str) -> Fields | None:
        """The object in that field."""
        value = self.take(name)
        return None if value is None else Fields(value, f"{self._place}.{name}".lstrip("."), self._counts)

    def each(self, name: str) -> list[Fields]:
        """The objects of the list in that field."""
        value = self.take(name)
        if not isinstance(value, list | None):
            raise self.wrong(name)
        start = f"{self._place}.{name}".lstrip(".")
        return [Fields(one, f"{start}[{n}]", self._counts) for n, one in enumerate(value or ())]

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.take(name)
        if not isinstance(value, list | None) or not all(isinstance(one, str) for one in value or ()):
            raise self.wrong(name)
        return tuple(map(coerce.text, value or ()))

    def ended(self) -> None:
        """Count the fields that are left: a later version of the format has them."""
        self._counts["unknown"] += len(self._left)
