"""The gateway for a first run without a key: a real HTTP server on loopback with both wires."""

from lib.demo.models import MODELS, Model
from lib.demo.server import DemoGateway

__all__ = ["MODELS", "DemoGateway", "Model"]
