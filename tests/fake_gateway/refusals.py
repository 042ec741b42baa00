"""How the demo gateway refuses a request before it answers: each error in the shape real gateways give it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.demo.pieces import tokens
from lib.demo.wire import Refused, Reset, Shape

ELSEWHERE = "/elsewhere"

_AS_STREAM = (("Content-Type", "text/event-stream"),)


def _any(body: Mapping[str, Any]) -> bool:
    return True


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda body: all(body.get(name) is not None for name in names)


def _longer(most: int) -> Callable[[Mapping[str, Any]], bool]:
    """Whether the prompt alone is longer than so many tokens, by the demo's own count."""
    return lambda body: sum(tokens(text) for text in _texts(body)) > most


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for message in ({"content": body.get("system")}, *body.get("messages", ())):
        content = message.get("content") or ""
        parts = [{"text": content}] if isinstance(content, str) else content
        yield from (str(part.get("text") or "") for part in parts)


@dataclass(frozen=True)
class Refusal:
    """One way to refuse: always, or so many `times` and then no more, or only `when` the body is such.

    A status of 0 means no answer at all.
    """

    status: int
    code: str = ""
    message: str = ""
    shape: Shape = "own"
    headers: tuple[tuple[str, str], ...] = ()
    param: str | None = None
    times: int | None = None
    when: Callable[[Mapping[str, Any]], bool] = _any

    def made(self) -> Refused | Reset:
        """Return what is to be raised."""
        if not self.status:
            return Reset()
        return Refused(self.status, self.code, self.message, dict(self.headers), self.shape, self.param)


_OVERLOADED = ("overloaded_error", "The demo is overloaded for a moment. Try again.")
_RATE = "rate_limit_error"

BUSY = Refusal(429, _RATE, "This model is always busy. The demo has others.", headers=(("Retry-After", "2"),))
BUSY_TWICE = Refusal(
    429, _RATE, "Busy; the third try will be answered.", headers=(("Retry-After", "2"),), times=2
)
BUSY_FOR_AN_HOUR = Refusal(429, _RATE, "Busy for an hour.", headers=(("Retry-After", "3600"),))
BUSY_IN_SILENCE = Refusal(429, shape="empty")
OVERLOADED_ONCE = Refusal(503, *_OVERLOADED, times=1)
OVERLOADED = Refusal(529, *_OVERLOADED)
FAILED_ONCE = Refusal(500, "do_request_failed", "The upstream did not answer.", "gateway", times=1)
RESET_ONCE = Refusal(0, times=1)

PAGE = Refusal(502, "502 Bad Gateway", "No answer from upstream.", "page")
WRONG_KEY = Refusal(401, "", "The demo takes this key for a wrong one.", "gateway")
NO_BALANCE = Refusal(403, "insufficient_user_quota", "The balance of the key is too low.", "gateway")
NO_CHANNEL = Refusal(503, "model_not_found", "Nothing serves this model for the group of the key.", "gateway")
INVALID_AS_500 = Refusal(500, "invalid_request", "The demo says that the request is wrong.", "gateway")
TOO_LONG = Refusal(
    400,
    "context_length_exceeded",
    "This model's maximum context length is 8192 tokens, and the conversation is longer.",
    param="messages",
)
OVER_800 = Refusal(
    400,
    "context_length_exceeded",
    "This model's maximum context length is 800 tokens, and the conversation is longer.",
    param="messages",
    when=_longer(800),
)
NO_TEMPERATURE = Refusal(
    400,
    "unsupported_parameter",
    "temperature is not supported with this model.",
    param="temperature",
    when=_has("temperature"),
)
ONE_SAMPLER = Refusal(
    400,
    "invalid_request_error",
    "temperature and top_p cannot both be specified for this model. Please use only one.",
    "nested",
    when=_has("temperature", "top_p"),
)
FOREIGN = Refusal(400, "invalid_request_error", "This error comes in the other format's shape.", "foreign")
DETAIL = Refusal(422, "missing", "The demo calls this field missing.", "detail")

ERROR_AS_200 = Refusal(200, "upstream_error", "An error, although the status is 200.", "gateway")
PAGE_AS_200 = Refusal(200, "Please sign in", "A proxy shows this page in place of an answer.", "page")
ERROR_AS_STREAM = Refusal(500, "api_error", "The upstream failed.", headers=_AS_STREAM)
NO_BODY = Refusal(200, shape="empty", headers=_AS_STREAM)
REDIRECT = Refusal(302, "302 Found", "It is elsewhere.", "page", headers=(("Location", ELSEWHERE),))
