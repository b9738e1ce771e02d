"""The JSON schema of scenario files, from which editors complete and check while one types.

It describes the file, not only the sections: any value may be annotated with where it comes from, laws are spelled
out, and a file that extends another one may leave out everything but its name. What it lets through, `load` may still
refuse.
"""

from typing import Any

from sim.scenario.distributions import KINDS
from sim.scenario.schema import LAW, Scenario

Json = dict[str, Any]

_QUANTITY: Json = {"type": ["string", "number"]}
_DEFINED: Json = {
    "source": {"type": "string", "description": "where the value is from"},
    "assumed": {"type": "string", "description": "why it is assumed, where nobody publishes it"},
    "range": {"type": "array", "minItems": 2, "maxItems": 2, "description": "what it could be: [low, high]"},
}
_NOTES: Json = {key: {"$ref": f"#/$defs/{key}"} for key in _DEFINED}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def _closed(properties: Json, **more: Any) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


_NOTED = _closed({"value": {}, **_NOTES}, required=["value"])


def json_schema() -> Json:
    """Return the schema of a scenario file."""
    schema = Scenario.model_json_schema(by_alias=True)
    sections = {name: _opened(section) for name, section in schema.pop("$defs").items()}
    top = _opened(schema)
    top["properties"]["extends"] = {"type": "string", "description": "a scenario file to start from"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "pagopa-sim scenario",
        "required": ["name"],
        "$defs": sections | {"Law": _law(), "Quantity": _annotated(dict(_QUANTITY)), "Noted": _NOTED} | _DEFINED,
    }


def _opened(schema: Json) -> Json:
    """Let every value of a section be annotated, and any of them be left to the file that is extended."""
    properties = {name: _annotated(_value(each)) for name, each in schema["properties"].items()}
    kept = {key: schema[key] for key in ("description", "type", "additionalProperties")}
    return {**kept, "properties": properties | _NOTES}


def _value(schema: Json) -> Json:
    """Write a value's schema as files have it: limits in JSON's words, defaults only where they are plain."""
    schema = {key: each for key, each in schema.items() if key != "title"}
    if isinstance(schema.get("default"), (dict, list, type(None))):
        schema.pop("default", None)
    if schema.get("$comment") == LAW["$comment"]:
        schema = {"$ref": "#/$defs/Law", **{key: each for key, each in schema.items() if key != "$comment"}}
    for ours, theirs in _LIMITS.items():
        limit = schema.pop(ours, None)
        if limit is not None and schema["type"] == "integer":
            schema[theirs] = limit
    if "anyOf" in schema:
        schema["anyOf"] = [_value(each) for each in schema["anyOf"]]
    if "items" in schema:
        schema["items"] = _annotated(_value(schema["items"]))
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _annotated(_value(schema["additionalProperties"]))
        schema["properties"] = _NOTES
    if schema.get("$ref") == "#/$defs/End":
        return {"anyOf": [_QUANTITY, schema]}
    return schema


def _annotated(value: Json) -> Json:
    """Let a value be written plainly, or as `{value: ..., source: ...}`."""
    described: Json = {key: value.pop(key) for key in ("description", "default") if key in value}
    return {**described, "anyOf": [value, {"allOf": [{"$ref": "#/$defs/Noted"}, {"properties": {"value": value}}]}]}


def _law() -> Json:
    """Return the schema of a law: a quantity, which is a constant, or one of the kinds by name."""
    quantity, number = {"$ref": "#/$defs/Quantity"}, _annotated({"type": "number"})
    kinds = {
        kind: _closed(
            dict.fromkeys(spec.quantities, quantity) | dict.fromkeys(spec.numbers, number) | _NOTES,
            patternProperties={r"^p\d+(\.\d+)?$": quantity},
        )
        for kind, spec in KINDS.items()
    }
    kinds["constant"] = {"anyOf": [_QUANTITY, kinds["constant"]]}
    kinds["empirical"] = _closed({
        **{key: _annotated({"type": "string"}) for key in ("file", "column", "unit")},
        "values": {"type": "array", "items": quantity, "minItems": 1},
        **_NOTES,
    })  # fmt: skip
    kinds["quantiles"] = {"type": "object", "properties": _NOTES, "additionalProperties": quantity}
    shapes = {"type": "object", "properties": {"name": {"type": "string"}, **_NOTES}, "additionalProperties": quantity}
    described = "a continuous distribution of scipy.stats, its shapes, and loc and scale or one or two percentiles"
    kinds["scipy"] = {**shapes, "description": described}
    beside = {"shift": quantity, "truncate": _closed({"low": quantity, "high": quantity, **_NOTES})}
    part = _closed({"weight": quantity, **kinds, **beside, **_NOTES}, required=["weight"])
    kinds["mixture"] = {"type": "array", "items": part, "minItems": 1}
    return {
        "description": "a quantity, or a law by parameters or percentiles",
        "anyOf": [_QUANTITY, _closed(kinds | beside | _NOTES)],
    }
