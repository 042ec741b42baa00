"""Gateway check: its form, its progress, its results, and the notes about models that follow from them."""

from lib.ui.gateway_check.notes import picker_note, target_notes
from lib.ui.gateway_check.panel import render_personal, render_team

__all__ = ["picker_note", "render_personal", "render_team", "target_notes"]
