"""Use of the prompt library: search, copies, and the parameters of a conversation with a persona."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from lib.core.conversation import new_id
from lib.core.params import Params, changed_params
from lib.core.prompts import MAX_NAME_CHARS, Prompt, PromptSummary

SummaryT = TypeVar("SummaryT", bound=PromptSummary)
NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def search_prompts(prompts: Sequence[SummaryT], query: str, texts: Mapping[str, str] = NO_TEXTS) -> list[SummaryT]:
    """Return the entries whose name, description or text has all words of the query, the best match first.

    `texts` are by id. Words match in any order, regardless of case and accents. Entries that match equally well keep
    their order.
    """
    words = _fold(query).split()
    scored = [(_score(prompt, words, texts.get(prompt.id, "")), prompt) for prompt in prompts]
    matches = [(score, prompt) for score, prompt in scored if score is not None]
    return [prompt for _, prompt in sorted(matches, key=lambda match: match[0])]


def copy_prompt(prompt: Prompt, name: str, now: float) -> Prompt:
    """Return a copy with a new id and another name, which is cut to its length."""
    return replace(prompt, id=new_id(), name=name[:MAX_NAME_CHARS], is_team=False, created_at=now, updated_at=now)


def persona_params(persona: Prompt, system: str) -> Params:
    """Return what a persona sets, with its filled-in text as the system prompt."""
    return replace(persona.params, system=system)


def switch_params(current: Params, previous: Params | None, new: Params | None) -> Params:
    """Return the parameters of a conversation after a change of its persona.

    What the previous persona set is reset unless the user has changed it since, what the new one sets is set, and
    all others stay. `previous` is None where it is unknown; then only the system prompt is reset.
    """
    defaults = Params()
    left = _set_values(previous) if previous else {"system": current.system}
    reset = {name: getattr(defaults, name) for name, value in left.items() if getattr(current, name) == value}
    return replace(current, **reset | (_set_values(new) if new else {}))


def _set_values(params: Params) -> dict[str, Any]:
    return {name: getattr(params, name) for name in changed_params(params)}


def _score(prompt: PromptSummary, words: Sequence[str], text: str) -> int | None:
    """Return a lower number for a better match of all words; None without a match."""
    name, description = _fold(prompt.name), _fold(prompt.description)
    missing = [word for word in words if word not in name and word not in description]
    if missing:
        text = _fold(text)
        return 3 if all(word in text for word in missing) else None
    if words and name.startswith(words[0]):
        return 0
    if all(word in name for word in words):
        return 1
    return 2


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))
