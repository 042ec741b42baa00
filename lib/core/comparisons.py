"""Comparisons: one prompt to several targets at once, the user's vote, and the votes counted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Generic, Literal, TypeVar

from lib.core.errors import AntlerError
from lib.core.params import Params
from lib.core.target import Target

MIN_COLUMNS, MAX_COLUMNS = 2, 4
COLUMN_LABELS = "ABCD"
MAX_PROMPT_CHARS = 300  # that the list of comparisons keeps
_Z_95 = 1.959964  # quantile of the normal distribution for a two-sided 95 % interval

Choice = Literal["best", "tie", "bad"]


class ColumnRefused(AntlerError):
    """A target of a comparison cannot be asked for the reason `error`; nothing was sent to any."""

    code = "column_refused"

    def __init__(self, target: Target, error: AntlerError) -> None:
        super().__init__(f"{target.model}: {error}")
        self.target = target
        self.error = error


@dataclass(frozen=True)
class Vote:
    """The judgement about a comparison: one column is `best`, all are a `tie`, or all are `bad`."""

    choice: Choice
    column: int | None = None  # of the best one


@dataclass(frozen=True)
class Column:
    """One target of a comparison, with the conversation that holds its answer.

    The conversation may be deleted, and `question_id` with it.
    """

    conversation_id: str
    question_id: str
    target: Target
    params: Params = Params()


@dataclass(frozen=True)
class Origin:
    """The question of a conversation that a comparison asks again, with the path to it as context."""

    conversation_id: str
    question_id: str


@dataclass(frozen=True)
class Comparison:
    """A comparison, its columns in the order in which they are shown; `prompt` is the beginning of the question.

    `created_at` is in seconds since 1970.
    """

    id: str
    prompt: str
    created_at: float
    columns: tuple[Column, ...]
    is_blind: bool = False
    vote: Vote | None = None
    origin: Origin | None = None

    @property
    def is_hidden(self) -> bool:
        """True while nothing may tell which target a column is."""
        return self.is_blind and self.vote is None

    @property
    def targets(self) -> list[Target]:
        """The targets in an order that says nothing of the columns."""
        return sorted((column.target for column in self.columns), key=lambda target: (target.model, target.wire))


Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Standing(Generic[Group]):
    """The votes about a group of targets, such as a model: one result for each comparison that it took part in."""

    group: Group
    wins: int
    ties: int
    losses: int

    @property
    def count(self) -> int:
        return self.wins + self.ties + self.losses

    @property
    def win_rate(self) -> float:
        """The share of won comparisons, where a tie counts as half a win."""
        return (self.wins + self.ties / 2) / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the win rate with a confidence of 95 %, by Wilson's score interval."""
        return wilson_interval(self.win_rate, self.count)


def wilson_interval(rate: float, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a rate that was observed in `count` trials, at least one."""
    squared = _Z_95**2
    centre = (rate + squared / (2 * count)) / (1 + squared / count)
    margin = _Z_95 * sqrt(rate * (1 - rate) / count + squared / (4 * count**2)) / (1 + squared / count)
    return max(0.0, centre - margin), min(1.0, centre + margin)


def count_votes(comparisons: Iterable[Comparison], group_of: Callable[[Target], Group]) -> list[Standing[Group]]:
    """Count the votes by group, the highest win rate first.

    A group that has several columns in a comparison has the result of its best one. A comparison inside of one group
    says nothing about it and is left out, unless all answers are bad. If all are bad, all have lost.
    """
    results: dict[Group, dict[str, int]] = {}
    for comparison in comparisons:
        groups = {group_of(column.target) for column in comparison.columns}
        vote = comparison.vote
        if vote is None or (len(groups) < 2 and vote.choice != "bad"):
            continue
        winner = group_of(comparison.columns[vote.column].target) if vote.column is not None else None
        for group in groups:
            result = "ties" if vote.choice == "tie" else "wins" if group == winner else "losses"
            counts = results.setdefault(group, {"wins": 0, "ties": 0, "losses": 0})
            counts[result] += 1
    standings = [Standing(group, **counts) for group, counts in results.items()]
    return sorted(standings, key=lambda standing: (-standing.win_rate, -standing.count, str(standing.group)))
