"""Makers: whose model an id names, by the name alone."""

from __future__ import annotations

import re
from types import MappingProxyType

# What ids have before their slash, where that is no seller's name.
_VENDOR_BY_PREFIX = MappingProxyType(
    {
        "ai21": "AI21",
        "alibaba": "Qwen",
        "amazon": "Amazon",
        "anthropic": "Anthropic",
        "baidu": "Baidu",
        "bytedance": "ByteDance",
        "bytedance-seed": "ByteDance",
        "cohere": "Cohere",
        "deepseek": "DeepSeek",
        "deepseek-ai": "DeepSeek",
        "gemini": "Google",
        "google": "Google",
        "meta": "Meta",
        "meta-llama": "Meta",
        "microsoft": "Microsoft",
        "minimax": "MiniMax",
        "minimaxai": "MiniMax",
        "mistral": "Mistral",
        "mistralai": "Mistral",
        "moonshot": "Moonshot AI",
        "moonshotai": "Moonshot AI",
        "nvidia": "NVIDIA",
        "openai": "OpenAI",
        "perplexity": "Perplexity",
        "qwen": "Qwen",
        "stepfun": "StepFun",
        "tencent": "Tencent",
        "thudm": "Z.ai",
        "x-ai": "xAI",
        "xai": "xAI",
        "xiaomi": "Xiaomi",
        "z-ai": "Z.ai",
        "zai": "Z.ai",
        "zai-org": "Z.ai",
        "zhipu": "Z.ai",
        "zhipuai": "Z.ai",
    }
)
_VENDOR_BY_NAME_PATTERN = (
    (r"claude", "Anthropic"),
    (r"gpt|chatgpt|o\d|dall-e|codex|text-embedding|whisper|tts-", "OpenAI"),
    (r"gemini|gemma|imagen|veo", "Google"),
    (r"deepseek", "DeepSeek"),
    (r"qwen|qwq|qvq|tongyi", "Qwen"),
    (r"glm|chatglm|cogview", "Z.ai"),
    (r"grok", "xAI"),
    (r"mistral|ministral|magistral|mixtral|codestral|devstral|pixtral|voxtral", "Mistral"),
    (r"llama|meta-llama", "Meta"),
    (r"kimi|moonshot", "Moonshot AI"),
    (r"minimax|abab", "MiniMax"),
    (r"doubao|seed-", "ByteDance"),
    (r"command-", "Cohere"),
    (r"sonar", "Perplexity"),
    (r"nova-|amazon\.", "Amazon"),
    (r"ernie", "Baidu"),
    (r"hunyuan", "Tencent"),
    (r"phi-", "Microsoft"),
    (r"step-", "StepFun"),
    (r"mimo-", "Xiaomi"),
)

VENDORS = frozenset(_VENDOR_BY_PREFIX.values()) | {maker for _, maker in _VENDOR_BY_NAME_PATTERN}


def vendor_of(model_id: str) -> str:
    """The maker that an id itself names, as it is shown, else what it has before its slash, else ""."""
    *folders, name = model_id.strip().split("/")
    # anthropic.claude-…, as Bedrock writes it.
    spoken = [folder.casefold() for folder in (*folders, *name.split(".")[:-1])]
    known = [_VENDOR_BY_PREFIX[folder] for folder in spoken if folder in _VENDOR_BY_PREFIX]
    known += [maker for start, maker in _VENDOR_BY_NAME_PATTERN if re.match(start, name.casefold())]
    return next(iter(known or folders[-1:]), "")
