"""The rows of the conversation list under AppTest, which does not run the script of a component."""

from __future__ import annotations

import json
from typing import Any

from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

NAME = "antler.conversation_rows"


def list_rows(at: AppTest) -> list[dict[str, Any]]:
    """Return the rows in their order, without headings."""
    return [row for _, data in _parts(at) for row in data["items"] if "id" in row]


def send(at: AppTest, title: str, event: str, label: str = "") -> None:
    """Run the script with the event of the row with a title, or with a part of it; `label` is in that of the action."""
    found = [(component, data, row) for component, data in _parts(at) for row in data["items"] if "id" in row]
    exact = [item for item in found if item[2]["title"] == title]
    component, data, row = next(item for item in exact or found if title in item[2]["title"])
    value = {"id": row["id"]}
    if label:
        value["action"] = next(action for action in row["actions"] if label in data["labels"][action])
    states = at._tree.get_widget_states()
    payload = json.dumps([{"event": event, "value": value}])
    states.widgets.append(WidgetState(id=_make_trigger_id(component.id, "events"), json_trigger_value=payload))
    at._run(states)


def _parts(at: AppTest) -> list[tuple[Any, dict[str, Any]]]:
    components = [element.proto for element in at.get("bidi_component") if element.proto.component_name == NAME]
    return [(component, json.loads(component.json)) for component in components]
