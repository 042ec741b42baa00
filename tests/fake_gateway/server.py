"""The fake gateway as a running server."""

from __future__ import annotations

from types import TracebackType

from lib.demo import Demo

DEFAULT_PACE = 20.0


class FakeGateway(Demo):
    """A running fake gateway on a free port of 127.0.0.1; a context manager.

    `pace` divides every deliberate delay: 1 is the pace of a human reader.
    It accepts any key. Raises OSError when no port is free.
    """

    def __init__(self, pace: float = DEFAULT_PACE) -> None:
        super().__init__(pace)

    def __enter__(self) -> FakeGateway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
