"""A made-up value that a JSON schema allows; every choice in it is drawn from a key.

Knows const, enum, anyOf, oneOf, `$ref` inside the schema, properties, items and the limits of
numbers, texts and arrays: what providers take as an output schema (Bedrock user guide,
"Structured outputs").
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.errors import Rejected
from outcrop.providers.base import JsonObject
from outcrop.providers.seeded import draw

# A schema may refer to itself; below this depth only what it requires is written.
DEPTH_MAX = 8
# A schema whose required members refer to it has no finite value; no schema that has one is deeper.
DEPTH_LIMIT = 64


def write_json(schema: JsonObject, key: bytes) -> str:
    """Return JSON text that `schema` allows, the same for the same `key`.

    Raises Rejected where the schema refers to what it does not define.
    """
    value = _Writer(schema, key).write(schema, "$", 0)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Writer:
    root: JsonObject
    key: bytes

    def write(self, schema: JsonObject, path: str, depth: int) -> Any:
        """Return the value at `path` (such as `$.city`), on which the draws depend."""
        if depth > DEPTH_LIMIT:
            raise _rejected("the output schema requires itself without end")
        if "$ref" in schema:
            return self.write(self._resolve(schema["$ref"]), path, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][self._integer(path, 0, len(schema["enum"]) - 1)]
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self.write(schema[union][0], path, depth + 1)
        return self._write_type(schema, path, depth)

    def _write_type(self, schema: JsonObject, path: str, depth: int) -> Any:
        match _type_of(schema):
            case "object":
                return self._write_object(schema, path, depth)
            case "array":
                count = schema.get("minItems", 1 if depth < DEPTH_MAX else 0)
                items = schema.get("items", {})
                return [self.write(items, f"{path}[{i}]", depth + 1) for i in range(count)]
            case "integer" | "number":
                low, high = _range_of(schema)
                return self._integer(path, low, high)
            case "boolean":
                return draw(self.key, path) < 0.5
            case "null":
                return None
            case _:
                text = f"text {self._integer(path, 0, 9999):04}"
                return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]

    def _write_object(self, schema: JsonObject, path: str, depth: int) -> Mapping[str, Any]:
        members = schema.get("properties", {})
        names = members if depth < DEPTH_MAX else schema.get("required", ())
        return {n: self.write(members.get(n, {}), f"{path}.{n}", depth + 1) for n in names}

    def _integer(self, path: str, low: int, high: int) -> int:
        return low + int(draw(self.key, path) * (high - low + 1))

    def _resolve(self, reference: str) -> JsonObject:
        schema: Any = self.root
        for part in reference.removeprefix("#").strip("/").split("/"):
            schema = schema.get(part) if isinstance(schema, Mapping) and part else schema
        if not isinstance(schema, Mapping):
            raise _rejected(f"the output schema refers to {reference!r}, which it does not define")
        return schema


def _rejected(message: str) -> Rejected:
    return Rejected(message, code="ValidationException")


def _type_of(schema: JsonObject) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return next((name for name in declared if name != "null"), "null")
    if declared is None:
        return "object" if "properties" in schema else "string"
    return str(declared)


def _range_of(schema: JsonObject) -> tuple[int, int]:
    """Return the least and the greatest whole number to draw from; 100 apart where it is open."""
    low: int | None = None
    high: int | None = None
    if "minimum" in schema:
        low = math.ceil(schema["minimum"])
    if "exclusiveMinimum" in schema:
        low = math.floor(schema["exclusiveMinimum"]) + 1
    if "maximum" in schema:
        high = math.floor(schema["maximum"])
    if "exclusiveMaximum" in schema:
        high = math.ceil(schema["exclusiveMaximum"]) - 1
    if low is None:
        low = 0 if high is None else min(0, high)
    return low, max(low, low + 100 if high is None else high)
