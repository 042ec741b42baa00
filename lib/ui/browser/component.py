"""Components of the page: scripts in files beside the module that uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

# The scripts of all components, by their full names.
scripts_by_component: dict[str, str] = {}


def declare(
    name: str,
    module_file: str,
    *scripts: str,
    html: str | None = None,
    css: str | None = None,
    isolate_styles: bool = False,
) -> Callable[..., Any]:
    """Return the component with that name, to be called where it is rendered.

    `scripts` are names of JavaScript files in the folder of `module_file`, without their suffix: a component has one
    script, without imports, so they are joined in this order, and each knows what stands in those before. The browser
    calls the default function of the last one at every change of the data, and the function that this returns when
    the component leaves the page. `css` is the name of a style sheet beside them.
    """
    folder = Path(module_file).parent
    name = f"antler.{name}"
    script = scripts_by_component[name] = "\n".join(_read(folder, script, "js") for script in scripts)
    return st.components.v2.component(
        name,
        js=script,
        html=html,
        css=_read(folder, css, "css") if css else None,
        isolate_styles=isolate_styles,
    )


def component_key(key: str) -> str:
    """Return the key of a component without underscores: Streamlit refuses two in a row, which ids may have."""
    return key.replace("_", "~")


def _read(folder: Path, name: str, suffix: str) -> str:
    return (folder / f"{name}.{suffix}").read_text(encoding="utf-8")
