"""Routes through the proxy: the client's wire, and the wire to the upstream."""

from __future__ import annotations

import pytest

from lib.config.settings import Settings
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.target import WIRES, Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.unit.gateway.recordings import CollectedAnswer, collect

QUESTION = [Message("user", (TextPart("What is it?"),))]
DEFAULT_PARAMS = Params()
# The proxy's names of the upstream that replays the response of a test.
REPLAY_MODELS: dict[Wire, str] = {"openai": "gpt-replayed", "anthropic": "claude-replayed"}

each_wire = pytest.mark.parametrize("wire", WIRES)
each_route = pytest.mark.parametrize(
    ("wire", "upstream_wire"), [(wire, upstream_wire) for wire in WIRES for upstream_wire in WIRES]
)


def ask(
    gateway: Gateway, wire: Wire, model: str, question: str = "", params: Params = DEFAULT_PARAMS
) -> CollectedAnswer:
    """Ask a model of the proxy and collect the answer."""
    path = [Message("user", (TextPart(question),))] if question else QUESTION
    return collect(gateway.stream(Target(model, wire), path, params, CancelToken()))


def ask_directly(wire: Wire, model: str, question: str = "") -> CollectedAnswer:
    """Ask the fake gateway without the proxy and collect the answer."""
    server = FakeGateway(pace=50)
    try:
        return ask(Gateway(Settings(base_url=server.url, retries=0)), wire, model, question)
    finally:
        server.close()
