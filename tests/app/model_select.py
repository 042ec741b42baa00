"""The buttons that choose a model under AppTest, which does not run the script of a component."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

LIST_FIELDS = ("id", "name", "vendor", "input", "output", "context", "capabilities", "note")


def _components(at: AppTest, name: str) -> list[Any]:
    return [element.proto for element in at.get("bidi_component") if element.proto.component_name == name]


def send_state(at: AppTest, name: str, value: dict[str, Any], position: int = 0) -> None:
    """Run the script with the state that the component's script sends."""
    states = at._tree.get_widget_states()
    states.widgets.append(WidgetState(id=_components(at, name)[position].id, json_value=json.dumps(value)))
    at._run(states)


def _parts(at: AppTest) -> list[tuple[Any, dict[str, Any]]]:
    return [(component, json.loads(component.json)) for component in _components(at, "antler.model_select")]


def list_labels(at: AppTest) -> list[str]:
    """Return the labels of the buttons."""
    return [data["label"] for _, data in _parts(at)]


def button_data(at: AppTest, label: str = "Model") -> dict[str, Any]:
    """Return what the button with this label shows."""
    return next(data for _, data in _parts(at) if data["label"] == label)


def selected_model(at: AppTest, label: str = "Model") -> str:
    return str(button_data(at, label)["model"])


def choose_model(at: AppTest, model: str, label: str = "Model", **changes: Any) -> None:
    """Choose a model in the list of the button, as its script does."""
    choose_models(at, {label: model}, **changes)


def choose_models(at: AppTest, models: Mapping[str, str], **changes: Any) -> None:
    """Choose a model in the list of each button, by its label."""
    buttons = {data["label"]: (component.id, data["scope"]) for component, data in _parts(at)}
    states = at._tree.get_widget_states()
    for label, model in models.items():
        component_id, scope = buttons[label]
        choice = {"model": model, "scope": scope, "nonce": secrets.token_hex(4), **changes}
        states.widgets.append(WidgetState(id=component_id, json_value=json.dumps({"choice": choice})))
    at._run(states)


def encoded_list(at: AppTest) -> bytes:
    """Return the list of models as the browser gets it."""
    (component,) = _components(at, "antler.model_list")
    return bytes(component.bytes)


def listed_models(at: AppTest) -> list[dict[str, str]]:
    """Return the models of the list in their order, by field."""
    rows = json.loads(encoded_list(at))["models"]
    return [dict(zip(LIST_FIELDS, [*row, *[""] * len(LIST_FIELDS)], strict=False)) for row in rows]


def star_model(at: AppTest, model: str, is_favourite: bool) -> None:
    """Press the star of a model in the list."""
    changes = {"changes": {model: is_favourite}, "nonce": secrets.token_hex(4)}
    send_state(at, "antler.model_list", {"favourites": changes})
