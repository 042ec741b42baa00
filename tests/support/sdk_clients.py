"""Fixtures: the official SDKs as clients of a gateway under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import sdks

_VARIABLES = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS")


@pytest.fixture(scope="package")
def openai_sdk(gateway) -> Iterator[sdks.openai.OpenAI]:
    """OpenAI's SDK, unaffected by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _VARIABLES:
            patch.delenv(name, raising=False)
        with sdks.openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0) as client:
            yield client


@pytest.fixture(scope="package")
def anthropic_sdk(gateway) -> Iterator[sdks.anthropic.Anthropic]:
    """Anthropic's SDK, unaffected by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _VARIABLES:
            patch.delenv(name, raising=False)
        headers = {"x-api-key": "none"}
        options = {"base_url": gateway.url, "api_key": "none", "max_retries": 0, "default_headers": headers}
        with sdks.anthropic.Anthropic(**options) as client:
            yield client
