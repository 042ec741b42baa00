"""Answers of the fake gateway: continuations in unusual forms, and faults as functions."""

from __future__ import annotations

from collections.abc import Iterator

from lib.demo import texts
from lib.demo.exchange import Exchange, Step
from lib.demo.wire import OPENAI
from tests.fake_gateway import json_schema

PAUSE_MODEL, REPEAT_MODEL = "demo-pause-turn", "demo-repeats"
_REPEATED_CHARACTERS = 40


class FakeExchange(Exchange):
    """An answer that may be JSON, pause, or repeat itself; faults and plays are functions of it."""

    def steps(self) -> Iterator[Step]:
        return self.model.play(self) if self.model.play else super().steps()

    def break_off(self) -> Iterator[Step]:
        return self.model.fault(self) if callable(self.model.fault) else super().break_off()

    def select_text(self) -> tuple[str, bool]:
        request = self.request
        schema = json_schema.requested_schema(request.body)
        if schema is not None:
            return json_schema.json_answer(schema, request.question), False
        given = request.turns[-1].answer
        if request.model == PAUSE_MODEL and given:
            return self.model.text(request).replace(texts.FAULT_MARK, "").removeprefix(given), True
        text, is_rest = super().select_text()
        if is_rest and request.model == REPEAT_MODEL:
            text = request.turns[-2].answer[-_REPEATED_CHARACTERS:] + text
        return text, is_rest

    @property
    def is_openai(self) -> bool:
        """True for /v1/chat/completions."""
        return self.request.path == OPENAI
