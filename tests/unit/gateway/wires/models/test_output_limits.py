"""Output limits in the words of refusals."""

import pytest

from lib.gateway.wires.models.output_limits import find_stated_limit

# Errors as vendors and servers word them, the limit that was sent, and the one that they allow.
REFUSALS = [
    (
        "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-3-haiku-20240307",
        8192,
        4096,
    ),
    (
        "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided "
        "32000.",
        32000,
        16384,
    ),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 32000, 8192),
    ("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", 32000, 8192),
    (
        "Unable to submit request because it has a maxOutputTokens value of 100000 but the supported range is from 1 "
        "(inclusive) to 65537 (exclusive).",
        100000,
        65536,
    ),
    (
        "The maximum tokens you requested exceeds the model limit of 8192. Try again with a maximum tokens value that "
        "is lower than 8192.",
        32000,
        8192,
    ),
    ("`max_tokens` must be less than or equal to `8192`, the maximum value for this model", 32000, 8192),
    ("max_completion_tokens cannot exceed 32768", 128000, 32768),
    ("max_tokens 参数不能超过 4096", 8192, 4096),
    ("max_tokens参数超过限制，最大值为 4096", 8192, 4096),
    ("input length and `max_tokens` exceed context limit: 150000 + 64000 > 200000, decrease", 64000, 50000),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 8192 "
        "tokens and your request has 20 input tokens (8192 > 8192 - 20).",
        8192,
        8172,
    ),
    (
        "This model's maximum context length is 128000 tokens. However, you requested 65535 output tokens and your "
        "prompt contains at least 62466 input tokens, for a total of at least 128001 tokens.",
        65535,
        65534,
    ),
]


@pytest.mark.parametrize(("words", "sent", "allowed"), REFUSALS)
def test_the_limit_that_a_refusal_allows_is_found(words: str, sent: int, allowed: int) -> None:
    assert find_stated_limit(words, sent) == allowed


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("max_tokens: 100 > 4096", 100),  # not above it
        ("max_tokens must be at least 1, got -186.", 8192),
        ("prompt is too long: 207791 tokens > 200000 maximum", 8192),
        # The conversation is too long, not the limit.
        ("input length and `max_tokens` exceed context limit: 199900 + 64000 > 200000", 64000),
        ("thinking.budget_tokens must be less than max_tokens", 8192),
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", 8192),
        ("temperature must be less than or equal to 2", 8192),
        ("Rate limit reached: at most 3 requests per minute", 8192),
        ("", 8192),
    ],
)
def test_other_words_name_no_limit(words: str, sent: int) -> None:
    assert find_stated_limit(words, sent) is None
