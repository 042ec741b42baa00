"""Requests sent again with the change that a refusal names: without a parameter or thinking, with a lower limit."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.errors import AnswerError, ContextTooLong, InvalidRequest, KeyRejected, StreamError
from lib.core.params import MIN_THINKING_BUDGET
from lib.core.refused_params import (
    MAX_WORDS_LENGTH,
    NO_MEMORY,
    SENT_AGAIN,
    FieldRefusal,
    RefusedParam,
    RefusedParamMemory,
    has_field,
    is_learnable,
    leave_out,
    removable_field,
)
from lib.core.target import Target
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.errors.refused_search import is_search_refusal
from lib.gateway.wires.models import web_search
from lib.gateway.wires.models.output_limits import find_stated_limit
from lib.gateway.wires.paused_turn import TurnContent, continue_turn

_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
MAX_REPAIRS = 4  # of one request: a gateway names one parameter after the other

# Invalid signatures, and thinking that belongs to another conversation, model or account: Anthropic's wording, those
# of Gemini ("Invalid thought signature") and of gateways.
_THINKING_REFUSED = re.compile(
    r"(?:thinking|thought|reasoning|redacted)\W.{0,80}signature|signature.{0,80}(?:thinking|thought|reasoning)"
    r"|thought_?signature|bound to (?:a|an|the) (?:different|other|another)"
    r"|(?:invalid|corrupted|expired|unknown|mismatch\w*) [`'\"]?signature"
    r"|signature[`'\"]? (?:is |was |does |has )?(?:not |in)?(?:valid|match|verif|mismatch|fail|expired)"
    r"|thinking[`'\"]? (?:or [`'\"]?redacted_thinking[`'\"]? )?blocks? .{0,60}"
    r"(?:cannot be modified|must remain|invalid|not valid)"
    r"|签名.{0,10}(?:无效|错误|不匹配|失败|不合法|过期)|(?:无效|错误|非法)的?.{0,6}签名|绑定.{0,12}(?:对话|会话)",
    re.IGNORECASE | re.DOTALL,
)
_CONTENT_FIELDS = ("messages", "system", "prompt", "image", "mask")  # with what a user has said
_STREAM = re.compile(r"\bstream|partial_images|流式", re.IGNORECASE)
# Words of a program that failed, as servers pass them on: 'str' object has no attribute 'model_dump'.
_PROGRAM_FAILED = re.compile(
    r"object has no attribute|object is not |\b(?:Attribute|Type|Key)Error\b|is not a function"
)
_THINKING_BLOCKS = ("thinking", "redacted_thinking")
_THINKING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
# Other names of a field, by the end of its path in an error: names of other vendors, and of the other wire.
_ALIASES: dict[str, tuple[str, ...]] = {
    "max_output_tokens": ("max_completion_tokens", "max_tokens"),
    "max_new_tokens": ("max_completion_tokens", "max_tokens"),
    "stop": ("stop_sequences",),
    "stop_sequences": ("stop",),
    "effort": ("output_config.effort", "reasoning_effort"),
    "reasoning_effort": ("output_config.effort",),
    "user_id": ("metadata.user_id", "user"),
    "thinking_budget": ("thinking.budget_tokens",),
    "thinking_config": ("thinking",),
    "candidate_count": ("n",),
    "response_schema": ("response_format", "output_config.format"),
    "response_mime_type": ("response_format",),
}
# Names of models and codes: `gpt-5.5`, `status 400`.
_NAMES_WITH_NUMBERS = re.compile(r"[A-Za-z][\w./:]*-[\w./:-]*|\b(?:status|code)\W{0,3}\d+", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_ECHO_LENGTH = 24  # letters of a user's text in an error that cannot be a coincidence
_NOT_LETTERS = re.compile(r"[\W_]+")


class RequestRepair:
    """The body of one request, and the changes that its refusals name; each change is made once.

    `left_out` is what the model has refused before, and `notes` say what was changed, for the answer's metadata.
    """

    def __init__(self, target: Target, body: dict[str, Any], memory: RefusedParamMemory) -> None:
        self.target = target
        self._memory = memory
        self._refused = list(memory.find(target))
        self.body, self.left_out = leave_out(body, self._refused)
        self.notes: list[dict[str, str]] = []
        self._turn: TurnContent | None = None

    def watch(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield the frames of a response; those of one that may be paused are read for its continuation."""
        can_pause = self.target.wire == "anthropic" and bool(self.body.get("tools"))
        self._turn = TurnContent() if can_pause else None
        return self._turn.watch(frames) if self._turn else frames

    def continue_turn(self) -> bool:
        """Change the body to continue the turn that the last response has paused; returns False for any other."""
        content = self._turn.continuation() if self._turn else []
        if content:
            self.body = continue_turn(self.body, content)
        return bool(content)

    def repair(self, error: AnswerError) -> bool:
        """Change the body as a refusal demands; returns False if there is nothing to change."""
        if len(self.notes) >= MAX_REPAIRS:
            return False
        if self._drop_thinking(error) or self._drop_image_stream(error):
            return True
        self._learn_broken_image_stream(error)
        if error.status is not None and not 400 <= error.status < 500:
            return False
        return self._lower_output_limit(error) or self._drop_search(error) or self._drop_refused_params(error)

    def metadata(self) -> dict[str, Any]:
        """Return the changes as metadata of the answer; {} without any."""
        return {SENT_AGAIN: list(self.notes)} if self.notes else {}

    def _drop_thinking(self, error: AnswerError) -> bool:
        if not _THINKING_REFUSED.search(error.detail):
            return False
        without = without_thinking(self.body)
        if without == self.body:
            return False
        self.body = without
        self.notes.append({"reason": "thinking", "words": error.detail[:MAX_WORDS_LENGTH]})
        return True

    def _drop_image_stream(self, error: AnswerError) -> bool:
        """Ask for the whole image where its stream is refused, in any words: many gateways have none."""
        is_refused = isinstance(error, InvalidRequest | StreamError) and _STREAM.search(error.detail)
        if not self.target.makes_images or not self.body.get("stream") or not is_refused:
            return False
        self.body = {name: value for name, value in self.body.items() if name not in ("stream", "partial_images")}
        words = self._learn_stream(error)
        self.notes.append({"reason": "refused", "field": "stream", "words": words})
        return True

    def _learn_broken_image_stream(self, error: AnswerError) -> None:
        """Learn that a gateway's program fails at a stream of images, as LiteLLM 1.106 does.

        The image may have been made and billed: only the user sends the request again, then without a stream.
        """
        if self.target.makes_images and self.body.get("stream") and _PROGRAM_FAILED.search(error.detail):
            self._learn_stream(error)

    def _learn_stream(self, error: AnswerError) -> str:
        """Learn that the target refuses a stream; return the gateway's words."""
        words = error.detail[:MAX_WORDS_LENGTH]
        self._memory.learn(RefusedParam(self.target, "stream", refused_at=time.time(), words=words))
        return words

    def _lower_output_limit(self, error: AnswerError) -> bool:
        """Send the output limit that a refusal names in place of a higher one."""
        name = next((name for name in _LIMIT_FIELDS if name in self.body), "")
        sent = self.body.get(name)
        if not isinstance(error, InvalidRequest | ContextTooLong) or type(sent) is not int:
            return False
        limit = find_stated_limit(error.detail, sent)
        if limit is None:
            return False
        self.body = _with_output_limit(self.body, name, limit)
        self.notes.append(
            {"reason": "limit", "field": name, "limit": str(limit), "words": error.detail[:MAX_WORDS_LENGTH]}
        )
        return True

    def _drop_search(self, error: AnswerError) -> bool:
        """Learn that a web search is refused as such, and leave it out."""
        if not isinstance(error, InvalidRequest | KeyRejected) or not web_search.has_search(self.body):
            return False
        refused = find_refused_search(self.target, self.body, error.detail)
        if refused is None:
            return False
        self.body, _ = leave_out(self.body, [refused])
        self._refused.append(refused)
        self._memory.learn(refused)
        self.notes.append({"reason": "refused", "field": refused.field, "words": refused.words})
        return True

    def _drop_refused_params(self, error: AnswerError) -> bool:
        """Learn what a 4xx explicitly calls unsupported, and leave it out."""
        if not isinstance(error, InvalidRequest) or not 400 <= (error.status or 0) < 500:
            return False
        found = [
            refused
            for refusal in error.field_refusals
            if (refused := find_refused_param(self.target, self.body, refusal)) and refused not in self._refused
        ]
        body, applied = leave_out(self.body, [*self._refused, *found])
        if body == self.body or not found:
            return False
        self.body = body
        self._refused += found
        for refused in found:
            if refused in applied:
                self._memory.learn(refused)
                self.notes.append({"reason": "refused", "field": refused.field, "words": refused.words})
        return True


class UnchangedRequest(RequestRepair):
    """A request that is sent as it is: nothing is left out of it, and no refusal changes it."""

    def __init__(self, target: Target, body: dict[str, Any]) -> None:
        super().__init__(target, body, NO_MEMORY)

    def repair(self, error: AnswerError) -> bool:
        return False


def _with_output_limit(body: Mapping[str, Any], name: str, limit: int) -> dict[str, Any]:
    """Return the body with another output limit, and a thinking budget below it."""
    result = {**body, name: limit}
    thinking = body.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    if not isinstance(thinking, Mapping) or not isinstance(budget, int) or budget < limit:
        return result
    lowered = limit * 4 // 5
    if lowered >= MIN_THINKING_BUDGET:
        return {**result, "thinking": {**thinking, "budget_tokens": lowered}}
    del result["thinking"]
    return result


def without_thinking(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body without the thinking of earlier answers in its messages."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return dict(body)
    return {**body, "messages": [_message_without_thinking(message) for message in messages]}


def _message_without_thinking(message: Any) -> Any:
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return message
    result = {name: value for name, value in message.items() if name not in _THINKING_FIELDS}
    if isinstance(content := message.get("content"), list):
        result["content"] = [
            block for block in content if not (isinstance(block, Mapping) and block.get("type") in _THINKING_BLOCKS)
        ]
    return result


def find_refused_param(target: Target, body: Mapping[str, Any], refusal: FieldRefusal) -> RefusedParam | None:
    """Return what an error refuses, if that field was really sent, and is called so in the gateway's own words.

    Words that name the sent value are about that value: another user's may be taken. What a user sends may come
    back in an error, as the value or the name of a field. Words that repeat the user's teach nothing: else anybody
    could take a parameter away from all.
    """
    field = find_sent_field(body, refusal.name)
    beside = find_sent_field(body, refusal.beside) if refusal.beside else ""
    if not field or bool(refusal.beside) != bool(beside) or _repeats_user(body, refusal):
        return None
    if not refusal.is_any_value and not beside and _names_value(body, field, refusal.words):
        return None
    field, beside = removable_field(field), removable_field(beside)
    if field == beside or not is_learnable(target.wire, field):
        return None
    return RefusedParam(target, field, beside, time.time(), refusal.words[:MAX_WORDS_LENGTH])


def find_refused_search(target: Target, body: Mapping[str, Any], words: str) -> RefusedParam | None:
    """Return the refusal of a web search in an error's words; None for another error.

    Words that repeat a text of the messages teach nothing, as in `find_refused_param`.
    """
    tool = f"tools.{web_search.TOOL_NAME}"
    field = tool if has_field(body, tool) else web_search.OPTIONS_FIELD
    texts = {name: value for name, value in body.items() if name in ("messages", "system")}
    if not is_search_refusal(words, body.get("tools")) or _repeats_texts(texts, words):
        return None
    return RefusedParam(target, field, "", time.time(), words[:MAX_WORDS_LENGTH])


def find_sent_field(body: Mapping[str, Any], name: str) -> str:
    """Return the path of the sent field that an error's name means; "" for none, and for more than one."""
    settings = {key: value for key, value in body.items() if key not in ("model", *_CONTENT_FIELDS)}
    if "." not in name and _count_fields(settings, name) > 1:
        return ""  # one of them may be a field within Extra JSON
    paths = list(_paths(settings))
    candidates = (name, *_ALIASES.get(name.rpartition(".")[2], ()))
    for candidate in candidates:
        if candidate in paths:
            return candidate
        parts = candidate.split(".")
        # A leaf without its object, or with the tag of a union: `thinking.adaptive.display`.
        matches = [path for path in paths if _is_part(path.split("."), parts)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            return ""
    return ""


def _count_fields(value: Any, name: str) -> int:
    """Return the number of fields of that name, also in lists."""
    if isinstance(value, Mapping):
        return sum((key == name) + _count_fields(item, name) for key, item in value.items())
    return sum(_count_fields(item, name) for item in value) if isinstance(value, list) else 0


def _is_part(path: list[str], name: list[str]) -> bool:
    """Return True if the name is the end of the path, or the path with further parts in its middle."""
    if path[-len(name) :] == name:
        return True
    rest = iter(name)
    return path[0] == name[0] and path[-1] == name[-1] and all(part in rest for part in path)


def _paths(value: Mapping[str, Any], prefix: str = "", depth: int = 4) -> Iterator[str]:
    for name, item in value.items():
        yield prefix + name
        if isinstance(item, Mapping) and depth and prefix + name != "logit_bias":
            yield from _paths(item, f"{prefix}{name}.", depth - 1)


def _names_value(body: Mapping[str, Any], field: str, words: str) -> bool:
    """Return True if words hold the value that was sent, or any number."""
    value: Any = body
    for name in field.split("."):
        value = value[name]
    rest = _NAMES_WITH_NUMBERS.sub("", words)
    texts = [_letters(text) for text in _texts(value)]
    tokens = {_letters(token) for token in re.split(r"[\s'\"`=:,()“”]+", rest)}
    return bool(_NUMBER.search(rest)) or any(text in tokens for text in texts if text)


def _repeats_user(body: Mapping[str, Any], refusal: FieldRefusal) -> bool:
    settings = {name: value for name, value in body.items() if name not in ("model", *_CONTENT_FIELDS)}
    names = {name.rpartition(".")[2] for name in (refusal.name, refusal.beside) if name}
    if any(_names_field(text, name) for name in names for text in _texts(settings)):
        return True
    return _repeats_texts({**body, "model": "", "image": "", "mask": ""}, refusal.words)


def _repeats_texts(values: Mapping[str, Any], words: str) -> bool:
    """Return True if words hold a passage of the texts among the values."""
    words = _letters(words)
    sent = _letters("\0".join(_texts(values)))
    size = min(_ECHO_LENGTH, len(words))
    return size > 0 and any(words[start : start + size] in sent for start in range(len(words) - size + 1))


def _texts(value: Any) -> Iterator[str]:
    """Texts among the values, and names of fields that are no plain words."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not re.fullmatch(r"\w+", str(name)):
                yield str(name)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _names_field(text: str, name: str) -> bool:
    """Return True if a text of the user is or holds the name of a field, in any spelling."""
    letters = _letters(name)
    return letters in (_letters(text) if len(letters) > 3 else map(_letters, re.split(r"[^\w-]+", text)))


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).casefold()
