"""The gateway for a first run without a key: a real HTTP server on loopback with both wires."""

from pathlib import Path

from lib.demo.models import MODELS, Model, describe_model
from lib.demo.server import DemoGateway

RECORDINGS = Path(__file__).parent / "recordings"  # bug reports of its answers, which links play

__all__ = ["MODELS", "RECORDINGS", "DemoGateway", "Model", "describe_model"]
