"""Judges of behaviour: what is slow, fast or missing is told apart from what is false."""

from __future__ import annotations

import json

import pytest

from lib.chat.gateway_check import behaviour, samples
from lib.chat.gateway_check.evidence import Evidence
from lib.chat.gateway_check.judgement import Case
from lib.chat.gateway_check.requests import ProbeRequest, build_requests
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.gateway_checks import PROBES
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target

GPT, CLAUDE = Target("gpt-4.1", "openai"), Target("claude-opus-4-5", "anthropic")
TEXT = " ".join(samples.COMMON_WORDS)


def case_of(name: str, found: Evidence, target: Target = GPT, capabilities: Capabilities = Capabilities()) -> Case:  # noqa: B008
    requests = build_requests(target, capabilities, PROBES, "seed", is_draft=True)
    return Case(target, capabilities, {name: ProbeRequest(name, (), Params()), **requests}, {name: found})


def arrivals(*times: float) -> tuple[tuple[float, int], ...]:
    return tuple((time, 5) for time in times)


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ([0.5 + 0.02 * index for index in range(100)], "streams"),
        ([3.0 + 0.001 * index for index in range(100)], "too_fast"),  # a chip with 1,000 tokens a second
        ([3.0 + 0.005 * index for index in range(100)], "streams"),
        ([3.0, 3.0, 3.0, 3.01, 3.01, 3.01], "burst"),
        ([0.2, 0.2, 0.2, 0.2, 0.2], "too_fast"),
        ([2.0, 2.6, 3.2], "streams"),  # few large pieces, as some vendors send them
        ([4.0], "one_piece"),
        ([0.4], "too_fast"),
        ([12.0 + 0.003 * index for index in range(100)], "too_fast"),  # after a long wait
    ],
)
def test_streams_and_bursts(times, code):
    found = Evidence(TEXT, arrivals=arrivals(*times), outcome=Outcome.COMPLETE)
    assert behaviour.judge_streaming(case_of("copy", found)).code == code


def test_an_answer_that_waits_for_a_cold_start_is_no_burst():
    burst, stream = arrivals(3.0, 3.0, 3.02), arrivals(*(0.1 + 0.02 * index for index in range(100)))
    found = [Evidence(TEXT, arrivals=times, outcome=Outcome.COMPLETE) for times in (burst, stream, burst)]
    names = ("copy", "copy_2", "copy_3")
    case = Case(GPT, Capabilities(), {}, dict(zip(names, found, strict=True)))
    assert behaviour.judge_streaming(case).code == "streams"
    always = Case(GPT, Capabilities(), {}, dict.fromkeys(names, found[0]))
    assert behaviour.judge_streaming(always).code == "burst"


def test_one_body_is_no_stream():
    found = Evidence(TEXT, arrivals=arrivals(1.0), response_type="application/json", outcome=Outcome.COMPLETE)
    assert behaviour.judge_streaming(case_of("copy", found)).code == "one_body"


def test_the_speed_is_a_median_without_thinking():
    found = [
        Evidence(TEXT, timing=Timing(first, first + 1.0, first + 2.0), outcome=Outcome.COMPLETE)
        for first in (0.5, 9.0, 0.6)
    ]
    case = Case(GPT, Capabilities(), {}, dict(zip(("copy", "copy_2", "copy_3"), found, strict=True)))
    assert behaviour.judge_speed(case).values == {"seconds": 0.6, "rate": len(TEXT.split()), "count": 3}


@pytest.mark.parametrize(
    ("words", "outcome", "code"),
    [
        (24, Outcome.LENGTH, "limit_holds"),
        (0, Outcome.LENGTH, "limit_holds"),  # all of it was thinking
        (43, Outcome.LENGTH, "limit_holds"),  # counted in pieces of several words
        (24, Outcome.COMPLETE, "limit_reason"),
        (107, Outcome.COMPLETE, "limit_ignored"),
        (107, Outcome.LENGTH, "limit_ignored"),
        (3, Outcome.COMPLETE, "not_followed"),
    ],
)
def test_output_limits(words, outcome, code):
    found = Evidence(" ".join(samples.COMMON_WORDS[:words]), outcome=outcome, finish_reason="x")
    assert behaviour.judge_max_tokens(case_of("short", found)).code == code


OPENAI_ERROR = {"error": {"message": "No.", "type": "invalid_request_error"}}
ANTHROPIC_ERROR = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        (GPT, OPENAI_ERROR, 400, "error_form"),
        (CLAUDE, ANTHROPIC_ERROR, 400, "error_form"),
        (CLAUDE, OPENAI_ERROR, 400, "error_shape"),
        (GPT, {"detail": "No."}, 422, "error_shape"),
        (GPT, OPENAI_ERROR, 500, "error_status"),
        (GPT, OPENAI_ERROR, 429, "error_status"),
    ],
)
def test_the_form_of_errors(target, body, status, code):
    found = Evidence(error_code="request_refused", error_status=status, error_body=json.dumps(body))
    assert behaviour.judge_errors(case_of("wrong", found, target)).code == code


@pytest.mark.parametrize(
    ("found", "target", "thinks", "code"),
    [
        (Evidence("10", "Let me see."), GPT, True, "thinks"),
        (Evidence("10", "Let me see.", has_signature=True), CLAUDE, True, "thinks_signed"),
        (Evidence("10", "Let me see."), CLAUDE, True, "thinking_unsigned"),
        (Evidence("10", has_signature=True), CLAUDE, True, "thinking_hidden"),
        (Evidence("10", usage=Usage(9, 90, reasoning=80)), GPT, True, "thinking_counted"),
        (Evidence("10", usage=Usage(9, 90, reasoning=80)), Target("glm-5", "openai"), True, "thinking_dropped"),
        (Evidence("10", usage=Usage(9, 90, reasoning=80)), Target("gemini-3", "openai"), True, "thinking_counted"),
        (Evidence("10"), Target("glm-5", "openai"), True, "no_thinking"),
        (Evidence("10"), CLAUDE, True, "thinking_missing"),
        (Evidence("10"), CLAUDE, None, "no_thinking"),
        (Evidence("10"), GPT, True, "no_thinking"),
        (Evidence(error_code="request_refused", error_status=400), GPT, True, "refused"),
        (Evidence(error_code="rate_limited", error_status=429), GPT, True, "request_failed"),
    ],
)
def test_thinking(found, target, thinks, code):
    case = case_of("thinking", found, target, Capabilities(thinking=thinks))
    assert behaviour.judge_thinking(case).code == code


@pytest.mark.parametrize(
    ("seen", "billed", "code"),
    [
        ("11111", 3_000, "context_read"),
        ("01111", 3_000, "context_cut"),
        ("00011", 3_000, "context_cut"),
        ("00011", 1_500, "context_cut_billed"),
        ("10111", 3_000, "context_gaps"),
        ("00000", 3_000, "context_unread"),
    ],
)
def test_long_prompts(seen, billed, code):
    capabilities = Capabilities(4_000)
    requests = build_requests(GPT, capabilities, ["context"], "seed")
    codes = requests["context"].answer.split()
    text = " ".join(number for number, flag in zip(codes, seen, strict=True) if flag == "1")
    found = Evidence(text, usage=Usage(billed, 20), outcome=Outcome.COMPLETE)
    case = Case(GPT, capabilities, requests, {"context": found})
    assert behaviour.judge_context(case).code == code


def test_a_window_that_is_refused_is_named():
    capabilities = Capabilities(4_000)
    requests = build_requests(GPT, capabilities, ["context"], "seed")
    found = Evidence(error_code="context_too_long", error_status=400, error_detail="2048 at most")
    verdict = behaviour.judge_context(Case(GPT, capabilities, requests, {"context": found}))
    assert (verdict.code, verdict.strength) == ("context_refused", "likely")
