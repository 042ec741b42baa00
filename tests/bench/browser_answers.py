"""One long answer in Chromium at several paces, of this program, a naive Streamlit chat and the peers, in turns.

.venv/bin/python -m tests.bench.browser_answers [--rounds 3] [--tokens 4000] [--cases 50 200 1000 200/4]

Each case is the tokens per second, and after a slash how many times the browser's CPU is slowed down. Values are
medians: the lag of tokens until they are painted, the time from the last token until the whole answer is, the bytes
of websockets and responses, and the CPU time of the browser's main thread.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, TimeoutError, expect, sync_playwright

from tests.bench.browser_side import MeasuredPage
from tests.bench.gateway import question, running_gateway, times_in
from tests.bench.peers.programs import Program, running_programs
from tests.browser.chromium import launch_with

ROUNDS, TOKENS = 3, 4_000
CASES = ("50", "200", "1000", "200/4")
SLOW_RATE = 50  # tokens per second up to which one round is enough
COLUMNS = ("first token, ms", "lag p50, ms", "lag p95, ms", "whole answer, ms", "MB", "main thread, s")
COMPARED = ("lag p95, ms", "MB", "main thread, s")
# The peers ask for fonts and scripts of other hosts.
LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
Row = dict[str, float]


def measure(browser: Browser, program: Program, tokens: int, rate: int, slowdown: int) -> Row:
    """Measure one answer in a new page."""
    measured = MeasuredPage(browser, slowdown)
    try:
        program.open(measured.page)
        measured.settle()
        program.fill(measured.page, question(tokens, rate))
        measured.settle()
        measured.record_lags()
        measured.take_bytes()
        before = measured.thread_seconds()
        program.send(measured.page)
        lags = measured.wait_for_lags(times_in(tokens))
        measured.settle()
        ordered = sorted(lags)
        p50, p95 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
        size, seconds = measured.take_bytes() / 1e6, measured.thread_seconds() - before
        return dict(zip(COLUMNS, (lags[0], p50, p95, lags[-1], size, seconds), strict=True))
    except TimeoutError:
        # So far behind that the rest of the answer is not waited for.
        return dict.fromkeys(COLUMNS, math.inf)
    finally:
        measured.close()


def run_case(browser: Browser, programs: Sequence[Program], tokens: int, case: str, rounds: int) -> None:
    """Measure all programs in turns, and print a row for each."""
    rate, _, slowdown = case.partition("/")
    rows: dict[str, list[Row]] = {program.name: [] for program in programs}
    for _ in range(rounds if int(rate) > SLOW_RATE else 1):
        for program in programs:
            rows[program.name].append(measure(browser, program, tokens, int(rate), int(slowdown or 1)))
    medians = {
        name: {column: statistics.median(row[column] for row in each) for column in COLUMNS}
        for name, each in rows.items()
    }
    base = medians[programs[0].name]
    for name, row in medians.items():
        values = " | ".join(f"{row[column]:.2f}" if row[column] < 10 else f"{row[column]:.0f}" for column in COLUMNS)
        ratios = " | ".join(f"{row[column] / base[column]:.3f}" for column in COMPARED)
        print(f"| {case} | {name} | {values} | {ratios} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--cases", nargs="+", default=CASES)
    options = parser.parse_args()
    expect.set_options(timeout=120_000)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_gateway() as gateway,
        running_programs(Path(folder), gateway) as programs,
        sync_playwright() as playwright,
    ):
        browser = launch_with(playwright.chromium, LOOPBACK_ONLY)
        ratios = " | ".join(f"{column.split(',')[0]}, ratio" for column in COMPARED)
        print(f"| tokens/s | program | {' | '.join(COLUMNS)} | {ratios} |")
        print("|---|---|" + "--:|" * (len(COLUMNS) + len(COMPARED)))
        for case in options.cases:
            run_case(browser, programs, options.tokens, case, options.rounds)
        browser.close()


if __name__ == "__main__":
    main()
