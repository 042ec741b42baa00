"""Judges of token counts and models: honest counts of any tokenizer are not accused, and small lies are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lib.chat.gateway_check import honesty, samples
from lib.chat.gateway_check.evidence import Evidence
from lib.chat.gateway_check.judgement import Case
from lib.chat.gateway_check.requests import DIGIT_COUNT, build_requests
from lib.core.conversation import Outcome, Usage
from lib.core.gateway_checks import PROBES, Verdict
from lib.core.models import Capabilities
from lib.core.target import Target

GPT, CLAUDE, GEMINI = Target("gpt-5.2", "openai"), Target("claude-opus-4-5", "anthropic"), Target("gemini-3", "openai")
CAPABILITIES = Capabilities(200_000, thinking=False, knowledge="2025-03")
Count = Callable[[str], int]


def count_words(digits: int = 3, tokens_per_word: int = 1, overhead: int = 10) -> Count:
    """Return a tokenizer that has whole words and groups of digits."""

    def count(text: str) -> int:
        return overhead + sum(
            -(-len(word) // digits) if word.isdigit() else tokens_per_word for word in text.replace(":", " :").split()
        )

    return count


def count_characters(text: str) -> int:
    return -(-len(text) // 4)


def case_of(count: Count, target: Target = GPT, output: float = 1.0) -> Case:
    """Return the answers of a gateway that counts in this way."""
    requests = build_requests(target, CAPABILITIES, PROBES, "seed", is_draft=True)
    answer = " ".join(samples.COMMON_WORDS)

    def answer_to(name: str) -> Evidence:
        usage = Usage(count(requests[name].messages[0].text), int(len(samples.COMMON_WORDS) * output))
        return Evidence(answer, usage=usage, has_usage=True, outcome=Outcome.COMPLETE, model=target.model)

    return Case(target, CAPABILITIES, requests, {name: answer_to(name) for name in requests})


def judged(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.status, verdict.code, verdict.strength if verdict.status == "failed" else ""


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (count_words(), ("passed", "tokens_fit", "")),
        (count_words(overhead=120), ("passed", "tokens_fit", "")),
        (lambda text: round(count_words()(text) * 1.01), ("passed", "tokens_fit", "")),
        (lambda text: round(count_words()(text) * 1.05), ("failed", "tokens_inflated", "certain")),
        (lambda text: round(count_words()(text) * 1.2), ("failed", "tokens_inflated", "certain")),
        (lambda text: round(count_words()(text) * 2.5), ("failed", "tokens_inflated", "certain")),
        (count_words(tokens_per_word=2), ("failed", "tokens_multiplied", "likely")),
        (count_words(overhead=2_000), ("failed", "tokens_added", "likely")),
        (count_characters, ("unclear", "tokens_estimated", "")),
        (lambda text: round(count_characters(text) * 1.3), ("unclear", "tokens_estimated", "")),
        (lambda text: count_words()(text) // 2, ("unclear", "tokens_fewer", "")),
        (lambda text: 0, ("unclear", "no_counts", "")),
        # Longer words have more tokens, as many vocabularies of other languages have them.
        (lambda text: count_words()(text) + text.count("government"), ("passed", "tokens_fit", "")),
    ],
)
def test_prompt_tokens(count, expected):
    assert judged(honesty.judge_tokens(case_of(count))) == expected


def test_a_prompt_that_is_added_to_some_requests_only_is_no_inflation():
    """Upstreams with different system prompts shift single counts; the second slope shows it."""
    counts = iter([10, 90, 90, 90, 90])
    fit = count_words(overhead=0)
    case = case_of(lambda text: fit(text) + (next(counts, 90) if "Words:" in text else 0))
    base = case.evidence["base"]
    shifted = {**case.evidence, "base": replace(base, usage=replace(base.usage, input=(base.usage.input or 0) - 80))}
    verdict = honesty.judge_tokens(replace(case, evidence=shifted))
    assert judged(verdict) == ("unclear", "tokens_unsteady", "")


@pytest.mark.parametrize(
    ("output", "count", "code"),
    [
        (1.0, count_words(), "output_fits"),
        (1.04, count_words(), "output_fits"),
        (1.2, count_words(), "output_inflated"),
        (1.2, lambda text: round(count_words()(text) * 1.2), "output_inflated"),  # both are
        (1.0, lambda text: round(count_words()(text) * 1.2), "output_fits"),
        (1.0, count_characters, "no_counts"),
    ],
)
def test_answer_tokens(output, count, code):
    assert honesty.judge_output_tokens(case_of(count, output=output)).code == code


def test_thinking_that_is_not_counted_apart_is_no_inflation():
    case = case_of(count_words(), GEMINI, output=4.0)
    thinking = replace(case, capabilities=replace(CAPABILITIES, thinking=None))
    assert honesty.judge_output_tokens(thinking).code == "output_thinks"


@pytest.mark.parametrize(
    ("target", "digits", "code"),
    [
        (GPT, 3, "digits_fit"),
        (GPT, 1, "other_tokenizer"),
        (GEMINI, 1, "digits_fit"),
        (GEMINI, 3, "other_tokenizer"),
        (CLAUDE, 3, "no_digit_rule"),
        (CLAUDE, 1, "no_digit_rule"),
        (GPT, 4, "no_digit_rule"),
    ],
)
def test_the_tokenizer_of_digits(target, digits, code):
    assert DIGIT_COUNT % 12 == 0
    assert honesty.judge_tokenizer(case_of(count_words(digits), target)).code == code


@pytest.mark.parametrize(
    ("asked", "served", "code"),
    [
        ("gpt-4.1", "gpt-4.1-2025-04-14", "model"),
        ("claude-opus-4-5", "anthropic/claude-opus-4.5-20251101", "model"),
        ("claude-opus-4-5-thinking", "claude-opus-4-5-20251101", "model"),
        ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06", "model"),
        ("deepseek-chat:free", "deepseek-chat", "model"),
        ("gpt-4.1", "gpt-4.1-mini", "other_model"),
        ("gpt-4.1", "qwen-max", "other_vendor"),
        ("claude-opus-4-5", "glm-4.6", "other_vendor"),
        ("team-default", "gpt-4.1", "alias"),
        ("gpt-4.1", "", "no_model_named"),
    ],
)
def test_the_model_that_a_response_names(asked, served, code):
    case = case_of(count_words(), Target(asked, "openai"))
    found = replace(case.evidence["copy"], model=served)
    assert honesty.judge_model(replace(case, evidence={"copy": found})).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Company: OpenAI\n2022: Zeilinger\n2023: L'Huillier\n2024: Hopfield\n2025: -", "knows"),
        ("Company: OpenAI\n2022: -\n2023: -\n2024: -\n2025: -", "knows_less"),
        ("Company: Alibaba\n2022: Zeilinger\n2023: L'Huillier\n2024: -\n2025: -", "other_maker"),
        ("I cannot help with that. 2022: Zeilinger, 2023: L'Huillier", "knows"),
    ],
)
def test_the_words_of_a_model_are_hints(text, code):
    case = case_of(count_words())
    verdict = honesty.judge_knowledge(replace(case, evidence={"facts": Evidence(text, outcome=Outcome.COMPLETE)}))
    assert verdict.code == code
    assert verdict.status != "failed" or verdict.strength == "hint"
