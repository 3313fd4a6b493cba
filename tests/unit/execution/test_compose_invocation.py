"""A model and the arguments of a call, as the request that is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from outcrop.catalog.objects import ExternalModel
from outcrop.datatypes import BOOLEAN, DOUBLE, INTEGER, SUPER, VARCHAR, DataType, TypeKind
from outcrop.errors import Rejected
from outcrop.execution.compose_invocation import (
    Destination,
    InvocationComposer,
    output_schema,
)
from outcrop.providers.base import RequestType
from tests.unit.catalog.examples import model

MODEL = model(1, "m")
RAW = replace(MODEL, request_type=RequestType.RAW)


def _composer(composed: ExternalModel) -> InvocationComposer:
    return InvocationComposer(
        composed, Destination("bedrock", "routed.model"), max_tokens_default=9
    )


def _body(composed: ExternalModel, *arguments: str | None) -> Any:
    return json.loads(_composer(composed).compose(arguments).body)


def _message(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def test_a_prompt_alone() -> None:
    invocation = _composer(MODEL).compose(["Hello"])
    assert (invocation.provider, invocation.model_id) == ("bedrock", "routed.model")
    assert invocation.request_type is RequestType.UNIFIED
    assert invocation.max_tokens_default == 9
    assert json.loads(invocation.body) == {"messages": [_message("Hello")]}


@pytest.mark.parametrize(
    ("prompt", "suffix", "text"),
    [
        (None, None, "input "),
        ("Say:", None, "Say: input "),
        (None, "Be brief.", "input  Be brief."),
        ("Say:", "Be brief.", "Say: input  Be brief."),
        ("", "", "input "),
    ],
)
def test_prompt_input_and_suffix_are_joined_by_one_blank(
    prompt: str | None, suffix: str | None, text: str
) -> None:
    assert _body(replace(MODEL, prompt=prompt, suffix=suffix), "input ")["messages"] == [
        _message(text)
    ]


@pytest.mark.parametrize("prompt", ["", " ", "\n\t"])
def test_an_empty_prompt_is_the_rows_error(prompt: str) -> None:
    with pytest.raises(Rejected, match="the prompt is empty") as caught:
        _composer(replace(MODEL, prompt="Say:")).compose([prompt])
    assert "NULL" in str(caught.value.hint)


def test_the_models_settings_go_with_every_request() -> None:
    assert _body(replace(MODEL, system="Be kind.", max_tokens=50, temperature=0.5), "x") == {
        "messages": [_message("x")],
        "system": [{"text": "Be kind."}],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.5},
    }


def test_the_calls_settings_go_over_the_models() -> None:
    body = _body(replace(MODEL, max_tokens=50, temperature=0.5), "x", '{"maxTokens": 7, "topP": 1}')
    assert body["inferenceConfig"] == {"maxTokens": 7, "temperature": 0.5, "topP": 1}


@pytest.mark.parametrize("config", [None, "{}", "null"])
def test_no_settings_are_no_settings(config: str | None) -> None:
    assert _body(MODEL, "x", config) == {"messages": [_message("x")]}


def test_what_a_model_takes_beyond_goes_into_fields_of_its_own() -> None:
    body = _body(MODEL, "x", None, '{"top_k": 5}')
    assert body["additionalModelRequestFields"] == {"top_k": 5}
    assert "inferenceConfig" not in body


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"maxtokens": 5}', "unknown inference parameter 'maxtokens'"),
        ('{"maxTokens": "5"}', "'maxTokens' cannot be \"5\""),
        ('{"maxTokens": true}', "'maxTokens' cannot be true"),
        ('{"stopSequences": "end"}', "'stopSequences' cannot be \"end\""),
        ("[1]", "'inference_config' is no object"),
        ('"text"', "'inference_config' is no object"),
    ],
)
def test_settings_of_a_row_are_checked_before_they_are_sent(config: str, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        _composer(MODEL).compose(["x", config])


def test_a_wrong_key_comes_with_a_suggestion() -> None:
    with pytest.raises(Rejected) as caught:
        _composer(MODEL).compose(["x", '{"maxtokens": 5}'])
    assert "'maxTokens'" in str(caught.value.hint)


def test_fields_that_are_no_object_are_the_rows_error() -> None:
    with pytest.raises(Rejected, match="'additional_model_request_fields' is no object"):
        _composer(MODEL).compose(["x", None, "[]"])


def test_a_raw_request_is_sent_as_it_is() -> None:
    invocation = _composer(RAW).compose(['{"prompt": "x", "top_k": 5}'])
    assert invocation.request_type is RequestType.RAW
    assert json.loads(invocation.body) == {"prompt": "x", "top_k": 5}


@pytest.mark.parametrize("request_text", ["{}", "null", "[]", '"text"'])
def test_a_raw_request_must_be_an_object(request_text: str) -> None:
    with pytest.raises(Rejected, match="is no object") as caught:
        _composer(RAW).compose([request_text])
    assert "OBJECT(" in str(caught.value.hint)


def test_equal_arguments_have_one_fingerprint() -> None:
    composer = _composer(MODEL)
    fingerprint = composer.compose(["x", '{"topP": 1, "maxTokens": 7}']).fingerprint
    assert composer.compose(["x", '{"maxTokens": 7, "topP": 1}']).fingerprint == fingerprint
    assert composer.compose(["y", '{"maxTokens": 7, "topP": 1}']).fingerprint != fingerprint
    assert composer.compose(["x"]).fingerprint != fingerprint


def test_a_salt_keeps_rows_apart() -> None:
    composer = _composer(MODEL)
    fingerprints = {composer.compose(["x"], salt).fingerprint for salt in ("", "q:1", "q:2")}
    assert len(fingerprints) == 3


def test_how_an_answer_is_read_is_no_part_of_the_invocation() -> None:
    renamed = replace(MODEL, oid=2, owner="other", on_error="null", iam_role="arn:other")
    one, other = (_composer(m).compose(["x"]).fingerprint for m in (MODEL, renamed))
    assert one == other


@pytest.mark.parametrize(
    ("returns", "schema"),
    [
        (INTEGER, {"type": "integer"}),
        (DataType(TypeKind.DECIMAL, precision=5, scale=2), {"type": "number"}),
        (DOUBLE, {"type": "number"}),
        (BOOLEAN, {"type": "boolean"}),
        (SUPER, {}),
        (DataType(TypeKind.DATE), {"type": "string", "format": "date"}),
        (DataType(TypeKind.TIMESTAMP), {"type": "string"}),
    ],
)
def test_returns_asks_for_an_object_with_the_answer(
    returns: DataType, schema: dict[str, Any]
) -> None:
    typed = replace(MODEL, returns=returns)
    expected = {
        "type": "object",
        "properties": {"answer": schema},
        "required": ["answer"],
        "additionalProperties": False,
    }
    assert output_schema(typed) == expected
    sent = _body(typed, "x")["outputConfig"]["textFormat"]
    assert sent["type"] == "json_schema"
    assert json.loads(sent["structure"]["jsonSchema"]["schema"]) == expected


def test_a_text_needs_no_schema() -> None:
    assert output_schema(MODEL) is None
    assert output_schema(replace(MODEL, returns=VARCHAR)) is None


def test_an_output_schema_is_sent_as_given() -> None:
    typed = replace(MODEL, output_schema='{"type": "object"}')
    assert output_schema(typed) == {"type": "object"}
