"""The allow-list of functions, and that each has a meaning."""

from __future__ import annotations

import pytest

from outcrop.errors import UndefinedFunction
from outcrop.sql.functions import (
    DATE_PARTS,
    FUNCTIONS,
    SYNTACTIC_FUNCTIONS,
    FunctionKind,
    check_function,
    find_function,
)
from outcrop.sql.semantics.function_templates import NUMBER_FUNCTIONS, TEMPLATES, TEXT_FUNCTIONS
from outcrop.sql.semantics.translate_functions import SPECIAL_FUNCTIONS


def _translated() -> set[str]:
    """Return the scalar functions that `translate_functions` has to know."""
    return {
        name
        for name, spec in FUNCTIONS.items()
        if spec.kind is FunctionKind.SCALAR
        and spec.returns is not None
        and name not in SYNTACTIC_FUNCTIONS
    }


def test_every_scalar_function_has_one_translation() -> None:
    assert set(TEMPLATES) | set(SPECIAL_FUNCTIONS) == _translated()
    assert not set(TEMPLATES) & set(SPECIAL_FUNCTIONS)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_function_has_a_template_for_every_number_of_arguments(name: str) -> None:
    spec = FUNCTIONS[name]
    assert spec.arity_max is not None
    assert len(TEMPLATES[name]) == spec.arity_max - spec.arity_min + 1
    for arity, template in enumerate(TEMPLATES[name], start=spec.arity_min):
        used = {place for place in range(1, 10) if f"${place}" in template}
        assert used == set(range(1, arity + 1))


def test_functions_of_texts_and_numbers_are_known() -> None:
    assert set(FUNCTIONS) >= TEXT_FUNCTIONS
    assert set(FUNCTIONS) >= NUMBER_FUNCTIONS


@pytest.mark.parametrize("name", ["LEN", "Listagg", "getdate", "object"])
def test_a_function_is_found_in_any_case(name: str) -> None:
    spec = find_function(name)
    assert spec is not None
    assert spec.name == name.lower()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lenght", "Did you mean 'length'?"),
        ("my_modle", "Did you mean 'my_model'?"),
        ("read_csv", "Only Redshift's functions and those of external models can be called."),
    ],
)
def test_an_unknown_function_is_refused_with_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UndefinedFunction) as caught:
        check_function(name, 1, known=["my_model"])
    assert caught.value.message == f"function {name!r} does not exist"
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["getenv", "query", "duckdb_settings", "parquet_scan", "glob"])
def test_functions_of_the_engine_are_not_allowed(name: str) -> None:
    assert find_function(name) is None


@pytest.mark.parametrize(
    ("name", "arity", "hint"),
    [
        ("len", 2, "It takes 1 argument."),
        ("round", 3, "It takes from 1 to 2 arguments."),
        ("coalesce", 0, "It takes 1 argument or more."),
        ("pi", 1, "It takes 0 arguments."),
    ],
)
def test_a_wrong_number_of_arguments_is_refused(name: str, arity: int, hint: str) -> None:
    with pytest.raises(UndefinedFunction) as caught:
        check_function(name, arity)
    assert caught.value.hint == hint


def test_spellings_of_date_parts() -> None:
    assert DATE_PARTS["yrs"] == "year"
    assert DATE_PARTS["m"] == "minute"
    assert DATE_PARTS["mon"] == "month"
    assert DATE_PARTS["dow"] == "dayofweek"
