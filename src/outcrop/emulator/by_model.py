"""Numbers by name and model, such as quotas and the rates of faults.

`NAME` is for every model, `NAME@MODEL` for those that MODEL fits: an id, or a pattern with `*` for
any text, `?` for any character and `[...]` for one of several. Of several that fit, the longest
counts, so that an exception is said beside its rule:

    {"rps": 50, "rps@*claude*": 5, "tpm@*claude*": 20_000}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from outcrop.errors import InvalidParameter, suggest


def check_names(keys: Collection[str], known: Collection[str], what: str) -> None:
    """Raise InvalidParameter for a name that is not among those `known`, or for an empty MODEL."""
    for key in keys:
        name, at, pattern = key.partition("@")
        if name not in known:
            hint = suggest(name, known) or f"The {what}s are {', '.join(known)}."
            raise InvalidParameter(f"there is no {what} {name!r}", hint=hint)
        if at and not pattern:
            raise InvalidParameter(
                f"the {what} {key!r} names no model after the @",
                hint=f"{name} alone is for every model.",
            )


def for_model(numbers: Mapping[str, float], model_id: str) -> dict[str, float]:
    """Return the numbers that hold for a model, by name alone."""
    found: dict[str, tuple[int, float]] = {}
    for key, number in numbers.items():
        name, _, pattern = key.partition("@")
        if pattern and not fnmatchcase(model_id, pattern):
            continue
        if name not in found or len(pattern) > found[name][0]:
            found[name] = (len(pattern), number)
    return {name: number for name, (_, number) in found.items()}
