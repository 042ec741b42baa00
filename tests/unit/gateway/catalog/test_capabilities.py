"""Capabilities in entries of model lists, and vendors by id: unknown rather than wrong."""

import json
from datetime import date
from typing import Any

import pytest

from lib.core.models import Capabilities
from lib.gateway.catalog import capabilities, vendors
from tests.unit.gateway.recordings import RECORDINGS


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
                audio=False,
                thinking=False,
                tools=False,
                structured_outputs=False,
            ),
        ),
        (
            {
                "max_input_tokens": 200_000,
                "capabilities": {
                    "image_input": {"supported": True},
                    "audio_input": {"supported": True},
                    "pdf_input": {"supported": False},
                    "thinking": {"supported": True, "types": {}},
                },
            },
            Capabilities(context_window=200_000, image=True, pdf=False, audio=True, thinking=True),
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
        ({"capabilities": {"thinking": {"types": {"adaptive": {"supported": False}}}}}, "thinking_modes", ()),
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
