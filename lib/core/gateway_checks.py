"""Checks of a gateway: their runs, and the results of their probes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from lib.core.errors import AntlerError
from lib.core.target import Target

# "failed" is an accusation; "unclear" is what no evidence supports, either way.
ProbeStatus = Literal["passed", "failed", "unsupported", "unclear"]
# Strength of the evidence for a failure: nothing honest explains it, little does, or it is a sign only.
Strength = Literal["certain", "likely", "hint"]
RunState = Literal["running", "done", "cancelled", "failed", "interrupted"]
ProbeName = Literal[
    "streaming",
    "usage",
    "speed",
    "model",
    "tokens",
    "output_tokens",
    "tokenizer",
    "token_count",
    "knowledge",
    "max_tokens",
    "stop",
    "errors",
    "thinking",
    "tools",
    "image",
    "pdf",
    "cache",
    "n",
    "logprobs",
    "context",
]
PROBES: tuple[ProbeName, ...] = get_args(ProbeName)
# Of the price of a long prompt: only when it is asked for.
OPTIONAL_PROBES: tuple[ProbeName, ...] = ("context",)
DEFAULT_PROBES: tuple[ProbeName, ...] = tuple(name for name in PROBES if name not in OPTIONAL_PROBES)
MAX_TARGETS = 12  # of one run
MAX_RUNS = 50  # kept of each owner
STRENGTHS: tuple[Strength, ...] = get_args(Strength)

Value = str | int | float


class CheckInProgress(AntlerError):
    """Another check of the same owner is running."""

    code = "check_in_progress"


@dataclass(frozen=True)
class Verdict:
    """A judgement: `code` selects its sentence, which `values` complete. `strength` is that of a failure."""

    status: ProbeStatus
    code: str
    values: Mapping[str, Value] = field(default_factory=dict)
    strength: Strength = "certain"


@dataclass(frozen=True)
class ProbeResult:
    """The verdict of a probe about a target, and the recorded exchanges that it rests on."""

    target: Target
    probe: str
    verdict: Verdict
    exchange_ids: tuple[str, ...] = ()

    @property
    def status(self) -> ProbeStatus:
        return self.verdict.status


@dataclass(frozen=True)
class CheckRun:
    """A check of `targets` by `probes`; times are in seconds since 1970, costs in nano-dollars, None if unknown.

    A team's run is one with the team's key, by an administrator or by the schedule; others are of a personal key.
    `error_code` is that of what ended a run in the state "failed", `author_id` is its owner. `step` of `step_count`
    requests are done.
    """

    id: str
    targets: tuple[Target, ...]
    probes: tuple[str, ...]
    host: str
    started_at: float
    is_team: bool = False
    is_scheduled: bool = False
    state: RunState = "running"
    finished_at: float | None = None
    results: tuple[ProbeResult, ...] = ()
    estimated_cost: int | None = None
    cost: int | None = 0
    step: int = 0
    step_count: int = 0
    error_code: str = ""
    author_id: str = ""

    def result_of(self, target: Target, probe: str) -> ProbeResult | None:
        return next((each for each in self.results if each.target == target and each.probe == probe), None)

    def results_of(self, target: Target) -> list[ProbeResult]:
        """Return the results of a target in the order of PROBES."""
        own = [result for result in self.results if result.target == target]
        return sorted(own, key=lambda result: PROBES.index(result.probe) if result.probe in PROBES else len(PROBES))


@dataclass(frozen=True)
class ResultChange:
    """A probe with another result than in an earlier run; None where it was not part of it."""

    target: Target
    probe: str
    before: Verdict | None
    after: Verdict | None


def find_failures(results: Iterable[ProbeResult]) -> list[ProbeResult]:
    """Return the failed probes, those with the strongest evidence first."""
    failed = [result for result in results if result.status == "failed"]
    return sorted(failed, key=lambda result: STRENGTHS.index(result.verdict.strength))


def compare_runs(before: CheckRun, after: CheckRun) -> list[ResultChange]:
    """Return what changed for the targets that both runs checked: another status, or another reason."""
    common = [target for target in after.targets if target in before.targets]
    changes = []
    for target in common:
        for probe in PROBES:
            old, new = before.result_of(target, probe), after.result_of(target, probe)
            if (old or new) and (old is None or new is None or _reason(old) != _reason(new)):
                verdicts = (old.verdict if old else None, new.verdict if new else None)
                changes.append(ResultChange(target, probe, *verdicts))
    return changes


def _reason(result: ProbeResult) -> tuple[str, str]:
    return result.verdict.status, result.verdict.code


def newest_results(runs: Sequence[CheckRun], target: Target) -> tuple[float, list[ProbeResult]] | None:
    """Return date and results of the newest of `runs`, the newest first, that has results for a target."""
    for run in runs:
        if results := run.results_of(target):
            return run.finished_at or run.started_at, results
    return None
