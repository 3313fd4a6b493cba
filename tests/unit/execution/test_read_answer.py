"""A response to the value that a row gets, or to its error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from outcrop.catalog.objects import ExternalModel, ResponseType
from outcrop.datatypes import BOOLEAN, DOUBLE, INTEGER, SUPER, DataType, TypeKind
from outcrop.errors import ContentFiltered, OutputInvalid
from outcrop.execution.read_answer import AnswerReader
from outcrop.providers.base import RequestType
from tests.unit.catalog.examples import model

MODEL = model(1, "m")
SCHEMA = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'


def _response(*texts: str, stop: str = "end_turn") -> dict[str, Any]:
    content = [{"text": text} for text in texts]
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop}


def _read(read: ExternalModel, *texts: str, stop: str = "end_turn") -> str:
    return AnswerReader(read).read(_response(*texts, stop=stop))


def test_a_text_is_given_as_it_is() -> None:
    assert _read(MODEL, " Ünï\ncode ") == " Ünï\ncode "


def test_text_blocks_are_joined_and_other_blocks_left_out() -> None:
    response = _response("one ", "two")
    content = response["output"]["message"]["content"]
    content.insert(0, {"reasoningContent": {"reasoningText": {"text": "hm"}}})
    content.append({"toolUse": {"name": "x", "input": {}}})
    assert AnswerReader(MODEL).read(response) == "one two"


@pytest.mark.parametrize("stop", ["max_tokens", "model_context_window_exceeded"])
def test_a_text_that_was_cut_is_still_a_text(stop: str) -> None:
    assert _read(MODEL, "half an ans", stop=stop) == "half an ans"


@pytest.mark.parametrize("stop", ["guardrail_intervened", "content_filtered"])
@pytest.mark.parametrize("response_type", ResponseType)
def test_a_blocked_answer_is_the_rows_error(stop: str, response_type: ResponseType) -> None:
    with pytest.raises(ContentFiltered, match=f"blocked \\({stop}\\)") as caught:
        _read(replace(MODEL, response_type=response_type), "Sorry.", stop=stop)
    assert caught.value.code == stop


@pytest.mark.parametrize("response", [_response(), _response(""), _response(" \n"), {}])
def test_an_empty_answer_is_the_rows_error(response: dict[str, Any]) -> None:
    with pytest.raises(OutputInvalid, match="the answer is empty") as caught:
        AnswerReader(MODEL).read(response)
    assert caught.value.code == "EmptyAnswer"
    assert "outcrop.reuse_answers" in str(caught.value.hint)


def test_a_super_is_the_whole_response() -> None:
    response = _response("Ünï")
    text = AnswerReader(replace(MODEL, response_type=ResponseType.SUPER)).read(response)
    assert json.loads(text) == response
    assert "Ünï" in text


def test_a_raw_response_is_given_whatever_it_says() -> None:
    raw = replace(MODEL, request_type=RequestType.RAW, response_type=ResponseType.SUPER)
    response = {"stopReason": "content_filtered", "completion": ""}
    assert json.loads(AnswerReader(raw).read(response)) == response


@pytest.mark.parametrize(
    ("returns", "answer", "value"),
    [
        (INTEGER, "42", "42"),
        (INTEGER, "-1", "-1"),
        (DOUBLE, "0.25", "0.25"),
        (DataType(TypeKind.DECIMAL, precision=5, scale=2), "1.5", "1.50"),
        (BOOLEAN, "true", "true"),
        (BOOLEAN, "false", "false"),
        (DataType(TypeKind.DATE), '"2026-11-23"', "2026-11-23"),
        (SUPER, '{"a": ["é"]}', '{"a": ["é"]}'),
    ],
)
def test_a_declared_type_is_read_from_the_answer(
    returns: DataType, answer: str, value: str
) -> None:
    assert _read(replace(MODEL, returns=returns), f'{{"answer": {answer}}}') == value


@pytest.mark.parametrize(
    ("returns", "text"),
    [
        (INTEGER, '{"answer": "42"}'),
        (INTEGER, '{"answer": 4.5}'),
        (INTEGER, '{"answer": null}'),
        (INTEGER, '{"reply": 42}'),
        (INTEGER, '{"answer": 42, "why": "so"}'),
        (INTEGER, "42"),
        (INTEGER, "It is 42."),
        (INTEGER, '{"answer": 42'),
        (BOOLEAN, '{"answer": "true"}'),
        (DataType(TypeKind.DATE), '{"answer": "tomorrow"}'),
    ],
)
def test_an_answer_of_another_type_is_the_rows_error(returns: DataType, text: str) -> None:
    with pytest.raises(OutputInvalid, match="is not of the declared type") as caught:
        _read(replace(MODEL, returns=returns), text)
    assert caught.value.code == "AnswerNotOfType"
    assert "outcrop.reuse_answers" in str(caught.value.hint)


def test_half_a_character_is_replaced() -> None:
    """As where a model is cut within an emoji; JSON can say it, UTF-8 cannot."""
    assert _read(MODEL, "a\ud83d") == "a\ufffd"
    whole = replace(MODEL, response_type=ResponseType.SUPER)
    assert '"a\ufffd"' in _read(whole, "a\ud83d")
    assert _read(replace(MODEL, returns=SUPER), '{"answer": "\\ud83d"}') == '"\ufffd"'


def test_a_response_that_json_has_no_form_for_is_the_rows_error() -> None:
    raw = replace(MODEL, request_type=RequestType.RAW, response_type=ResponseType.SUPER)
    with pytest.raises(OutputInvalid, match="the answer is no JSON") as caught:
        AnswerReader(raw).read({"score": float("nan")})
    assert caught.value.code == "AnswerNotOfType"


@pytest.mark.parametrize(
    "response",
    [
        {"output": None},
        {"output": {"message": [1]}},
        {"output": {"message": {"content": 1}}},
        {"output": {"message": {"content": [None, {"text": 1}]}}, "stopReason": ["x"]},
    ],
)
def test_a_response_of_another_form_is_empty(response: dict[str, Any]) -> None:
    with pytest.raises(OutputInvalid, match="the answer is empty"):
        AnswerReader(MODEL).read(response)


def test_an_answer_that_was_cut_says_so() -> None:
    with pytest.raises(OutputInvalid, match="was cut off before its end") as caught:
        _read(replace(MODEL, returns=INTEGER), '{"answer": 4', stop="max_tokens")
    assert caught.value.code == "AnswerCut"
    assert "MAX_TOKENS" in str(caught.value.hint)


def test_an_excerpt_is_short() -> None:
    with pytest.raises(OutputInvalid) as caught:
        _read(replace(MODEL, returns=INTEGER), "x" * 1_000)
    assert len(caught.value.message) < 120


def test_an_output_schema_gives_the_whole_document() -> None:
    typed = replace(MODEL, output_schema=SCHEMA, response_type=ResponseType.SUPER)
    assert json.loads(_read(typed, '{"a": 1, "b": "é"}')) == {"a": 1, "b": "é"}
    with pytest.raises(OutputInvalid):
        _read(typed, '{"a": "one"}')


@pytest.mark.parametrize(
    ("length", "value"), [(None, "Ünïcode"), (9, "Ünïcode"), (4, "Ün"), (3, "Ün"), (1, "")]
)
def test_a_text_is_cut_to_its_declared_bytes(length: int | None, value: str) -> None:
    returns = DataType(TypeKind.VARCHAR, length=length)
    assert _read(replace(MODEL, returns=returns), "Ünïcode") == value
