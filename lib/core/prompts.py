"""The prompt library: prompts and personas of a user or of the team."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeGuard

from lib.core.params import Params
from lib.core.target import Target

PromptKind = Literal["prompt", "persona"]
PROMPT_KINDS: tuple[PromptKind, ...] = ("prompt", "persona")

MAX_PROMPTS = 1_000  # of one user
MAX_NAME_CHARS = 80
MAX_DESCRIPTION_CHARS = 300
MAX_TEXT_CHARS = 50_000
MAX_GREETING_CHARS = 500
MAX_SUGGESTIONS = 6
MAX_SUGGESTION_CHARS = 300
_MAX_INITIALS = 2
_REGION = "[\U0001f1e6-\U0001f1ff]"
_SIGN = "[\u00a9\u00ae\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?\ufe0f?"
# A flag of two letters, a key, or a sign that others are joined to, with the letters of a region's flag.
_EMOJI = re.compile(
    f"{_REGION}{{2}}|[0-9#*]\ufe0f?\u20e3|{_SIGN}(?:\u200d{_SIGN}){{0,4}}[\U000e0020-\U000e007f]{{0,7}}"
)


@dataclass(frozen=True)
class Persona:
    """The face of an answer: name and avatar of a persona, copied when it was chosen.

    `prompt_id` is its entry in the library, which may have changed or be gone.
    """

    name: str
    avatar: str = ""
    prompt_id: str = ""


@dataclass(frozen=True)
class PromptSummary:
    """An entry of the library as it is listed, without its text."""

    id: str
    kind: PromptKind
    name: str
    description: str = ""
    avatar: str = ""
    is_team: bool = False
    updated_at: float = 0.0


@dataclass(frozen=True)
class Prompt(PromptSummary):
    """An entry of the library; times are in seconds since 1970.

    The `text` of a prompt is a question, that of a persona its system prompt; both may contain variables. `params`
    has no system prompt for a persona. Avatar, greeting and suggested questions belong to personas.
    """

    text: str = ""
    greeting: str = ""
    suggestions: tuple[str, ...] = ()
    target: Target | None = None
    params: Params = Params()
    created_at: float = 0.0


@dataclass(frozen=True)
class PromptLink:
    """A link to a snapshot of an entry; `id` identifies it to its owner, and does not open it."""

    id: str
    prompt_id: str
    created_at: float


def build_prompt(kind: str, name: str, text: str, description: str = "", **values: Any) -> Prompt | None:
    """Build an entry of untrusted texts; `values` are other fields of `Prompt`.

    Lines are cut to their length. None without a kind, a name or a text, and for a text that is too long.
    """
    name, text = clean_name(name), text.strip()
    if not is_prompt_kind(kind) or not name or not text or len(text) > MAX_TEXT_CHARS:
        return None
    prompt = Prompt(**{"id": "", **values}, kind=kind, name=name, text=text, description=_clean_line(description))
    if kind == "prompt":
        return replace(prompt, avatar="", greeting="", suggestions=())
    suggestions = dict.fromkeys(_clean_line(question, MAX_SUGGESTION_CHARS) for question in prompt.suggestions)
    return replace(
        prompt,
        avatar=clean_avatar(prompt.avatar),
        greeting=prompt.greeting.strip()[:MAX_GREETING_CHARS].rstrip(),
        suggestions=tuple(filter(None, suggestions))[:MAX_SUGGESTIONS],
        params=replace(prompt.params, system=""),
    )


def is_prompt_kind(name: str) -> TypeGuard[PromptKind]:
    return name in PROMPT_KINDS


def clean_name(text: str) -> str:
    """Return a name on one line, cut to its length."""
    return _clean_line(text, MAX_NAME_CHARS)


def _clean_line(text: str, max_chars: int = MAX_DESCRIPTION_CHARS) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def clean_avatar(text: str) -> str:
    """Return an avatar of one or two letters, or of one emoji; "" for anything else."""
    avatar = text.strip()
    if len(avatar) <= _MAX_INITIALS and avatar.isalnum():
        return avatar
    return avatar if _EMOJI.fullmatch(avatar) else ""


def initials(name: str) -> str:
    """Return the first letters of a name's first two words, for a badge; of a name in Chinese its first sign."""
    words = ["".join(filter(str.isalnum, word)) for word in name.split()]
    first, *others = [word for word in words if word] or ["?"]
    letters = first[0] + (others[0][0] if others and first[0].upper() != first[0].lower() else "")
    return letters.upper()
