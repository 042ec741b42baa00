"""What the theme cannot say of the look: a few rules of CSS."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_CSS = (Path(__file__).parent / "theme.css").read_text(encoding="utf-8")


def render() -> None:
    st.html(f"<style>{_CSS}</style>")
