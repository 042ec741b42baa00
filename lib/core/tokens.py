"""Estimated token counts of texts, for any model."""

from __future__ import annotations

# No tokenizer fits all models, and those of some makers are not public, so these are the makers' own rules
# of thumb, taken from their careful end. English: OpenAI says 4 characters to a token, Anthropic 3.5,
# DeepSeek 3.3. Chinese: DeepSeek says 0.6 tokens to a sign, Qwen 0.6; older vocabularies take 1 and more.
# So the sum is some 10 % over for English, up to 40 % over for Chinese with a newer vocabulary, and up to
# 20 % under for dense code and tables. What a gateway has counted itself is always better.
ASCII_CHARS_PER_TOKEN = 3.6
_TOKENS_PER_TWO_BYTE_CHAR = 0.5  # Cyrillic, Greek, Arabic, letters with accents
_TOKENS_PER_THREE_BYTE_CHAR = 1.0  # Chinese, Japanese, Korean, Thai, typographers' signs
_TOKENS_PER_FOUR_BYTE_CHAR = 2.0  # emoji, rare signs
MESSAGE_OVERHEAD = 4  # what stands around each message: its role and its bounds


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
