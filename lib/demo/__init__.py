"""The gateway for a first run without a key: a real HTTP server on loopback, both wires, every fault."""

from lib.demo.menu import MENU, Model
from lib.demo.server import Demo, start

__all__ = ["MENU", "Demo", "Model", "start"]
