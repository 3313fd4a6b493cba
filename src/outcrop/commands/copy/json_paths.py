"""A jsonpaths file: where in a JSON document each column's value is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.errors import InvalidParameter

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)|\[\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\""
    r"|(?P<index>\d+))\s*\]"
)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """`$.a['b'][0]` as its steps: names and numbers."""

    steps: tuple[str | int, ...]

    def find(self, document: Any) -> Any:
        """Return what is at this path, None where nothing is."""
        for step in self.steps:
            if isinstance(step, str) and isinstance(document, dict):
                document = document.get(step)
            elif isinstance(step, int) and isinstance(document, list):
                document = document[step] if step < len(document) else None
            else:
                return None
        return document


def parse_json_path(text: str) -> JsonPath:
    """Return the path that `text` is: bracket or dot notation, from `$`."""
    steps: list[str | int] = []
    position = 1 if text.startswith("$") else -1
    while 0 <= position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            position = -1
            break
        names = (found["name"], found["single"], found["double"])
        name = next((n for n in names if n is not None), None)
        steps.append(int(found["index"]) if name is None else name)
        position = found.end()
    if position < 0:
        raise InvalidParameter(
            f"invalid JSON path {text!r}", hint="A path looks like $.a, $['a']['b'] or $.a[0]."
        )
    return JsonPath(tuple(steps))


def parse_json_paths(text: str, file: str, columns: Sequence[str]) -> tuple[JsonPath, ...]:
    """Return the paths of a jsonpaths file, one a column, in their order."""
    example = '{"jsonpaths": ["$.id", "$.name"]}'
    try:
        paths = json.loads(text)["jsonpaths"]
        parsed = tuple(parse_json_path(path) for path in paths)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidParameter(
            f"{file} is no jsonpaths file", hint=f"It looks like {example}."
        ) from error
    if len(parsed) != len(columns):
        raise InvalidParameter(
            f"{file} has {len(parsed)} paths, and {len(columns)} columns are loaded",
            hint="Give one path a column, in the order of the columns.",
        )
    return parsed
