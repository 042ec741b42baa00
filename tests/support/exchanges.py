"""Exchanges for tests, and a clock that replays them without waiting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.exchanges import KEY_PLACEHOLDER, Attempt, Chunk, Exchange, Reason
from lib.core.target import Target, Wire
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import wire_module

STARTED_AT = 1_750_000_000.0
FIRST_BYTE, INTERVAL = 0.25, 0.125  # seconds; floats that add up exactly


def split_body(body: bytes, size: int, first: float = FIRST_BYTE, interval: float = INTERVAL) -> tuple[Chunk, ...]:
    """Return a response body in chunks of a size that arrived at a steady pace."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return tuple(Chunk(first + number * interval, piece) for number, piece in enumerate(pieces))


def build_attempt(
    wire: Wire,
    body: bytes = b"",
    status: int | None = 200,
    headers: Mapping[str, str] | None = None,
    *,
    size: int = 64,
    started_after: float = 0.0,
    reason: Reason = "first",
    request: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Attempt:
    """Return an attempt whose response has this body, `started_after` seconds after the exchange."""
    chunks = split_body(body, size)
    default: dict[str, Any] = {
        "connected": 0.0625,
        "responded": None if status is None else 0.125,
        "ended": chunks[-1].offset + INTERVAL if chunks else FIRST_BYTE,
    }
    return Attempt(
        started_at=STARTED_AT + started_after,
        method="POST",
        url=f"http://127.0.0.1:9{wire_module(wire).PATH}",
        headers={"Authorization": f"Bearer {KEY_PLACEHOLDER}", "Content-Type": "application/json"},
        body=json.dumps(request or {"model": "tiny", "messages": [{"role": "user", "content": "What is it?"}]}),
        reason=reason,
        status=status,
        response_headers=headers if headers is not None else {"Content-Type": "text/event-stream"},
        chunks=chunks,
        **{**default, **fields},
    )


def build_exchange(wire: Wire, attempts: Sequence[Attempt], **fields: Any) -> Exchange:
    return Exchange(fields.pop("id", "exchange-1"), Target("tiny", wire), tuple(attempts), **fields)


class FakeClock(CancelToken):
    """A clock that a wait moves forward at once, and the token that waits on it; cancelled at `cancel_at`."""

    def __init__(self, cancel_at: float | None = None) -> None:
        super().__init__()
        self.now = 0.0
        self._cancel_at = cancel_at

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        if self._cancel_at is not None and self.now + seconds >= self._cancel_at:
            self.now = self._cancel_at
            self.cancel()
        elif not self.cancelled:
            self.now += seconds
        return self.cancelled
