from __future__ import annotations

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.catalog.codec import decode_model, decode_relation, encode
from outcrop.catalog.objects import (
    Column,
    ExternalModel,
    ModelType,
    QualifiedName,
    Relation,
    RelationKind,
    ResponseType,
    Volatility,
)
from outcrop.datatypes import DataType, TypeKind
from outcrop.providers.base import RequestType
from tests.unit.catalog.examples import model

_TEXTS = st.text(max_size=20)
_NAMES = st.builds(QualifiedName, _TEXTS, _TEXTS)
_TIMES = st.datetimes(timezones=st.just(UTC))
_COUNTS = st.integers(min_value=0, max_value=2**62)
_TYPES = st.builds(
    DataType,
    st.sampled_from(TypeKind),
    length=st.none() | st.integers(1, 65_535),
    precision=st.none() | st.integers(1, 38),
    scale=st.none() | st.integers(0, 38),
)
_COLUMNS = st.builds(
    Column, _TEXTS, _TYPES, st.booleans(), default=st.none() | _TEXTS, encoding=st.none() | _TEXTS
)
_RELATIONS = st.builds(
    Relation,
    oid=_COUNTS,
    name=_NAMES,
    kind=st.sampled_from(RelationKind),
    columns=st.lists(_COLUMNS, max_size=4).map(tuple),
    owner=_TEXTS,
    created_at=_TIMES,
    definition=st.none() | _TEXTS,
    is_auto_refreshed=st.booleans(),
    depends_on=st.dictionaries(_COUNTS, _COUNTS, max_size=3),
    table_attributes=st.dictionaries(_TEXTS, _TEXTS, max_size=3),
)
_MODELS = st.builds(
    ExternalModel,
    oid=_COUNTS,
    name=_NAMES,
    function=_NAMES,
    owner=_TEXTS,
    created_at=_TIMES,
    iam_role=_TEXTS,
    model_type=st.sampled_from(ModelType),
    model_id=_TEXTS,
    prompt=st.none() | _TEXTS,
    suffix=st.none() | _TEXTS,
    request_type=st.sampled_from(RequestType),
    response_type=st.sampled_from(ResponseType),
    system=st.none() | _TEXTS,
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 1),
    returns=st.none() | _TYPES,
    output_schema=st.none() | _TEXTS,
    volatility=st.sampled_from(Volatility),
    on_error=st.sampled_from((None, "null", "fail")),
    endpoint=st.none() | _TEXTS,
)


@given(_RELATIONS)
def test_a_relation_comes_back_as_it_was(stored: Relation) -> None:
    assert decode_relation(encode(stored)) == stored


@given(_MODELS)
def test_a_model_comes_back_as_it_was(stored: ExternalModel) -> None:
    assert decode_model(encode(stored)) == stored


def test_what_is_stored_is_json_that_people_can_read() -> None:
    document = json.loads(encode(model(7, "judge")))
    assert document["name"] == {"schema": "public", "name": "judge"}
    assert document["model_type"] == "BEDROCK"
    assert document["created_at"] == "2026-01-01T00:00:00+00:00"
    assert document["returns"] is None


def test_a_member_that_we_do_not_know_is_an_error() -> None:
    document = json.loads(encode(model(7, "judge"))) | {"colour": "red"}
    with pytest.raises(TypeError, match="colour"):
        decode_model(json.dumps(document))
