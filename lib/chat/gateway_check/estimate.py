"""Price of a check before it runs: of each probe, and of all requests together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.chat.gateway_check.requests import REQUESTS, build_requests, is_applicable
from lib.chat.turns.request_params import CapabilitiesLookup
from lib.chat.usage import cost
from lib.chat.usage.recorder import PriceLookup
from lib.core.conversation import new_id
from lib.core.gateway_checks import PROBES, CheckRun
from lib.core.target import Target


@dataclass(frozen=True)
class Estimate:
    """The most that requests cost, in nano-dollars, without the `unpriced_count` requests of unknown price."""

    cost: int = 0
    request_count: int = 0
    unpriced_count: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.cost + other.cost,
            self.request_count + other.request_count,
            self.unpriced_count + other.unpriced_count,
        )

    @property
    def known_cost(self) -> int | None:
        """The cost, None if that of a request is unknown."""
        return None if self.unpriced_count else self.cost


@dataclass(frozen=True)
class RunEstimate:
    """The price of a run. Probes share requests, so that the total is less than the sum of `by_probe`."""

    total: Estimate
    by_probe: Mapping[str, Estimate]


def estimate_run(
    targets: Iterable[Target], probes: Sequence[str], capabilities_lookup: CapabilitiesLookup, price_lookup: PriceLookup
) -> RunEstimate:
    """Return the price of the probes for all targets."""
    total = Estimate()
    by_probe: dict[str, Estimate] = {probe: Estimate() for probe in PROBES if probe in probes}
    for target in targets:
        capabilities, price = capabilities_lookup(target.model), price_lookup(target.model)
        requests = build_requests(target, capabilities, probes, "", is_draft=True)
        costs = {name: cost.max_cost(request.max_usage(target), price) for name, request in requests.items()}
        total += _sum(costs.values())
        for probe, names in REQUESTS.items():
            if probe in by_probe and is_applicable(probe, target, capabilities):
                by_probe[probe] += _sum(costs[name] for name in names)
    return RunEstimate(total, by_probe)


def plan_run(
    targets: Sequence[Target],
    probes: Sequence[str],
    host: str,
    capabilities_lookup: CapabilitiesLookup,
    price_lookup: PriceLookup,
    *,
    is_team: bool,
    is_scheduled: bool = False,
) -> CheckRun:
    """Return a run of the probes on the gateway at `host` that can be started now, with its estimated price."""
    estimate = estimate_run(targets, probes, capabilities_lookup, price_lookup).total
    return CheckRun(
        new_id(),
        tuple(targets),
        tuple(probes),
        host,
        time.time(),
        is_team=is_team,
        is_scheduled=is_scheduled,
        estimated_cost=estimate.known_cost,
        step_count=estimate.request_count,
    )


def _sum(costs: Iterable[int | None]) -> Estimate:
    listed = list(costs)
    return Estimate(sum(each or 0 for each in listed), len(listed), sum(each is None for each in listed))
