"""A fake of the gateway on loopback for tests: both wires, every model of the demo and every fault."""

from tests.fake_gateway.server import FakeGateway

__all__ = ["FakeGateway"]
