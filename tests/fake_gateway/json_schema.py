"""JSON answers for a request with a response format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.fake_gateway.validators import reject

# A schema that refers to itself would have no end.
_MAX_REFERENCES = 3


def requested_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of the response format, {} for any JSON, None for text."""
    response_format = body.get("response_format") or (body.get("output_config") or {}).get("format") or {}
    if response_format.get("type") == "json_object":
        return {}
    if response_format.get("type") == "json_schema":
        return (response_format.get("json_schema") or response_format).get("schema") or {}
    return None


def json_answer(schema: Mapping[str, Any], question: str) -> str:
    """Return a minimal instance of the schema. Raises ErrorResponse (400) for an invalid schema."""
    default = {"demo": True, "model": None, "note": "No model wrote this.", "question": question}
    try:
        instance = _instance(schema, schema, 0) if schema else default
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        reject("schema", "is not a JSON schema that the demo understands.")
    return json.dumps(instance, ensure_ascii=False, indent=2) + "\n"


def _instance(schema: Any, root: Mapping[str, Any], references: int) -> Any:
    if not isinstance(schema, Mapping) or references > _MAX_REFERENCES:
        return None
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        definitions = {**(root.get("definitions") or {}), **(root.get("$defs") or {})}
        return _instance(definitions.get(name), root, references + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _instance(schema[choice][0], root, references)
    return _typed_instance(schema, root, references)


def _typed_instance(schema: Mapping[str, Any], root: Mapping[str, Any], references: int) -> Any:
    types = schema.get("type") or ("object" if "properties" in schema else "string")
    match types[0] if isinstance(types, list) else types:
        case "object":
            properties = schema.get("properties") or {}
            return {name: _instance(inner, root, references) for name, inner in properties.items()}
        case "array":
            length = max(1, schema.get("minItems") or 1)
            return [_instance(schema.get("items") or {}, root, references)] * min(length, 100)
        case "number" | "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
    return "demo"
