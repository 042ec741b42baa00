"""Vendors of models, by provider id and by the id of a model."""

from __future__ import annotations

import re
from types import MappingProxyType

# Providers of models.dev that list their own models; all others resell.
VENDOR_BY_PROVIDER = MappingProxyType(
    {
        "alibaba": "Qwen",
        "anthropic": "Anthropic",
        "cohere": "Cohere",
        "deepseek": "DeepSeek",
        "google": "Google",
        "llama": "Meta",
        "minimax": "MiniMax",
        "mistral": "Mistral",
        "moonshotai": "Moonshot AI",
        "openai": "OpenAI",
        "perplexity": "Perplexity",
        "stepfun": "StepFun",
        "upstage": "Upstage",
        "xai": "xAI",
        "xiaomi": "Xiaomi",
        "zai": "Z.ai",
    }
)
# Prefixes of model ids that name a vendor and not a reseller.
_VENDOR_BY_PREFIX = MappingProxyType(
    {
        **VENDOR_BY_PROVIDER,
        "ai21": "AI21",
        "amazon": "Amazon",
        "baidu": "Baidu",
        "bytedance": "ByteDance",
        "bytedance-seed": "ByteDance",
        "deepseek-ai": "DeepSeek",
        "gemini": "Google",
        "meta": "Meta",
        "meta-llama": "Meta",
        "microsoft": "Microsoft",
        "minimaxai": "MiniMax",
        "mistralai": "Mistral",
        "moonshot": "Moonshot AI",
        "nvidia": "NVIDIA",
        "qwen": "Qwen",
        "tencent": "Tencent",
        "thudm": "Z.ai",
        "x-ai": "xAI",
        "z-ai": "Z.ai",
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

VENDORS = frozenset(_VENDOR_BY_PREFIX.values()) | {vendor for _, vendor in _VENDOR_BY_NAME_PATTERN}


def vendor_of(model_id: str) -> str:
    """Display name of the vendor that a model id names, else the id's last folder, else ""."""
    *folders, name = model_id.strip().split("/")
    # Bedrock's ids have the vendor before a dot: anthropic.claude-…
    prefixes = [prefix.casefold() for prefix in (*folders, *name.split(".")[:-1])]
    vendors = [_VENDOR_BY_PREFIX[prefix] for prefix in prefixes if prefix in _VENDOR_BY_PREFIX]
    vendors += [vendor for pattern, vendor in _VENDOR_BY_NAME_PATTERN if re.match(pattern, name.casefold())]
    return next(iter(vendors or folders[-1:]), "")
