"""Everything that can go wrong, as one tree with codes.

AntlerError
├── SettingError        a setting is malformed                           you
├── StoreError          the database refused or is away                  server
├── StaleTurn           an answer is still arriving in this conversation you
├── Gone                the conversation is not there (any more)         you
├── Closing             the process was told to stop                     server
├── TransferError       a file cannot be imported                        you
├── OverLimit           a limit of the team's would be passed            you
├── PriceUnknown        money is limited, and the price not known        server
├── ModelNotAllowed     the team has not opened the model to the person  you
└── AnswerError         an answer could not be had, or not whole
    ├── GatewayError    the gateway refused, in words of its own
    │   ├── KeyRefused        401, 403                                   key
    │   ├── QuotaUsedUp       403 by code, 402                           key
    │   ├── ModelUnknown      404 or 503 by code                         you
    │   ├── NotOffered        404, 405, 501: no such path                gateway
    │   ├── RequestRefused    400, 409, 422, 500 by code                 you
    │   ├── ContextTooLong    400 by type                                you
    │   ├── TooLarge          413                                        you
    │   ├── RateLimited       429                                        gateway
    │   ├── Overloaded        503, 529                                   maker
    │   ├── GatewayDown       500, 502, 504, 52x, HTML                   gateway
    │   ├── Redirected        3xx, which is not followed with a key      gateway
    │   ├── Unreadable        200, but no answer in it                   gateway
    │   └── FailedMidway      an error event inside the stream           maker
    ├── NetworkError    the gateway was not reached, or fell silent
    │   ├── Unreachable       no address, refused, reset                 network
    │   ├── TlsFailed         its certificate cannot be trusted          network
    │   ├── TimedOut          nothing came in time                       network
    │   └── Cut               the stream ended without its last event    network
    │       └── NoLastWord    its end marker came, but no reason for it  gateway
    └── Unexpected      a fault of our own; the log has the details      server

Each has a code, which is also the name of its words on the screen, says whose fault it is,
whether trying again makes sense (`retry`), and how often that may be done unasked (`repeats`).
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from lib.core.conversation import Failure
from lib.core.sanitize import whole

REPEATS = 2  # times that a request is sent again by itself, while nothing of an answer has come

Fault = Literal["you", "key", "gateway", "maker", "network", "server"]


class AntlerError(Exception):
    """The root; not raised itself."""

    code: ClassVar[str] = "unexpected"
    fault: ClassVar[Fault] = "server"
    retry: ClassVar[bool] = False


class SettingError(AntlerError):
    """A malformed setting: the message is one sentence that names it and never holds a secret."""

    code = "setting"
    fault = "you"


class StoreError(AntlerError):
    """The database refused or is away; the message is its own words."""

    code = "store"
    retry = True


class StaleTurn(AntlerError):
    """A turn was asked for while an answer is still arriving in the conversation."""

    code = "stale_turn"
    fault = "you"


class Gone(AntlerError):
    """The conversation is not there (any more), or is another's."""

    code = "gone"
    fault = "you"


class Closing(AntlerError):
    """The process was told to stop, and takes no new turns."""

    code = "closing"
    retry = True


class TransferError(AntlerError):
    """A file cannot be imported: `why` names the words for it, `place` is where in the file, or ""."""

    code = "import"
    fault = "you"

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{why}: {place}" if place else why)
        self.why = why
        self.place = whole(place)[:200]


class OverLimit(AntlerError):
    """A hard bound would be passed, so nothing was sent.

    `scope` and `name` are those of the bound, `hard` is the bound itself, `left` what may still be used of
    it and `needed` what was asked for, in its unit. It `resets` so, in seconds since 1970; `wait` are the
    seconds until then, None where waiting does not help: even the whole bound is less than what is needed.
    """

    code = "over_limit"
    fault = "you"
    retry = True

    def __init__(
        self, scope: str, name: str, hard: int, left: int, needed: int, resets: int, wait: float | None
    ) -> None:
        super().__init__(f"{scope} {name}: {needed} of {left}")
        self.scope = scope
        self.name = name
        self.hard = hard
        self.left = left
        self.needed = needed
        self.resets = resets
        self.wait = wait


class PriceUnknown(AntlerError):
    """Money is limited, and nobody knows what the model costs: unknown is never nothing."""

    code = "price_unknown"


class ModelNotAllowed(AntlerError):
    """The team has not opened the model to the person."""

    code = "model_not_allowed"
    fault = "you"


class AnswerError(AntlerError):
    """An answer could not be had, or not whole; `detail` is the other side's own text.

    `blamed` are the fields that it names as the reason, `wait` the seconds that it asks to wait before
    the next try, and `again` what it says about trying again at all, where it does.
    """

    repeats: ClassVar[int] = 0

    def __init__(self, detail: str = "", *, status: int | None = None, request_id: str = "") -> None:
        self.detail = whole(detail)
        super().__init__(self.detail or self.code)
        self.status = status
        self.request_id = request_id
        self.blamed: tuple[str, ...] = ()
        self.wait: float | None = None
        self.again: bool | None = None

    def without(self, secret: str) -> Self:
        """The same error with `secret` struck out of the other side's text."""
        if secret:
            self.detail = self.detail.replace(secret, "…")
            self.request_id = self.request_id.replace(secret, "…")
            self.args = (self.detail or self.code,)
        return self

    def failure(self) -> Failure:
        told = self.code, self.detail, self.status, self.request_id, self.retry, self.blamed, self.wait
        return Failure(*told)


class GatewayError(AnswerError):
    """The gateway refused, in words of its own."""

    code = "gateway"
    fault: ClassVar[Fault] = "gateway"


class KeyRefused(GatewayError):
    code = "key_refused"
    fault = "key"
    retry = True  # with another model, which the key may be allowed


class QuotaUsedUp(GatewayError):
    code = "quota_used_up"
    fault = "key"
    retry = True  # after a top-up


class ModelUnknown(GatewayError):
    code = "model_unknown"
    fault = "you"
    retry = True  # after another model was picked
    repeats = 1  # a channel may just have been taken out


class NotOffered(GatewayError):
    code = "not_offered"


class RequestRefused(GatewayError):
    code = "request_refused"
    fault = "you"


class ContextTooLong(GatewayError):
    code = "context_too_long"
    fault = "you"


class TooLarge(GatewayError):
    code = "too_large"
    fault = "you"


class RateLimited(GatewayError):
    code = "rate_limited"
    retry = True
    repeats = REPEATS


class Overloaded(GatewayError):
    code = "overloaded"
    fault = "maker"
    retry = True
    repeats = REPEATS


class GatewayDown(GatewayError):
    code = "gateway_down"
    retry = True
    repeats = REPEATS


class Redirected(GatewayError):
    code = "redirected"


class Unreadable(GatewayError):
    code = "unreadable"
    retry = True


class FailedMidway(GatewayError):
    code = "failed_midway"
    fault = "maker"
    retry = True
    repeats = REPEATS


class NetworkError(AnswerError):
    """The gateway was not reached, or fell silent."""

    code = "network"
    fault: ClassVar[Fault] = "network"
    retry = True


class Unreachable(NetworkError):
    code = "unreachable"
    repeats = REPEATS


class TlsFailed(NetworkError):
    code = "tls_failed"


class TimedOut(NetworkError):
    code = "timed_out"


class Cut(NetworkError):
    code = "cut"
    repeats = REPEATS


class NoLastWord(Cut):
    """The end marker came, but no reason why the answer ended: it may be whole, or cut off."""

    code = "no_last_word"
    fault = "gateway"
    repeats = 0


class Unexpected(AnswerError):
    """A fault of our own inside an answer; the log has the details."""

    code = "unexpected"
    retry = True
