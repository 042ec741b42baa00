"""The context window of a request: its estimated size, and truncation of a long path. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.core import tokens, tree
from lib.core.conversation import Message, Node, TextPart, Truncation, new_id
from lib.core.errors import AntlerError
from lib.core.params import Params
from lib.core.sanitize import parse_token_count
from lib.core.target import Target
from lib.gateway.catalog import vendors

ContextWindowLookup = Callable[[str], int | None]

WARNING_RATIO = 0.8  # of the window: from there on it is said that it fills
TRUNCATED_RATIO = (
    0.5  # of the window that is filled after the oldest is left out, so that it holds for some turns
)
DEFAULT_ANSWER_TOKENS = (
    1024  # tokens that an answer may need where no limit is set for it, at most an eighth of the window
)
# A count that is so far from the estimate was of another path: of one with turns since deleted, say.
_MAX_ESTIMATE_RATIO = 4.0
_SYSTEM_PROMPT_SLACK = 400  # tokens of a system prompt that a gateway may add by itself
_PROMPT_TOKEN_FIELDS = (
    "prompt_tokens",
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)

SUMMARY_PREFIX = "Here is a summary of our conversation up to this point, in place of its beginning:\n\n"
SUMMARY_REPLY = "Understood. I will go on from there."


@dataclass(frozen=True)
class ContextEstimate:
    """Estimated tokens of the next request, its answer included, and the context window, None if unknown.

    `is_counted` is set if the estimate starts from a count of the gateway.
    """

    tokens: int
    context_window: int | None
    is_counted: bool

    @property
    def is_over_limit(self) -> bool:
        return self.context_window is not None and self.tokens > self.context_window

    @property
    def is_near_limit(self) -> bool:
        return self.context_window is not None and self.tokens > WARNING_RATIO * self.context_window


@dataclass(frozen=True)
class TruncationPlan:
    """A truncation that fits: the turns it drops, and the estimate after it.

    The last turn always stays, so the estimate may still exceed the limit.
    """

    truncation: Truncation
    dropped_turn_count: int
    estimate: ContextEstimate


class ContextWindowExceeded(AntlerError):
    """A question does not fit into the context window of its model, so nothing was sent.

    `truncation_plan` is None where no turn can be left out.
    """

    code = "context_too_long"
    fault = "you"

    def __init__(self, estimate: ContextEstimate, truncation_plan: TruncationPlan | None) -> None:
        super().__init__(f"{estimate.tokens} of {estimate.context_window} tokens")
        self.estimate = estimate
        self.truncation_plan = truncation_plan


def unknown_context_window(_: str) -> int | None:
    """Context window lookup that knows no model."""
    return None


def first_sent_index(path: Sequence[Node], truncation: Truncation | None) -> int:
    """Return the index in the path of the first message that is sent; 0 without a truncation."""
    places = (place for place, node in enumerate(path) if truncation and node.id == truncation.start_id)
    return next(places, 0)


def summary_text(path: Sequence[Node], truncation: Truncation | None) -> str:
    """Return the summary that is sent in place of dropped messages, "" without one."""
    return truncation.summary.strip() if truncation and first_sent_index(path, truncation) else ""


def summary_messages(path: Sequence[Node], truncation: Truncation | None) -> list[Message]:
    """Return the messages that carry the summary, as a turn of their own.

    Both wires require alternating roles, and a system prompt or question that stays unchanged stays cached.
    """
    said = summary_text(path, truncation)
    if not said:
        return []
    return [
        Message("user", (TextPart(SUMMARY_PREFIX + said),)),
        Message("assistant", (TextPart(SUMMARY_REPLY),)),
    ]


def estimate_context(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    context_window: int | None,
    truncation: Truncation | None = None,
) -> ContextEstimate:
    """Estimate the tokens of a request with a question `text` behind the path, "" for the path itself.

    `context_window` is that of the model in tokens, None if unknown.
    """
    place = _find_counted_answer(path, params, target, truncation)
    if place is None:
        held = _prefix_tokens(path, params, truncation) + sum(
            map(_node_tokens, path[first_sent_index(path, truncation) :])
        )
    else:
        held = _counted_tokens(path[place]) + sum(map(_node_tokens, path[place + 1 :]))
    return ContextEstimate(
        held + tokens.estimate_message(text) + answer_tokens(params, context_window),
        context_window,
        place is not None,
    )


def plan_truncation(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    context_window: int,
    truncation: Truncation | None = None,
    extra_tokens: int = 0,
) -> TruncationPlan | None:
    """Plan to drop the oldest turns, as few as leave TRUNCATED_RATIO of the context window in use.

    `extra_tokens` are reserved, as for a summary. Returns None if no turn can be dropped.
    """
    now = first_sent_index(path, truncation)
    places = [place for place, node in enumerate(path) if node.message.role == "user" and place > now]
    if not places:
        return None
    scale = _estimate_scale(path, params, target, truncation)
    fixed = tokens.estimate(params.system) + tokens.estimate_message(text)
    rest, needs = 0, {}
    for place in range(len(path) - 1, now, -1):
        rest += _node_tokens(path[place])
        needs[place] = int(scale * (fixed + rest)) + extra_tokens + answer_tokens(params, context_window)
    start = next((place for place in places if needs[place] <= TRUNCATED_RATIO * context_window), places[-1])
    turns = 1 + sum(place < start for place in places)
    return TruncationPlan(
        Truncation(path[start].id), turns, ContextEstimate(needs[start], context_window, False)
    )


def check_fits(
    estimate: ContextEstimate,
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    truncation: Truncation | None = None,
) -> None:
    """Raise ContextWindowExceeded where the estimated request exceeds the context window."""
    if estimate.context_window is not None and estimate.is_over_limit:
        plan = plan_truncation(path, text, params, target, estimate.context_window, truncation)
        raise ContextWindowExceeded(estimate, plan)


def dropped_nodes(
    path: Sequence[Node], old_truncation: Truncation | None, new_truncation: Truncation
) -> list[Node]:
    """Return the nodes that are sent with the old truncation and dropped by the new one."""
    return list(path[first_sent_index(path, old_truncation) : first_sent_index(path, new_truncation)])


def copy_truncated(path: Sequence[Node], truncation: Truncation, now: float) -> list[Node]:
    """Return the nodes of a new conversation that starts with the sent part of the path.

    A summary becomes its first turn. `now` is the time of the first node, in seconds since 1970.
    """
    first = [Node(new_id(), None, message, now) for message in summary_messages(path, truncation)]
    return tree.copy_path(
        # What it was counted with stays behind, so that no count of it tells of the new path.
        replace(
            node,
            created_at=now + place * 1e-5,
            usage=replace(node.usage, input=None, cache_read=None, cache_write=None),
            usage_record_id="",
        )
        for place, node in enumerate([*first, *path[first_sent_index(path, truncation) :]])
    )


def answer_tokens(params: Params, context_window: int | None) -> int:
    """Return the tokens reserved for the answer."""
    if context_window is None:
        return params.max_tokens or 0
    return min(params.max_tokens or min(DEFAULT_ANSWER_TOKENS, context_window // 8), context_window)


def _node_tokens(node: Node) -> int:
    return tokens.estimate_message(node.message.text)


def _prefix_tokens(path: Sequence[Node], params: Params, truncation: Truncation | None) -> int:
    """Estimate the tokens before the messages of the path: system prompt and summary."""
    said = sum(tokens.estimate_message(message.text) for message in summary_messages(path, truncation))
    return tokens.estimate(params.system) + said


def _counted_tokens(node: Node) -> int:
    """Return the tokens of the path through a counted answer, without thinking, which is not resent."""
    usage = node.usage
    # Without a last word the count of what was said is a guess.
    said = (usage.output or 0) - (usage.reasoning or 0) if node.finish_reason else _node_tokens(node)
    return (usage.input or 0) + max(said, 0)


def _find_counted_answer(
    path: Sequence[Node], params: Params, target: Target, truncation: Truncation | None
) -> int | None:
    """Return the index of the answer whose count applies to the request; None without one.

    Counts grow from turn to turn, so a drop shows a truncation. Without a truncation, the largest count
    applies; with one, only a count after such a drop, which the first turn after the truncation does not have
    yet.
    """
    now = first_sent_index(path, truncation)
    counts = list(_prompt_counts(path, target))
    if now:
        since = next((at for at in range(now + 1, len(path)) if path[at].message.role == "user"), len(path))
        fallen = [
            place
            for (_, before), (place, input_) in zip(counts, counts[1:], strict=False)
            if input_ < before and place > since
        ]
        found = counts[-1][0] if fallen else None
    else:
        found = max(((held, place) for place, held in counts), default=(0, None))[1]
    if found is None:
        return None
    about = _prefix_tokens(path, params, truncation) + sum(map(_node_tokens, path[now : found + 1]))
    return (
        found
        if about / _MAX_ESTIMATE_RATIO
        <= _counted_tokens(path[found])
        <= about * _MAX_ESTIMATE_RATIO + _SYSTEM_PROMPT_SLACK
        else None
    )


def _prompt_counts(path: Sequence[Node], target: Target) -> Iterator[tuple[int, int]]:
    """Yield indices of answers and their input counts, by models of the same tokenizer family."""
    family = _tokenizer_family(target)
    for place, node in enumerate(path):
        held = node.usage.input
        if (
            held
            and node.usage.output is not None
            and node.target
            and _tokenizer_family(node.target) == family
        ):
            raw = node.provider_metadata.get("usage")
            told = (
                [parse_token_count(raw.get(name)) or 0 for name in _PROMPT_TOKEN_FIELDS]
                if isinstance(raw, dict)
                else []
            )
            # An answer that was gone on with has the sum of its requests, and the raw count of the last.
            if not any(told) or sum(told) >= held:
                yield place, held


def _tokenizer_family(target: Target) -> str:
    """Return the vendor: its models of one period share a tokenizer."""
    return vendors.vendor_of(target.model) or target.model


def _estimate_scale(
    path: Sequence[Node], params: Params, target: Target, truncation: Truncation | None
) -> float:
    """Return the factor by which the gateway counts more than the estimate, at least 1."""
    place = _find_counted_answer(path, params, target, truncation)
    if place is None:
        return 1.0
    about = _prefix_tokens(path, params, truncation) + sum(
        map(_node_tokens, path[first_sent_index(path, truncation) : place + 1])
    )
    return min(
        _MAX_ESTIMATE_RATIO, max(1.0, (_counted_tokens(path[place]) - _SYSTEM_PROMPT_SLACK) / max(1, about))
    )
