"""Gateway check of a real gateway: LiteLLM in front of an honest upstream is accused of nothing."""

from __future__ import annotations

import pytest

from lib.core.target import WIRES, Target
from lib.gateway.client import Gateway
from tests.real.conftest import CHECKED
from tests.unit.chat.gateway_check.runs import check, failures

# What an honest gateway shows over every pair of formats.
PASSED = {"usage", "model", "tokens", "output_tokens", "knowledge", "max_tokens", "stop", "errors", "tools", "image"}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("model", [target.model for target in CHECKED])
def test_an_honest_upstream_behind_litellm(gateway: Gateway, model, wire):
    run = check(gateway, Target(model, wire))
    assert run.state == "done"
    assert failures(run) == {}
    assert {result.probe for result in run.results if result.status == "passed"} >= PASSED
