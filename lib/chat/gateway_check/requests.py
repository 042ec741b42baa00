"""Requests of a check: small prompts whose right answer and whose number of tokens are known."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lib.chat.context import window
from lib.chat.gateway_check import samples
from lib.chat.usage import cost
from lib.core import attachment_tokens
from lib.core.conversation import FilePart, Message, TextPart, Usage
from lib.core.gateway_checks import ProbeName
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target
from lib.core.tokens import ASCII_CHARS_PER_TOKEN
from lib.gateway.wires import request_body
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents
from lib.gateway.wires.models import claude_rules
from lib.gateway.wires.models.efforts import with_least_thinking

REPEATS = 400  # of a word: an inflation of 3 % is 12 tokens, and the text around it is the same in all requests
# Words of one token in every published vocabulary, of different lengths: an estimate by characters tells them apart.
REPEATED_WORDS = ("the", "people", "government")
DIGIT_COUNT = 300
SHORT_LIMIT, STOP_WORD = 24, "city"  # tokens; a word in the middle of COMMON_WORDS
_ANSWER_TOKENS, _THINKING_TOKENS = 320, 4096
CACHED_WORDS = 4_400  # more than any vendor's minimum for a prompt cache
CONTEXT_SHARE, MAX_CONTEXT_WORDS = 0.75, 750_000  # of the stated window; a halved window has lost the beginning
_WORDS_PER_LINE = 20
_CHARS_PER_WORD = sum(len(word) + 1 for word in samples.COMMON_WORDS) / len(samples.COMMON_WORDS)
NEEDLES = ("red", "green", "blue", "white", "black")  # from the start of the prompt to its end
_TOOL = "get_weather"
# Facts by the month of their news. A model whose training ended well after it knows them.
FACTS = (
    ("2022-10", "Nobel Prize in Physics 2022", "Zeilinger"),
    ("2023-10", "Nobel Prize in Physics 2023", "L'Huillier"),
    ("2024-10", "Nobel Prize in Physics 2024", "Hopfield"),
    ("2025-10", "Nobel Prize in Physics 2025", "Martinis"),
)


@dataclass(frozen=True)
class ProbeRequest:
    """A request of a check. `answer` is what the answer has to contain."""

    name: str
    messages: tuple[Message, ...]
    params: Params
    files: FileContents = field(default_factory=lambda: NO_CONTENTS)
    answer: str = ""
    extra_tokens: int = 0  # of files
    is_counted: bool = False  # also by the gateway's own count of the prompt

    def max_usage(self, target: Target) -> Usage:
        """Return the most that the request uses, for its price and its reservation."""
        text = "".join(message.text for message in self.messages)
        estimate = window.estimate_context([], text, self.params, target, None)
        usage = cost.max_usage(estimate, self.params, self.params.max_tokens)
        return replace(usage, input=(usage.input or 0) + self.extra_tokens)


_COUNTED = ("base", *(f"repeat_{word}" for word in REPEATED_WORDS), "repeat_twice")
# Requests of each probe; several probes judge the same answer.
REQUESTS: Mapping[ProbeName, tuple[str, ...]] = {
    "streaming": ("copy", "copy_2", "copy_3"),
    "usage": ("copy",),
    "speed": ("copy", "copy_2", "copy_3"),
    "model": ("copy",),
    "tokens": _COUNTED,
    "output_tokens": ("copy", "copy_2", "copy_3", "list", *_COUNTED),
    "tokenizer": ("base", "repeat_the", "digits"),
    "token_count": ("list",),
    "knowledge": ("facts",),
    "max_tokens": ("short",),
    "stop": ("stop",),
    "errors": ("wrong",),
    "thinking": ("thinking",),
    "tools": ("tools",),
    "image": ("image",),
    "pdf": ("pdf",),
    "cache": ("cache", "cache_again"),
    "n": ("alternatives",),
    "logprobs": ("logprobs",),
    "context": ("context",),
}
_OPENAI_ONLY = ("n", "logprobs")


def is_applicable(probe: str, target: Target, capabilities: Capabilities) -> bool:
    """Return False for a probe of what the wire does not have, or the model is known not to have."""
    if probe in _OPENAI_ONLY and target.wire != "openai":
        return False
    if probe in ("n", "stop") and probe in request_body.unsupported_params(target, capabilities):
        return False
    if probe == "token_count" and target.wire != "anthropic":
        return False
    if probe == "context":
        return bool(capabilities.context_window)
    known = {
        "image": capabilities.image,
        "pdf": capabilities.pdf,
        "tools": capabilities.tools,
        "thinking": capabilities.thinking,
    }
    return known.get(probe) is not False


def build_requests(
    target: Target, capabilities: Capabilities, probes: Sequence[str], seed: str, *, is_draft: bool = False
) -> dict[str, ProbeRequest]:
    """Return the requests of the applicable probes by name, each once, in the order in which they are sent.

    `seed` makes the numbers of the run: nobody can answer from an earlier one. A draft is for estimates, and has sizes
    in place of the longest texts.
    """
    numbers = random.Random(seed)  # noqa: S311  no secrets
    builder = _Builder(target, capabilities, numbers, is_draft=is_draft)
    names = [
        name
        for probe, request_names in REQUESTS.items()
        if probe in probes and is_applicable(probe, target, capabilities)
        for name in request_names
    ]
    return {name: builder.build(name) for name in dict.fromkeys(names)}


class _Builder:
    """The requests for one target; its numbers are random."""

    def __init__(
        self, target: Target, capabilities: Capabilities, numbers: random.Random, *, is_draft: bool = False
    ) -> None:
        self._target, self._capabilities, self._numbers = target, capabilities, numbers
        self._is_draft = is_draft
        self._cache_mark = numbers.randrange(10**9)  # of both requests: the first of a run finds nothing
        thinks = request_body.thinks(target, with_least_thinking(target, Params()), capabilities)
        self._room = _THINKING_TOKENS if thinks else 0

    def build(self, name: str) -> ProbeRequest:
        kind, _, variant = name.partition("_")
        builders: dict[str, Callable[[], ProbeRequest]] = {
            "copy": lambda: self._ask(name, _copy_prompt(), samples.COMMON_WORDS[-1], _ANSWER_TOKENS),
            "base": lambda: self._ask(name, _padded(""), "", is_counted=False),
            "repeat": lambda: self._repeat(name, variant),
            "list": lambda: self._ask(name, _padded(" ".join(samples.COMMON_WORDS)), "", is_counted=True),
            "digits": lambda: self._ask(name, _padded(self._digits(DIGIT_COUNT)), ""),
            "facts": lambda: self._ask(name, _facts_prompt(), "", _ANSWER_TOKENS),
            "short": lambda: replace(self._ask(name, _copy_prompt(), ""), params=self._params(SHORT_LIMIT)),
            "stop": lambda: self._ask(name, _copy_prompt(), "", _ANSWER_TOKENS, stop=(f" {STOP_WORD}",)),
            "wrong": lambda: self._ask(name, "Say hello.", "", extra=json.dumps({"temperature": 99})),
            "thinking": self._thinking,
            "tools": self._tools,
            "image": lambda: self._file(name),
            "pdf": lambda: self._file(name),
            "cache": lambda: self._cached(name),
            "alternatives": lambda: self._ask(name, "Name a fruit, in one word.", "", n=2),
            "logprobs": lambda: self._ask(name, "Say hello.", "", extra=json.dumps({"logprobs": True})),
            "context": self._context,
        }
        return builders[kind]()

    def _params(self, max_tokens: int, **fields: object) -> Params:
        params = replace(Params(max_tokens=max_tokens), **fields)  # type: ignore[arg-type]  # fields of Params
        return with_least_thinking(self._target, params)

    def _ask(
        self, name: str, text: str, answer: str, max_tokens: int = 64, *, is_counted: bool = False, **fields: object
    ) -> ProbeRequest:
        params = self._params(max_tokens + self._room, **fields)
        return ProbeRequest(name, (_question(text),), params, answer=answer, is_counted=is_counted)

    def _repeat(self, name: str, variant: str) -> ProbeRequest:
        word, count = (REPEATED_WORDS[0], 2 * REPEATS) if variant == "twice" else (variant, REPEATS)
        return self._ask(name, _padded(" ".join([word] * count)), "")

    def _digits(self, count: int) -> str:
        return "".join(self._numbers.choices("123456789", k=count))

    def _thinking(self) -> ProbeRequest:
        question = "How many prime numbers are there between 100 and 150? Think carefully, then give the number only."
        params = Params(max_tokens=2 * _THINKING_TOKENS, effort="medium")
        if self._target.wire == "anthropic" and claude_rules.is_claude(self._target.model):
            params = Params(max_tokens=2 * _THINKING_TOKENS, thinking="budget", budget=1024)
        return ProbeRequest("thinking", (_question(question),), params, answer="10")

    def _tools(self) -> ProbeRequest:
        schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        about = "Get the current weather of a city."
        if self._target.wire == "anthropic":
            tool: dict[str, object] = {"name": _TOOL, "description": about, "input_schema": schema}
        else:
            function = {"name": _TOOL, "description": about, "parameters": schema}
            tool = {"type": "function", "function": function}
        prompt = "What is the weather in Oslo now? Use the tool."
        request = self._ask("tools", prompt, _TOOL, 256, extra=json.dumps({"tools": [tool]}))
        return replace(request, extra_tokens=150)

    def _file(self, name: str) -> ProbeRequest:
        number = self._numbers.randrange(1_000, 10_000)
        if name == "image":
            part, content = samples.image_file(samples.draw_number(number))
            tokens = attachment_tokens.estimate_image(part.width or 0, part.height or 0, self._target.model)
        else:
            part, content = samples.pdf_file(samples.write_pdf(f"The number is {number}."))
            tokens = 3_000  # vendors send a page as an image, too
        request = self._ask(name, "Which number does the file show? Answer with its digits only.", str(number))
        message = Message("user", (part, *request.messages[0].parts))
        return replace(request, messages=(message,), files={part.digest: content}, extra_tokens=tokens)

    def _cached(self, name: str) -> ProbeRequest:
        words = " ".join(_line(number) for number in range(-(-CACHED_WORDS // _WORDS_PER_LINE)))
        cache = "5m" if request_body.takes_cache_control(self._target) else ""
        return self._ask(name, _padded(f"{self._cache_mark} {words}"), "", cache=cache)

    def _context(self) -> ProbeRequest:
        window_size = self._capabilities.context_window or 0
        count = min(int(window_size * CONTEXT_SHARE), MAX_CONTEXT_WORDS)
        if self._is_draft:
            tokens = int(count * _CHARS_PER_WORD / ASCII_CHARS_PER_TOKEN)
            return replace(self._ask("context", "", "", _ANSWER_TOKENS), extra_tokens=tokens)
        lines = [_line(number) for number in range(count // _WORDS_PER_LINE)]
        codes = [self._numbers.randrange(1_000, 10_000) for _ in NEEDLES]
        for index in reversed(range(len(NEEDLES))):
            place = index * len(lines) // (len(NEEDLES) - 1)
            lines.insert(place, f"The code of the {NEEDLES[index]} box is {codes[index]}.")
        boxes = ", ".join(NEEDLES)
        question = (
            f"The text above gives the codes of some boxes: {boxes}. List each box with its code, and nothing else."
        )
        answer = " ".join(map(str, codes))
        return self._ask("context", "\n".join([*lines, "", question]), answer, _ANSWER_TOKENS)


def _question(text: str, *files: FilePart) -> Message:
    return Message("user", (*files, TextPart(text)))


def _padded(text: str) -> str:
    """Return a prompt with a text that has no influence on its answer."""
    return f"Answer with the word OK only. Do not comment on the words below.\n\nWords: {text} end"


def _copy_prompt() -> str:
    return f"Copy the words below exactly, in one line, and write nothing else.\n\n{' '.join(samples.COMMON_WORDS)}"


def _facts_prompt() -> str:
    questions = "\n".join(f"{year[:4]}: one laureate of the {prize}" for year, prize, _ in FACTS)
    return (
        "Which company trained you, and what is the name of your model? Then complete the list with a family name in "
        "each line, or with a dash where you do not know it.\n\n"
        f"Company:\nModel:\n{questions}"
    )


def _line(number: int) -> str:
    """Return a line of common words, another one for each number."""
    words, start = samples.COMMON_WORDS, number * 7
    return " ".join(words[(start + index) % len(words)] for index in range(_WORDS_PER_LINE))
