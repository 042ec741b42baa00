"""Judges of behaviour: streaming, usage, errors, and the features of a request. Pure functions of the evidence."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from lib.chat.gateway_check import samples
from lib.chat.gateway_check.evidence import Evidence, parse_json
from lib.chat.gateway_check.judgement import (
    Case,
    failed,
    find_problem,
    passed,
    quote,
    unclear,
    unsupported,
)
from lib.chat.gateway_check.requests import NEEDLES, SHORT_LIMIT, STOP_WORD
from lib.core.conversation import Outcome
from lib.core.gateway_checks import Verdict
from lib.core.sanitize import get_object
from lib.core.target import Wire
from lib.gateway.wires.models.claude_rules import is_claude

# A burst: nothing for a second, then the whole text in a thirtieth of that time. The fastest chips take longer.
_BURST_WAIT, _BURST_SHARE, _MAX_BURST = 1.0, 0.03, 0.1
_MIN_GAP = 0.004  # seconds between two moments of arrival
_MIN_PIECES = 3
# Vendors that send the text of thinking; OpenAI, Google and xAI count it only.
_SENDS_THINKING = ("Anthropic", "DeepSeek", "Qwen", "Moonshot AI", "Z.ai", "MiniMax")
_MIN_TEXT = 200  # characters of an answer that tells something about its stream


def judge_streaming(case: Case) -> Verdict:
    """Judge if the text of an answer arrives while it is written: the best of all answers counts.

    One answer may wait for a cold start, and then come faster than it can be told from a burst.
    """
    answers = [found for name, found in case.evidence.items() if name.startswith("copy")]
    order = ("passed", "unclear", "failed")
    return min(map(_judge_stream, answers), key=lambda verdict: order.index(verdict.status))


def _judge_stream(found: Evidence) -> Verdict:
    if problem := find_problem(found):
        return problem
    if len(found.text) < _MIN_TEXT:
        return unclear("not_followed", text=quote(found.text))
    if found.response_type == "application/json":
        return failed("one_body")
    times = [offset for offset, _ in found.arrivals]
    first, last = times[0], times[-1]
    if first >= _BURST_WAIT and len(times) == 1:
        return failed("one_piece", "likely", seconds=round(first, 1))
    if first >= _BURST_WAIT and last - first <= min(_BURST_SHARE * first, _MAX_BURST):
        return failed("burst", "likely", seconds=round(first, 1), span=round((last - first) * 1000))
    moments = 1 + sum(after - before >= _MIN_GAP for before, after in zip(times, times[1:], strict=False))
    if moments < _MIN_PIECES:
        return unclear("too_fast", seconds=round(last, 2))
    return passed("streams", pieces=len(times), seconds=round(last, 1))


def judge_usage(case: Case) -> Verdict:
    """Judge if the stream names the tokens."""
    found = case.evidence["copy"]
    if problem := find_problem(found):
        return problem
    usage = found.usage
    if not found.has_usage or not usage.input or not usage.output:
        return failed("no_usage")
    return passed("usage", input=usage.input, output=usage.output)


def judge_speed(case: Case) -> Verdict:
    """Return the median of the time to the first token, and of the rate after it."""
    answers = [found for name, found in case.evidence.items() if name.startswith("copy") and not found.error_code]
    first_tokens = [found.timing.first_token for found in answers if found.timing.first_token is not None]
    if not first_tokens:
        return find_problem(case.evidence["copy"]) or unclear("not_measured")
    rates = [rate for found in answers if (rate := _rate(found))]
    first = round(statistics.median(first_tokens), 2)
    if not rates:
        return passed("first_token", seconds=first, count=len(answers))
    return passed("speed", seconds=first, rate=round(statistics.median(rates)), count=len(answers))


def _rate(found: Evidence) -> float | None:
    """Return words per second: the counts of tokens may be false."""
    first, total = found.timing.first_text, found.timing.total
    words = len(found.text.split())
    return words / (total - first) if first is not None and total and total - first > 0.02 and words > 1 else None


def judge_max_tokens(case: Case) -> Verdict:
    """Judge if the output limit holds, and if the answer says that it was cut."""
    found = case.evidence["short"]
    if problem := find_problem(found):
        return problem
    words = len(found.text.split())  # a word is one token at least
    # A gateway that does not count by a tokenizer may take several words for a token.
    is_cut = found.outcome is Outcome.LENGTH
    if words > (4 if is_cut else 1.5) * SHORT_LIMIT:
        return failed("limit_ignored", limit=SHORT_LIMIT, words=words)
    if is_cut:
        return passed("limit_holds", limit=SHORT_LIMIT, reason=found.finish_reason)
    if words < SHORT_LIMIT // 2:
        return unclear("not_followed", text=quote(found.text))
    return failed("limit_reason", "likely", limit=SHORT_LIMIT, reason=found.finish_reason or "–")


def judge_stop(case: Case) -> Verdict:
    """Judge if a stop sequence ends the answer."""
    found = case.evidence["stop"]
    if problem := find_problem(found, is_feature=True):
        return problem
    words = re.findall(r"[a-z]+", found.text.lower())
    before = samples.COMMON_WORDS[samples.COMMON_WORDS.index(STOP_WORD) - 1]
    if STOP_WORD in words:
        return failed("stop_ignored", word=STOP_WORD)
    return passed("stops", word=STOP_WORD) if before in words else unclear("not_followed", text=quote(found.text))


def judge_errors(case: Case) -> Verdict:
    """Judge if a wrong parameter leads to an error in the form of the wire."""
    found = case.evidence["wrong"]
    if not found.error_code:
        return unclear("wrong_accepted")
    status, words = found.error_status or 0, quote(found.error_detail)
    if not 400 <= status < 500 or status == 429:
        return unclear("error_status", status=status or "–", words=words)
    if not found.error_body:
        return unclear("not_measured")
    if not has_wire_form(case.target.wire, found.error_body):
        return failed("error_shape", status=status, body=quote(found.error_body))
    return passed("error_form", status=status, words=words)


def has_wire_form(wire: Wire, body: str) -> bool:
    """Return True for an error in the form of a wire."""
    value = parse_json(body)
    error = get_object(value, "error") if isinstance(value, dict) else {}
    if not isinstance(error.get("message"), str):
        return False
    return wire == "openai" or (value.get("type") == "error" and isinstance(error.get("type"), str))


def judge_thinking(case: Case) -> Verdict:
    """Judge if thinking arrives that was asked for."""
    found = case.evidence["thinking"]
    if problem := find_problem(found, is_feature=True):
        return problem
    if found.thinking.strip():
        signed = "thinks_signed" if found.has_signature else "thinks"
        is_unsigned_claude = is_claude(case.target.model) and case.target.wire == "anthropic"
        if is_unsigned_claude and not found.has_signature:
            return failed("thinking_unsigned", "likely", length=len(found.thinking))
        return passed(signed, length=len(found.thinking))
    if found.has_signature:
        return passed("thinking_hidden")
    if tokens := found.usage.reasoning:
        if case.vendor in _SENDS_THINKING:
            return failed("thinking_dropped", "likely", tokens=tokens)
        return passed("thinking_counted", tokens=tokens)
    # Elsewhere the fields of the request may not be the ones that turn thinking on.
    if is_claude(case.target.model) and case.target.wire == "anthropic" and case.capabilities.thinking:
        return failed("thinking_missing", "likely")
    return unclear("no_thinking")


def judge_tools(case: Case) -> Verdict:
    """Judge if a tool is called."""
    found, wanted = case.evidence["tools"], case.requests["tools"].answer
    if problem := find_problem(found, is_feature=True):
        return problem
    if wanted in found.tool_names:
        return passed("calls_tool", name=wanted)
    text = quote(found.text)
    return (
        failed("no_tool_call", "likely", text=text) if case.capabilities.tools else unsupported("no_tools", text=text)
    )


def judge_image(case: Case) -> Verdict:
    """Judge if an image is seen."""
    return _judge_file(case, "image", is_listed=case.capabilities.image)


def judge_pdf(case: Case) -> Verdict:
    """Judge if a PDF is read."""
    return _judge_file(case, "pdf", is_listed=case.capabilities.pdf)


def _judge_file(case: Case, name: str, *, is_listed: bool | None) -> Verdict:
    found, number = case.evidence[name], case.requests[name].answer
    if problem := find_problem(found, is_feature=True):
        return problem
    if number in re.sub(r"[\s,.]", "", found.text):
        return passed(f"{name}_seen", number=number)
    values = {"number": number, "text": quote(found.text)}
    return failed(f"{name}_not_seen", "likely", **values) if is_listed else unsupported(f"{name}_unseen", **values)


def judge_cache(case: Case) -> Verdict:
    """Judge if the second of two equal prompts is read from the cache."""
    first, second = case.evidence["cache"], case.evidence["cache_again"]
    if problem := find_problem(first) or find_problem(second):
        return problem
    if second.usage.cache_read:
        return passed("cache_hit", tokens=second.usage.cache_read, total=second.usage.input or 0)
    counters = (first.usage.cache_read, first.usage.cache_write, second.usage.cache_read, second.usage.cache_write)
    if case.requests["cache"].params.cache and not any(counters):
        return failed("cache_ignored", "hint")
    return unclear("no_cache_counters" if all(count is None for count in counters) else "no_cache_hit")


def judge_n(case: Case) -> Verdict:
    """Judge if two alternatives come."""
    found = case.evidence["alternatives"]
    if problem := find_problem(found, is_feature=True):
        return problem
    return passed("alternatives", count=found.choice_count) if found.choice_count > 1 else unsupported("n_ignored")


def judge_logprobs(case: Case) -> Verdict:
    """Judge if the probabilities of tokens come."""
    found = case.evidence["logprobs"]
    if problem := find_problem(found, is_feature=True):
        return problem
    if not found.response_type:
        return unclear("not_measured")
    return passed("logprobs") if found.has_logprobs else unsupported("logprobs_ignored")


def judge_context(case: Case) -> Verdict:
    """Judge if a long prompt reaches the model: what was cut from its beginning is not found."""
    found, request = case.evidence["context"], case.requests["context"]
    window = case.capabilities.context_window or 0
    sent = len(request.messages[0].text.split())  # words of one token each
    if found.error_code == "context_too_long" or found.error_status == 413:
        return failed("context_refused", "likely", window=window, tokens=sent, words=quote(found.error_detail))
    if problem := find_problem(found):
        return problem
    codes = request.answer.split()
    seen = [code in found.text for code in codes]
    billed = found.usage.input or 0
    if all(seen):
        return passed("context_read", tokens=billed or sent, window=window)
    if seen[0]:
        return unclear("context_gaps", count=seen.count(False), total=len(codes))
    return _judge_lost_beginning(seen, sent, billed, window)


def _judge_lost_beginning(seen: Sequence[bool], sent: int, billed: int, window: int) -> Verdict:
    if not any(seen):
        return unclear("context_unread")
    first = seen.index(True)
    share = round(100 * (1 - first / (len(NEEDLES) - 1)))  # at most so much of the prompt's end has arrived
    is_billed_less = 0 < billed < 0.85 * sent
    values = {"window": window, "tokens": sent, "billed": billed, "share": max(share, 100 // (2 * (len(NEEDLES) - 1)))}
    return failed("context_cut_billed" if is_billed_less else "context_cut", "certain", **values)
