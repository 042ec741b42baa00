"""Judges of honesty: token counts, and the model behind the name. Pure functions of the evidence.

Token counts are judged without a tokenizer. A text that repeats one common word has the same number of tokens for each
word: one, in every published vocabulary. The difference between two such prompts leaves out whatever a vendor adds to
a prompt. So a difference that is no whole number of tokens for a word was multiplied after it was counted; equal
factors for words of different length exclude an estimate by characters, and equal slopes from 0 to 400 and from 400 to
800 words exclude a text that was added to some of the prompts. Texts at the edges shift a count by up to 3 of 400.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lib.chat.gateway_check import samples
from lib.chat.gateway_check.judgement import Case, failed, find_problem, passed, quote, unclear
from lib.chat.gateway_check.requests import DIGIT_COUNT, FACTS, REPEATED_WORDS, REPEATS
from lib.core.gateway_checks import Verdict
from lib.gateway.catalog import vendors
from lib.gateway.catalog.model_names import normalize_model_id
from lib.gateway.wires import request_body
from lib.gateway.wires.models.claude_rules import is_claude

TOLERANCE = 0.03  # of a count of tokens
_STEADY = 0.02  # between two slopes that ought to be equal
_OUTPUT_TOLERANCE, _END_TOKENS = 0.08, 4
_MAX_OVERHEAD = 250  # tokens of a short prompt with all that vendors are known to add
_MAX_FACTOR = 4.0
# Digits in a token, by the published rules of the tokenizers. Anthropic and xAI publish none.
_DIGITS_PER_TOKEN = {
    "OpenAI": 3,
    "Meta": 3,
    "DeepSeek": 3,
    "Z.ai": 3,
    "Moonshot AI": 3,
    "Google": 1,
    "Qwen": 1,
    "Mistral": 1,
}
_OLD_MODELS = re.compile(r"llama-?2|mixtral-8x7b|gpt-3(?!\.5)|gemma-1|chatglm", re.IGNORECASE)
_VERSION_SUFFIX = re.compile(r"-(?:\d{3,8}|\d{4}-\d\d-\d\d|\d\d-\d\d|\d\d-\d{4}|latest|preview|exp|v\d+|free|beta|hd)$")
_EFFORT_SUFFIX = re.compile(r"-(?:none|minimal|low|medium|high|xhigh|max|thinking|nothinking)$")
_ORIGINS = {"msg_bdrk_": "Amazon Bedrock", "msg_vrtx_": "Google Vertex AI", "gen-": "OpenRouter"}
_MAKERS = {
    "Anthropic": r"anthropic|claude",
    "OpenAI": r"openai|\bgpt|chatgpt",
    "Google": r"google|gemini|deepmind",
    "DeepSeek": r"deepseek|深度求索",
    "Qwen": r"alibaba|qwen|tongyi|阿里|通义",
    "Mistral": r"mistral",
    "Meta": r"\bmeta\b|llama",
    "xAI": r"\bxai\b|grok",
    "Moonshot AI": r"moonshot|kimi|月之暗面",
    "Z.ai": r"zhipu|\bglm\b|z\.ai|智谱",
    "MiniMax": r"minimax",
}


@dataclass(frozen=True)
class TokenRates:
    """Billed tokens of a repeated word by word, and of the first word from 400 to 800 times."""

    by_word: tuple[float, ...]
    second_slope: float

    @property
    def is_steady(self) -> bool:
        return abs(self.by_word[0] - self.second_slope) <= _STEADY * max(1.0, self.second_slope)

    @property
    def is_whole(self) -> bool:
        """True if each word has a whole number of tokens, as far as the edges of the text allow."""
        return all(round(rate) >= 1 and abs(rate - round(rate)) <= TOLERANCE for rate in self.by_word)

    @property
    def is_proportional_to_length(self) -> bool:
        """True for an estimate by characters: longer words have more tokens in proportion, with their space."""
        per_character = [rate / (len(word) + 1) for rate, word in zip(self.by_word, REPEATED_WORDS, strict=True)]
        return max(per_character) - min(per_character) <= 0.05 * max(per_character)

    @property
    def common_factor(self) -> float | None:
        """The factor of all counts, for words of one token each; None without one."""
        low, high = min(self.by_word), max(self.by_word)
        return sum(self.by_word) / len(self.by_word) if low > 0 and high - low <= TOLERANCE * high else None


def measure_rates(case: Case) -> TokenRates | None:
    """Return the billed tokens for each word; None if a count is missing."""
    names = ("base", *(f"repeat_{word}" for word in REPEATED_WORDS), "repeat_twice")
    counts = [case.input_tokens(name) for name in names]
    known = [count for count in counts if count is not None]
    if len(known) != len(counts):
        return None
    base, *repeats, twice = known
    return TokenRates(tuple((count - base) / REPEATS for count in repeats), (twice - repeats[0]) / REPEATS)


def judge_tokens(case: Case) -> Verdict:
    """Judge the billed tokens of prompts of known length."""
    base = case.evidence["base"]
    if problem := find_problem(base):
        return problem
    rates = measure_rates(case)
    if rates is None:
        return unclear("no_counts")
    values = {"words": REPEATS, "tokens": round(rates.by_word[0] * REPEATS)}
    factor = rates.common_factor
    if not rates.is_steady:
        return unclear("tokens_unsteady", first=round(rates.by_word[0], 2), second=round(rates.second_slope, 2))
    if rates.is_proportional_to_length:
        return unclear("tokens_estimated", **values)
    if rates.is_whole:
        if factor and round(factor) > 1:
            return failed("tokens_multiplied", "likely", factor=round(factor), **values)
        overhead = base.usage.input or 0
        return (
            failed("tokens_added", "likely", tokens=overhead)
            if overhead > _MAX_OVERHEAD
            else passed("tokens_fit", **values)
        )
    if factor and 1 + TOLERANCE < factor < _MAX_FACTOR:
        return failed("tokens_inflated", percent=round(100 * (factor - 1)), **values)
    return unclear("tokens_fewer" if factor and factor < 1 else "tokens_uneven", **values)


def _input_factor(case: Case) -> float | None:
    """Return by how much the prompts are billed too high, 1.0 for honest counts; None if it is unknown."""
    rates = measure_rates(case)
    if rates is None or not rates.is_steady or rates.is_proportional_to_length:
        return None
    return 1.0 if rates.is_whole else rates.common_factor


def judge_output_tokens(case: Case) -> Verdict:
    """Judge the billed tokens of an answer by those of the same words in a prompt."""
    base, listed, factor = case.input_tokens("base"), case.input_tokens("list"), _input_factor(case)
    words = list(samples.COMMON_WORDS)
    copies = [
        found
        for name, found in case.evidence.items()
        if name.startswith("copy") and found.text.split() == words and found.usage.output
    ]
    if base is None or listed is None or factor is None or not copies:
        return unclear("no_counts")
    if any(found.thinking or found.usage.reasoning is None and _may_think(case) for found in copies):
        return unclear("output_thinks")
    expected = (listed - base) / factor
    billed = min((found.usage.output or 0) - (found.usage.reasoning or 0) for found in copies)
    values = {"billed": billed, "expected": round(expected), "words": len(words)}
    if billed > (1 + _OUTPUT_TOLERANCE) * expected + _END_TOKENS:
        return failed("output_inflated", percent=round(100 * (billed / expected - 1)), **values)
    return passed("output_fits", **values)


def _may_think(case: Case) -> bool:
    """Return True if tokens of thinking may be in the count of an answer without a trace of it."""
    if case.vendor in ("OpenAI", "Anthropic"):
        return request_body.thinks(case.target, case.requests["copy"].params, case.capabilities)
    return case.capabilities.thinking is not False


def judge_tokenizer(case: Case) -> Verdict:
    """Judge by the tokens of digits if the vendor's tokenizer has counted."""
    base, digits, factor = case.input_tokens("base"), case.input_tokens("digits"), _digit_factor(case)
    if base is None or digits is None or factor is None:
        return unclear("no_counts")
    expected = None if _OLD_MODELS.search(case.target.model) else _DIGITS_PER_TOKEN.get(case.vendor)
    per_token = DIGIT_COUNT / max(1.0, (digits - base) / factor)
    found = next((count for count in (1, 3) if abs(per_token - count) <= 0.08 * count), 0)
    if expected is None or not found:
        return unclear("no_digit_rule", digits=round(per_token, 1))
    if found == expected:
        return passed("digits_fit", vendor=case.vendor, digits=expected)
    others = ", ".join(sorted(vendor for vendor, count in _DIGITS_PER_TOKEN.items() if count == found))
    return failed("other_tokenizer", "likely", vendor=case.vendor, expected=expected, digits=found, others=others)


def _digit_factor(case: Case) -> float | None:
    """Return the factor of the counts, by one repeated word."""
    base, repeated = case.input_tokens("base"), case.input_tokens("repeat_the")
    if base is None or repeated is None or repeated <= base:
        return None
    rate = (repeated - base) / REPEATS
    return 1.0 if abs(rate - round(rate)) <= TOLERANCE else rate


def judge_token_count(case: Case) -> Verdict:
    """Judge the billed tokens of a prompt by the gateway's own count of it."""
    found, billed = case.evidence["list"], case.input_tokens("list")
    if problem := find_problem(found):
        return problem
    if found.counted_tokens is None:
        return Verdict("unsupported", "no_token_count")
    if billed is None:
        return unclear("no_counts")
    values = {"counted": found.counted_tokens, "billed": billed}
    if billed > (1 + TOLERANCE) * found.counted_tokens + 3:
        percent = round(100 * (billed / max(1, found.counted_tokens) - 1))
        return failed("count_differs", "likely", percent=percent, **values)
    return passed("count_fits", **values)


def judge_model(case: Case) -> Verdict:
    """Judge the model that the response names, and the form of its id."""
    found = case.evidence["copy"]
    if problem := find_problem(found):
        return problem
    asked, served = case.target.model, found.model
    if not served:
        return unclear("no_model_named")
    if not _is_same_model(asked, served):
        vendor, other = vendors.vendor_of(asked), vendors.vendor_of(served)
        if vendor not in _MAKERS:  # a name of the gateway's own
            return unclear("alias", asked=asked, served=quote(served))
        is_other_vendor = other in _MAKERS and vendor != other
        code = "other_vendor" if is_other_vendor else "other_model"
        return failed(code, "certain" if is_other_vendor else "likely", asked=asked, served=quote(served))
    if is_claude(asked) and case.target.wire == "anthropic" and not found.response_id.startswith("msg_"):
        return failed("foreign_id", "hint", id=quote(found.response_id) or "–")
    origin = next((name for prefix, name in _ORIGINS.items() if found.response_id.startswith(prefix)), "")
    return (
        passed("model_from", served=quote(served), origin=origin) if origin else passed("model", served=quote(served))
    )


def _is_same_model(asked: str, served: str) -> bool:
    return _model_name(asked) == _model_name(served)


def _model_name(model: str) -> str:
    """Return the name without version date, stage and effort, which gateways add and leave out."""
    name, previous = _EFFORT_SUFFIX.sub("", normalize_model_id(model).partition(":")[0]), ""
    while name != previous:
        name, previous = _VERSION_SUFFIX.sub("", name), name
    return name


def judge_knowledge(case: Case) -> Verdict:
    """Judge the model's own words: weak evidence, since models err about themselves."""
    found = case.evidence["facts"]
    if problem := find_problem(found):
        return problem
    claims = _find_claims(found.text)
    known = [month for month, _, name in FACTS if name.lower() in found.text.lower()]
    newest = known[-1][:4] if known else "–"
    if case.vendor in _MAKERS and claims and case.vendor not in claims:
        return failed("other_maker", "hint", vendor=case.vendor, claimed=", ".join(claims), text=quote(found.text))
    missing = [
        month for month, _, _ in FACTS if month not in known and _is_long_before(month, case.capabilities.knowledge)
    ]
    if len(missing) > 1:
        return failed("knows_less", "hint", stated=case.capabilities.knowledge, missing=missing[0][:4], newest=newest)
    if not known:
        return unclear("knows_nothing", text=quote(found.text))
    return passed("knows", claimed=", ".join(claims) or "–", newest=newest)


def _find_claims(text: str) -> Sequence[str]:
    head = "\n".join(line for line in text.splitlines() if "laureate" not in line.lower())
    return [vendor for vendor, pattern in _MAKERS.items() if re.search(pattern, head, re.IGNORECASE)]


def _is_long_before(month: str, cutoff: str) -> bool:
    """Return True for a month half a year and more before the end of a model's knowledge."""
    if not re.match(r"\d{4}-\d\d", cutoff):
        return False
    (year, number), (end_year, end_number) = (map(int, text[:7].split("-")) for text in (month, cutoff))
    return 12 * (end_year - year) + end_number - number >= 6
