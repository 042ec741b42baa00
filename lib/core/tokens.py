"""Estimated token counts of texts, for any model."""

from __future__ import annotations

# No tokenizer fits all models, and those of some vendors are not public, so these are conservative values of
# the vendors' own rules of thumb. English: 4 characters a token (OpenAI), 3.5 (Anthropic), 3.3 (DeepSeek).
# Chinese: 0.6 tokens a character (DeepSeek, Qwen); 1 and more with older vocabularies. The estimate is about
# 10 % too high for English, up to 40 % for Chinese with a newer vocabulary, and up to 20 % too low for dense
# code and tables. A count by the gateway is always better.
ASCII_CHARS_PER_TOKEN = 3.6
_TOKENS_PER_TWO_BYTE_CHAR = 0.5  # Cyrillic, Greek, Arabic, letters with accents
_TOKENS_PER_THREE_BYTE_CHAR = 1.0  # Chinese, Japanese, Korean, Thai, typographic punctuation
_TOKENS_PER_FOUR_BYTE_CHAR = 2.0  # emoji, rare characters
MESSAGE_OVERHEAD = 4  # role and delimiters of each message


def estimate(text: str) -> int:
    """Estimate the tokens of a text; 0 only for ""."""
    size = len(text)
    if text.isascii():
        return _ceil(size / ASCII_CHARS_PER_TOKEN)
    # By the lengths of encodings, which take no loop: a path is measured at every run of the page.
    ascii_ = len(text.encode("ascii", "ignore"))
    four = len(text.encode("utf-16-le", "surrogatepass")) // 2 - size
    others = size - ascii_ - four
    three = len(text.encode("utf-8", "surrogatepass")) - ascii_ - 4 * four - 2 * others
    two = others - three
    return _ceil(
        ascii_ / ASCII_CHARS_PER_TOKEN
        + two * _TOKENS_PER_TWO_BYTE_CHAR
        + three * _TOKENS_PER_THREE_BYTE_CHAR
        + four * _TOKENS_PER_FOUR_BYTE_CHAR
    )


def estimate_message(text: str) -> int:
    """Estimate the tokens of a message; 0 for a blank one, which is not sent."""
    return estimate(text) + MESSAGE_OVERHEAD if text.strip() else 0


def _ceil(tokens: float) -> int:
    return -int(-tokens // 1)
