"""Everything that can go wrong, as one tree with codes.

AntlerError
├── SettingError        a setting is malformed                           you
├── StoreError          the database refused or is away                  server
├── StaleTurn           an answer is still arriving in this conversation you
├── Gone                the conversation is not there (any more)         you
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
    └── Unexpected      a fault of our own; the log has the details      server

Each has a code, which is also the name of its words on the screen, says whose fault it is,
and whether trying again makes sense.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from lib.core.types import Failure, whole

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


class AnswerError(AntlerError):
    """An answer could not be had, or not whole; `detail` is the other side's own text."""

    def __init__(self, detail: str = "", *, status: int | None = None, request_id: str = "") -> None:
        self.detail = whole(detail)
        super().__init__(self.detail or self.code)
        self.status = status
        self.request_id = request_id

    def without(self, secret: str) -> AnswerError:
        """The same error with `secret` struck out of the other side's text."""
        detail = self.detail.replace(secret, "…") if secret else self.detail
        return type(self)(detail, status=self.status, request_id=self.request_id)

    def failure(self) -> Failure:
        return Failure(self.code, self.detail, self.status, self.request_id, self.retry)


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


class Overloaded(GatewayError):
    code = "overloaded"
    fault = "maker"
    retry = True


class GatewayDown(GatewayError):
    code = "gateway_down"
    retry = True


class Redirected(GatewayError):
    code = "redirected"


class Unreadable(GatewayError):
    code = "unreadable"
    retry = True


class FailedMidway(GatewayError):
    code = "failed_midway"
    fault = "maker"
    retry = True


class NetworkError(AnswerError):
    """The gateway was not reached, or fell silent."""

    code = "network"
    fault: ClassVar[Fault] = "network"
    retry = True


class Unreachable(NetworkError):
    code = "unreachable"


class TlsFailed(NetworkError):
    code = "tls_failed"


class TimedOut(NetworkError):
    code = "timed_out"


class Cut(NetworkError):
    code = "cut"


class Unexpected(AnswerError):
    """A fault of our own inside an answer; the log has the details."""

    code = "unexpected"
    retry = True
