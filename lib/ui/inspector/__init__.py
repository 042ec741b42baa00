"""Inspector: what was sent for an answer, and what came back, byte by byte."""

from __future__ import annotations

from lib.ui.inspector.drawer import open_exchange, render
from lib.ui.inspector.drawer import render_open_button as render_button

__all__ = ["open_exchange", "render", "render_button"]
