"""The context window of a request: its estimated size, and truncation of a long path. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lib.core import image_tokens, tokens, tree
from lib.core.conversation import Message, Node, OtherPart, TextPart, ThinkingPart, Truncation, Usage, new_id
from lib.core.errors import AntlerError
from lib.core.params import Params
from lib.core.sanitize import parse_token_count
from lib.core.target import Target
from lib.core.web_search import SEARCH_KIND
from lib.gateway.catalog import vendors
from lib.gateway.wires.models import image_rules

WARNING_RATIO = 0.8  # of the context window; above it the user is warned
TRUNCATED_RATIO = 0.5  # of the context window in use after a truncation, which leaves room for some turns
DEFAULT_ANSWER_TOKENS = 1024  # reserved without max_tokens; at most an eighth of the context window
# A count that differs more from the estimate belongs to another path, e.g. one with turns deleted since.
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

    `is_counted` is set if the estimate starts from a count of the gateway, to which `uncounted_tokens` are added. For a
    request for `image_count` images, `image_tokens` are expected for each of them, and `max_image_tokens` are the most;
    `image_input_tokens` are those of the images that it sends.
    """

    tokens: int
    context_window: int | None
    is_counted: bool
    image_count: int = 0
    image_tokens: int = 0
    max_image_tokens: int = 0
    image_input_tokens: int = 0
    uncounted_tokens: int = field(default=0, compare=False)

    @property
    def is_over_limit(self) -> bool:
        return self.context_window is not None and self.tokens > self.context_window

    @property
    def is_near_limit(self) -> bool:
        return self.context_window is not None and self.tokens > WARNING_RATIO * self.context_window


@dataclass(frozen=True)
class FileTokens:
    """Estimated tokens of the files of a request: those of messages by node id, and those of a new question."""

    by_node: Mapping[str, int] = field(default_factory=dict)
    question: int = 0


NO_FILE_TOKENS = FileTokens()


@dataclass(frozen=True)
class TruncationPlan:
    """A truncation that fits: the turns it drops, and the estimate after it.

    The last turn always stays, so the estimate may still exceed the limit.
    """

    truncation: Truncation
    dropped_turn_count: int
    estimate: ContextEstimate


class ContextWindowExceeded(AntlerError):
    """A question does not fit into the context window of its model, so nothing was sent."""

    code = "context_too_long"

    def __init__(self, estimate: ContextEstimate) -> None:
        super().__init__(f"{estimate.tokens} of {estimate.context_window} tokens")
        self.estimate = estimate


def first_sent_index(path: Sequence[Node], truncation: Truncation | None) -> int:
    """Return the index in the path of the first message that is sent; 0 without a truncation."""
    indices = (index for index, node in enumerate(path) if truncation and node.id == truncation.start_id)
    return next(indices, 0)


def summary_text(path: Sequence[Node], truncation: Truncation | None) -> str:
    """Return the summary that is sent in place of dropped messages, "" without one."""
    return truncation.summary.strip() if truncation and first_sent_index(path, truncation) else ""


def summary_messages(path: Sequence[Node], truncation: Truncation | None) -> list[Message]:
    """Return the messages that carry the summary, as a turn of their own.

    Both wires require alternating roles, and a system prompt or question that stays unchanged stays cached.
    """
    summary = summary_text(path, truncation)
    if not summary:
        return []
    return [
        Message("user", (TextPart(SUMMARY_PREFIX + summary),)),
        Message("assistant", (TextPart(SUMMARY_REPLY),)),
    ]


def build_messages(path: Sequence[Node], truncation: Truncation | None = None) -> list[Message]:
    """Return the messages that a target is sent for a path, without the thinking of earlier answers."""
    return summary_messages(path, truncation) + [
        replace(
            node.message,
            parts=tuple(part for part in node.message.parts if not isinstance(part, ThinkingPart)),
        )
        for node in path[first_sent_index(path, truncation) :]
    ]


def estimate_context(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    context_window: int | None,
    truncation: Truncation | None = None,
    files: FileTokens = NO_FILE_TOKENS,
) -> ContextEstimate:
    """Estimate the tokens of a request with a question `text` behind the path, "" for the path itself.

    `context_window` is that of the model in tokens, None if unknown. Of a request for images, only the last question
    is sent.
    """
    if target.makes_images:
        return _estimate_images(path, text, image_rules.adapt_params(target.model, params)[0], files)
    counted = _find_counted_answer(path, params, target, truncation, files)
    if counted is None:
        counted_tokens, start = _prefix_tokens(path, params, truncation), first_sent_index(path, truncation)
    else:
        counted_tokens, start = _counted_tokens(path[counted]), counted + 1
    new_tokens = _path_tokens(path[start:], files) + tokens.estimate_message(text) + files.question
    return ContextEstimate(
        counted_tokens + new_tokens + answer_tokens(params, context_window),
        context_window,
        counted is not None,
        uncounted_tokens=0 if counted is None else new_tokens,
    )


def _estimate_images(path: Sequence[Node], text: str, params: Params, files: FileTokens) -> ContextEstimate:
    question = next((node for node in reversed(path) if node.message.role == "user"), None)
    input_tokens = files.question
    if not text and question and not input_tokens:
        text, input_tokens = question.message.text, files.by_node.get(question.id, 0)
    prompt_tokens = tokens.estimate(text) + input_tokens
    each, most = image_tokens.estimate_generated(params), image_tokens.max_generated(params)
    count = params.n or 1
    return ContextEstimate(prompt_tokens + each * count, None, False, count, each, most, input_tokens)


def plan_truncation(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    context_window: int,
    truncation: Truncation | None = None,
    extra_tokens: int = 0,
    files: FileTokens = NO_FILE_TOKENS,
) -> TruncationPlan | None:
    """Plan to drop the oldest turns, as few as leave TRUNCATED_RATIO of the context window in use.

    `extra_tokens` are reserved, as for a summary. Returns None if no turn can be dropped.
    """
    old_start = first_sent_index(path, truncation)
    questions = [index for index, node in enumerate(path) if node.message.role == "user" and index > old_start]
    if not questions:
        return None
    scale = _estimate_scale(path, params, target, truncation, files)
    fixed = tokens.estimate(params.system) + tokens.estimate_message(text) + files.question
    reserved = extra_tokens + answer_tokens(params, context_window)
    message_tokens, totals = 0, {}  # totals: tokens of a request that starts at an index of the path
    for index in range(len(path) - 1, old_start, -1):
        message_tokens += _path_tokens(path[index : index + 1], files)
        totals[index] = int(scale * (fixed + message_tokens)) + reserved
    limit = TRUNCATED_RATIO * context_window
    start = next((index for index in questions if totals[index] <= limit), questions[-1])
    turns = 1 + sum(index < start for index in questions)
    return TruncationPlan(Truncation(path[start].id), turns, ContextEstimate(totals[start], context_window, False))


def dropped_nodes(path: Sequence[Node], old_truncation: Truncation | None, new_truncation: Truncation) -> list[Node]:
    """Return the nodes that are sent with the old truncation and dropped by the new one."""
    return list(path[first_sent_index(path, old_truncation) : first_sent_index(path, new_truncation)])


def copy_truncated(path: Sequence[Node], truncation: Truncation, now: float) -> list[Node]:
    """Return the nodes of a new conversation that starts with the sent part of the path.

    A summary becomes its first turn. `now` is the time of the first node, in seconds since 1970.
    """
    first = [Node(new_id(), None, message, now) for message in summary_messages(path, truncation)]
    return tree.copy_path(
        # Prompt token counts are dropped: they belong to the old path.
        replace(
            node,
            created_at=now + index * 1e-5,
            usage=Usage(output=node.usage.output, reasoning=node.usage.reasoning),
            usage_record_id="",
        )
        for index, node in enumerate([*first, *path[first_sent_index(path, truncation) :]])
    )


def answer_tokens(params: Params, context_window: int | None) -> int:
    """Return the tokens reserved for the answer."""
    if context_window is None:
        return params.max_tokens or 0
    return min(params.max_tokens or min(DEFAULT_ANSWER_TOKENS, context_window // 8), context_window)


def _path_tokens(path: Sequence[Node], files: FileTokens) -> int:
    """Estimate the tokens of messages and of their files."""
    return sum(tokens.estimate_message(node.message.text) + files.by_node.get(node.id, 0) for node in path)


def _prefix_tokens(path: Sequence[Node], params: Params, truncation: Truncation | None) -> int:
    """Estimate the tokens before the messages of the path: system prompt and summary."""
    summary_tokens = sum(tokens.estimate_message(message.text) for message in summary_messages(path, truncation))
    return tokens.estimate(params.system) + summary_tokens


def _counted_tokens(node: Node) -> int:
    """Return the tokens of the path through a counted answer, without thinking, which is not resent."""
    usage = node.usage
    # Without a finish reason the gateway's output count is a guess.
    counted = (usage.output or 0) - (usage.reasoning or 0)
    answer_text_tokens = counted if node.finish_reason else tokens.estimate_message(node.message.text)
    return (usage.input or 0) + max(answer_text_tokens, 0)


def _find_counted_answer(
    path: Sequence[Node], params: Params, target: Target, truncation: Truncation | None, files: FileTokens
) -> int | None:
    """Return the index of the answer whose count applies to the request; None without one.

    Counts grow from turn to turn, so a drop shows a truncation. Without a truncation, the largest count
    applies; with one, only a count after such a drop, which the first turn after the truncation does not have
    yet.
    """
    start = first_sent_index(path, truncation)
    counts = list(_prompt_counts(path, target))
    if start:
        second_question = next(
            (index for index in range(start + 1, len(path)) if path[index].message.role == "user"), len(path)
        )
        has_drop = any(
            count < previous and index > second_question
            for (_, previous), (index, count) in zip(counts, counts[1:], strict=False)
        )
        counted = counts[-1][0] if has_drop else None
    else:
        counted = max(((count, index) for index, count in counts), default=(0, None))[1]
    if counted is None:
        return None
    estimate = _prefix_tokens(path, params, truncation) + _path_tokens(path[start : counted + 1], files)
    is_plausible = (
        estimate / _MAX_ESTIMATE_RATIO
        <= _counted_tokens(path[counted])
        <= estimate * _MAX_ESTIMATE_RATIO + _SYSTEM_PROMPT_SLACK
    )
    return counted if is_plausible else None


def _prompt_counts(path: Sequence[Node], target: Target) -> Iterator[tuple[int, int]]:
    """Yield indices of answers and their input counts, by models of the same tokenizer family."""
    family = _tokenizer_family(target)
    for index, node in enumerate(path):
        count = 0 if _has_searched(node) else node.usage.input
        if count and node.usage.output is not None and node.target and _tokenizer_family(node.target) == family:
            raw = node.provider_metadata.get("usage")
            request_counts = (
                [parse_token_count(raw.get(name)) or 0 for name in _PROMPT_TOKEN_FIELDS]
                if isinstance(raw, dict)
                else []
            )
            # A continued answer has the sum of its requests as input, but the raw count of the last one.
            if not any(request_counts) or sum(request_counts) >= count:
                yield index, count


def _has_searched(node: Node) -> bool:
    """Return True for an answer whose input has the results of web searches, which are not sent again."""
    parts = node.message.parts
    return bool(node.usage.searches) or any(isinstance(part, OtherPart) and part.kind == SEARCH_KIND for part in parts)


def _tokenizer_family(target: Target) -> str:
    """Return the vendor: its models of one period share a tokenizer."""
    return vendors.vendor_of(target.model) or target.model


def _estimate_scale(
    path: Sequence[Node], params: Params, target: Target, truncation: Truncation | None, files: FileTokens
) -> float:
    """Return the factor by which the gateway counts more than the estimate, at least 1."""
    counted = _find_counted_answer(path, params, target, truncation, files)
    if counted is None:
        return 1.0
    start = first_sent_index(path, truncation)
    estimate = _prefix_tokens(path, params, truncation) + _path_tokens(path[start : counted + 1], files)
    factor = (_counted_tokens(path[counted]) - _SYSTEM_PROMPT_SLACK) / max(1, estimate)
    return min(_MAX_ESTIMATE_RATIO, max(1.0, factor))
