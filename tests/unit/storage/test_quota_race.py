"""Processes that compete for one budget exceed it by one wrong estimate at most."""

from __future__ import annotations

import time

import pytest

from lib.core.quota import current_counter
from lib.storage.store import Store
from tests.unit.storage.child_process import start_children

PROCESS_COUNT = 8
HARD_LIMIT, ESTIMATE = 150_000, 1_000
# Actual costs of requests; the first request of each process has the first cost.
COSTS_BELOW_ESTIMATE = (1_000, 200, 600, 900)  # never more than the estimate
COSTS_AROUND_ESTIMATE = (1_300, 700, 1_000)
COSTS_ABOVE_ESTIMATE = (1_300,)
PROGRAM = """
import random, time
from lib.core.conversation import Outcome, Timing, Usage, new_id
from lib.core.quota import QuotaCounter, Reservation
from lib.core.target import Target
from lib.core.usage import UsageRecord

job = wait()
random.seed(job["number"])
owner, estimate, store = f"p{job['number']}", job["estimate"], Store(url, LOCK_TIMEOUT)
team, sales = job["counters"]
user = QuotaCounter(f"person:{owner}", "cost_day", team.period_start)
costs, highest = [], 0
while True:
    record_id = new_id()
    reservations = [Reservation(user, estimate, None), Reservation(team, estimate, job["hard"]),
        Reservation(sales, estimate, None)]
    if store.quotas.reserve(owner, record_id, reservations):
        break
    highest = max(highest, store.quotas.used(owner, [team])[team])
    cost = random.choice(job["costs"]) if costs else job["costs"][0]
    time.sleep(random.random() / 20)  # other processes reserve meanwhile
    record = UsageRecord(record_id, None, "answer", Target("m", "openai"), Usage(1, 1), Timing(0.1),
        Outcome.COMPLETE, "", time.time(), cost=cost)
    store.usage.record(owner, record)
    costs.append(cost)
send([sum(costs), len(costs), highest, store.quotas.used(owner, [user])[user]])
"""


@pytest.mark.parametrize(
    "costs",
    [COSTS_BELOW_ESTIMATE, COSTS_AROUND_ESTIMATE, COSTS_ABOVE_ESTIMATE],
    ids=["below", "around", "above"],
)
def test_eight_processes_do_not_overspend_one_budget(url, costs):
    now = time.time()
    counters = [current_counter("all", "cost_month", now), current_counter("group:sales", "cost_day", now)]
    store = Store(url, 120.0)
    with start_children(url, PROGRAM, PROCESS_COUNT) as children:
        for number, child in enumerate(children):
            job = {"number": number, "estimate": ESTIMATE, "hard": HARD_LIMIT, "costs": costs, "counters": counters}
            child.resume(job)
        results = [child.finish() for child in children]
    spent, max_error = sum(result[0] for result in results), max(costs) - ESTIMATE
    assert sum(result[1] > 1 for result in results) > PROCESS_COUNT / 2, "there was no race"
    # All reservations are settled: the counters equal the cost of each user, the group and the team.
    assert store.quotas.used("p0", counters) == dict.fromkeys(counters, spent)
    assert [result[3] for result in results] == [result[0] for result in results]
    assert store.usage.total().cost == spent
    # The limit was never exceeded by more than the error of one estimate.
    assert max(result[2] for result in results) <= HARD_LIMIT + max_error
    assert spent <= HARD_LIMIT + max_error
    # The last refusal left no room, except amounts that other processes released or kept as a margin then.
    assert spent > HARD_LIMIT - ESTIMATE - (PROCESS_COUNT - 1) * max(ESTIMATE - min(costs) + max_error, 0)
    store.close()
