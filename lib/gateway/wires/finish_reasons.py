"""Finish reasons as outcomes, and the point from which on an answer counts as finished.

Gateways pass on each other's names and those of every vendor behind them, in any case and spelling. A reason that is
not in the table does not say that the answer is whole, so it ends as interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lib.core.conversation import Outcome
from lib.core.errors import NetworkError
from lib.core.events import Event, FinishRevoked

# Names in lower case without separators and plural: MAX_TOKENS, maxTokens and max-token are one.
_REASONS_BY_OUTCOME = {
    Outcome.COMPLETE: (
        "stop end_turn stop_sequence tool_calls tool_call tool_use function_call"  # OpenAI, Anthropic, Cohere
        " complete completed eos eos_token normal word"  # Cohere, Together, TGI, Baidu, llama.cpp
        " finish finished done end end_of_turn end_of_sequence end_of_text stop_token eot eot_token im_end succeeded"
    ),
    Outcome.LENGTH: (
        "length max_tokens model_context_window_exceeded max_output_tokens"  # OpenAI, Anthropic, Gemini
        " model_length error_limit limit max_length"  # Mistral, Cohere, llama.cpp
        " max_completion_tokens max_new_tokens max_tokens_exceeded max_tokens_reached token_limit tokens_limit"
        " length_limit output_limit context_length context_length_exceeded context_window_exceeded"
        " token_limit_reached length_exceeded max_context_length context_limit truncated"
    ),
    Outcome.REFUSED: "refusal",
    Outcome.FILTERED: (
        "content_filter content_filtered guardrail_intervened"  # OpenAI, Azure, Bedrock
        " safety recitation blocklist prohibited_content spii language model_armor"  # Gemini
        " image_safety image_prohibited_content image_recitation"
        " sensitive error_toxic content_policy_violation moderation blocked"  # Zhipu, Hunyuan, Cohere, gateways
    ),
}
_OUTCOME_BY_REASON = {
    reason.replace("_", "").removesuffix("s"): outcome
    for outcome, reasons in _REASONS_BY_OUTCOME.items()
    for reason in reasons.split()
}
# DashScope sends the text "null" until the end, and others an unspecified reason.
_NO_REASON = ("null", "none", "undefined", "unspecified", "notfinished", "inprogress")


def parse_reason(value: Any) -> str:
    """Return a finish reason as the gateway spells it; "" for a value that says that there is none yet.

    SGLang's own interface wraps it in an object with a `type`.
    """
    if isinstance(value, dict):
        value = value.get("type")
    if value is None or value is False or isinstance(value, list | dict):
        return ""
    reason = str(value).strip()
    return "" if _normalize(reason) in _NO_REASON else reason


def to_outcome(reason: str) -> Outcome:
    """Return the outcome of a finish reason, INTERRUPTED for an unknown one."""
    return _OUTCOME_BY_REASON.get(_normalize(reason).removesuffix("s"), Outcome.INTERRUPTED)


def _normalize(reason: str) -> str:
    """Return the name in lower case without separators and without the name of its enumeration."""
    return re.sub(r"[^a-z]", "", reason.lower()).removeprefix("finishreason")


class FinishState:
    """The choices of an answer that have text and a finish reason, and those whose reason may be a false one.

    Some gateways send "stop" with every chunk, or with the first (new-api#378, one-api#1477, litellm#2195). So a finish
    reason is *settled*, and nothing more is expected, where text came without one before, or where the usage of
    the request has been reported; and never where text came after it.
    """

    def __init__(self) -> None:
        self.started: set[int] = set()
        self.finished: set[int] = set()
        self.is_damaged = False  # true after a broken event: part of the answer is missing
        self._with_plain_text: set[int] = set()
        self._with_late_text: set[int] = set()
        self._has_usage = False

    def add_text(self, choice: int, *, is_finish_chunk: bool = False) -> None:
        """Note content of a choice; `is_finish_chunk` where the same chunk has a finish reason."""
        self.started.add(choice)
        if choice in self.finished:
            self._with_late_text.add(choice)
        elif not is_finish_chunk:
            self._with_plain_text.add(choice)

    def add_progress(self, choice: int) -> None:
        """Note a chunk with a part of a tool call and without a finish reason."""
        self._with_plain_text.add(choice)

    def add_finish(self, choice: int) -> None:
        self.finished.add(choice)

    def add_usage(self) -> None:
        self._has_usage = True

    def add_damage(self) -> None:
        """Note a broken event; behind a settled end no text is missing."""
        self.is_damaged = self.is_damaged or not self.is_settled

    @property
    def is_finished(self) -> bool:
        """True if every choice that started has a finish reason."""
        return bool(self.finished) and self.started <= self.finished

    @property
    def is_settled(self) -> bool:
        """True if every choice has a settled finish reason: no text is missing if nothing more comes."""
        return self.is_finished and not self.is_damaged and all(map(self.is_choice_settled, self.finished))

    def is_choice_settled(self, choice: int) -> bool:
        """Return True if nothing more of a finished choice is expected."""
        return choice not in self._with_late_text and (self._has_usage or choice in self._with_plain_text)


class FinishGuard:
    """Holder of the FinishState of the current attempt, for the error handling around a parser."""

    def __init__(self) -> None:
        self.state = FinishState()

    def wrap(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield `events`; drop a NetworkError raised behind a settled end, when the answer is complete.

        Before any other NetworkError, the finish reasons that may have been false are revoked.
        """
        try:
            yield from events
        except NetworkError:
            if self.state.is_settled:
                return
            for choice in sorted(self.state.finished):
                if self.state.is_damaged or not self.state.is_choice_settled(choice):
                    yield FinishRevoked(choice)
            raise
