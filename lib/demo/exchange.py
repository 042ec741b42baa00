"""One answer step by step: its text or the remainder of it, its deltas, and a fault."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from lib.demo.anthropic_wire import AnthropicWire
from lib.demo.deltas import ChoiceStream, interleave, split_text
from lib.demo.models import Model
from lib.demo.openai_wire import OpenAIWire
from lib.demo.request import ParsedRequest
from lib.demo.texts import ALTERNATIVE, FAULT_MARK
from lib.demo.wire import Delta, ErrorResponse, Finish, FinishReason

HEARTBEAT = b": PING\n\n"
_RATES = {"thinking": 30.0, "found": 0.8}  # deltas per second, other than those of text
_FAILURE = ("overloaded_error", "The demo fails here on purpose.")
_CONTINUE = re.compile(r"continue|继续", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """Bytes to write after `delay` seconds; when `is_cut`, half of them before the connection closes."""

    data: bytes = b""
    delay: float = 0.0
    is_cut: bool = False


class Exchange:
    """The answer of a model to a request; `error` is the fault that ended it."""

    def __init__(self, request: ParsedRequest, model: Model, wire: OpenAIWire | AnthropicWire, request_id: str) -> None:
        self.request, self.model, self.wire, self.request_id = request, model, wire, request_id
        self.error: ErrorResponse | None = None
        self.text, self.is_rest = self.select_text()
        self.choices = [self._choice(index) for index in range(request.choices)]
        self._deltas = interleave(self.choices)

    def steps(self) -> Iterator[Step]:
        """Yield the whole answer."""
        for _ in range(self.model.heartbeats):
            yield Step(HEARTBEAT, delay=1.0)
        yield Step(self.wire.opening())
        yield from self.deltas()
        if self.model.fault and not self.is_rest and not self.choices[0].is_limited:
            yield from self.break_off()
        else:
            yield self.closing()

    def deltas(self, count: int | None = None) -> Iterator[Step]:
        """Yield the next `count` deltas, or all that are left."""
        for delta in islice(self._deltas, count):
            rate = _RATES.get(delta.kind, self.model.rate)
            yield Step(self.wire.delta(delta), delay=1 / rate)

    def closing(self) -> Step:
        """Return the regular end of the answer."""
        return Step(self.wire.finish([choice.finish for choice in self.choices]) + self.wire.end())

    def break_off(self) -> Iterator[Step]:
        """Yield the fault of the model in place of the regular end."""
        if self.model.fault == "disconnect":
            yield Step(self.wire.delta(Delta(" here")), is_cut=True)
        else:
            yield Step(self.wire.failure(*self.fail(), self.request_id))

    def fail(self) -> tuple[str, str]:
        """Record the error of the middle of the answer and return its code and message."""
        self.error = ErrorResponse(500, *_FAILURE)
        return _FAILURE

    def select_text(self) -> tuple[str, bool]:
        """Return the text to send, and True when it is the rest of an earlier answer.

        An answer is continued when "continue" follows the beginning of the text that the model would send.
        """
        turns = self.request.turns
        first = len(turns) - 1
        while first and _CONTINUE.match(turns[first].question):
            first -= 1
        partial_answer = "".join(turn.answer for turn in turns[first:-1])
        text = self.model.text(replace(self.request, turns=turns[: first + 1])).replace(FAULT_MARK, "")
        if partial_answer and partial_answer != text and text.startswith(partial_answer):
            return text.removeprefix(partial_answer), True
        before, _, after = self.model.text(self.request).partition(FAULT_MARK)
        return (before if self.model.fault else before + after), False

    def _choice(self, index: int) -> ChoiceStream:
        request, model, text = self.request, self.model, self.text
        if index:
            text = ALTERNATIVE[request.is_chinese].format(index + 1, request.choices) + text
        deltas = map(Delta, split_text(text)) if self.is_rest else model.deltas(request, text)
        limits: list[tuple[int, FinishReason]] = []
        if request.max_tokens:
            limits.append((request.max_tokens, "length"))
        # A limit of length applies to the rest of an answer as well, so that it can be continued repeatedly.
        if model.limit and (model.finish == "length" or not self.is_rest):
            limits.append((model.limit, model.finish))
        finish = Finish() if model.limit or self.is_rest else Finish(model.finish)
        chosen = (replace(delta, choice=index) for delta in deltas)
        return ChoiceStream(chosen, min(limits, default=None), request.stop_sequences, finish)
