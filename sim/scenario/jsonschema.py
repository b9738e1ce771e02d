"""The JSON schema of scenario files, from which editors complete and check while one types.

It describes the file, not only the sections: any value may be annotated with where it comes from, and a file may
extend another one.
"""

from typing import Any

from sim.scenario.annotations import KEYS
from sim.scenario.schema import Scenario


def json_schema() -> dict[str, Any]:
    """Return the schema of a scenario file."""
    schema = Scenario.model_json_schema(by_alias=True)
    for section in (schema, *schema["$defs"].values()):
        if section.get("type") == "object" and "properties" in section:
            section["properties"] = {name: _annotated(each) for name, each in section["properties"].items()}
            section["properties"].update({key: _NOTES[key] for key in KEYS})
    schema["properties"]["extends"] = {"type": "string", "description": "a scenario file to start from"}
    schema["required"] = ["name"]
    for section in schema["$defs"].values():
        section.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pagopa-sim scenario", **schema}


_NOTES: dict[str, Any] = {
    "source": {"type": "string", "description": "where the value is from"},
    "assumed": {"type": "string", "description": "why it is assumed, where nobody publishes it"},
    "range": {"type": "array", "minItems": 2, "maxItems": 2, "description": "what it could be: [low, high]"},
}


def _annotated(value: dict[str, Any]) -> dict[str, Any]:
    """Let a value be written plainly, or as `{value: ..., source: ...}`."""
    described: dict[str, Any] = {key: value.pop(key) for key in ("description", "default", "title") if key in value}
    noted = {"type": "object", "required": ["value"], "properties": {"value": value, **_NOTES}}
    return {**described, "anyOf": [value, noted]}
