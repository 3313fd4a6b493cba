from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.errors import Rejected, Unavailable
from outcrop.providers.base import TokenUsage
from outcrop.providers.converse import text_format
from outcrop.providers.gguf_chat import ChatAnswer, chat_of, error_of, read_chunks

USER = {"role": "user", "content": [{"text": "hi"}]}


def as_is(schema: str) -> str:
    return schema


def chat(**members: Any) -> dict[str, Any]:
    return chat_of({"messages": [USER], **members}, as_is)


def test_a_plain_request_is_asked_at_temperature_zero() -> None:
    assert chat() == {"messages": [{"role": "user", "content": "hi"}], "temperature": 0}


def test_every_parameter_has_its_place() -> None:
    config = {"maxTokens": 7, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert chat(
        system=[{"text": "be"}, {"text": "brief"}],
        inferenceConfig=config,
        additionalModelRequestFields={"top_k": 3, "seed": 5},
    ) == {
        "messages": [
            {"role": "system", "content": "be\n\nbrief"},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "top_k": 3,
        "seed": 5,
    }


def test_a_conversation_keeps_its_turns_and_joins_their_blocks() -> None:
    turns = [
        {"role": "user", "content": [{"text": "a"}, {"cachePoint": {"type": "default"}}]},
        {"role": "assistant", "content": [{"text": "b"}, {"text": "c"}]},
        USER,
    ]
    assert chat_of({"messages": turns}, as_is)["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "bc"},
        {"role": "user", "content": "hi"},
    ]


def test_a_schema_becomes_a_grammar_that_writes_json_on_one_line() -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["a", "b"]}}}
    grammar = json.loads(chat(outputConfig={"textFormat": text_format(schema)})["grammar"])
    style = grammar.pop("x-guidance")
    assert grammar == schema
    assert style == {
        "whitespace_flexible": False,
        "item_separator": ", ",
        "key_separator": ": ",
        "lenient": True,
    }


@pytest.mark.parametrize(
    ("members", "message", "hint"),
    [
        (
            {"inferenceConfig": {"maxtokens": 3}},
            "inferenceConfig has no 'maxtokens'",
            "Did you mean 'maxTokens'?",
        ),
        (
            {"additionalModelRequestFields": {"topk": 3}},
            "a local model has no parameter 'topk'",
            "Did you mean 'top_k'?",
        ),
        (
            {"additionalModelRequestFields": {"messages": []}},
            "a local model has no parameter 'messages'",
            "additionalModelRequestFields takes chat_template_kwargs",
        ),
        ({"toolConfig": {}}, "a local model does not take 'toolConfig'", "Leave 'toolConfig' out"),
        ({"messages": []}, "the request has no messages", "None"),
        (
            {"messages": [{"role": "user", "content": [{"image": {}}]}]},
            "a content block of kind 'image' cannot be sent",
            "Send text",
        ),
        (
            {"outputConfig": {"textFormat": text_format({"type": "strin"})}},
            "the output schema is no JSON schema: Unknown type",
            "None",
        ),
        (
            {"outputConfig": {"textFormat": text_format({"type": "string", "pattern": "("})}},
            "the output schema is no JSON schema: missing )",
            "None",
        ),
        (
            {"outputConfig": {"textFormat": text_format({"properties": 3})}},
            "the output schema is no JSON schema",
            "None",
        ),
    ],
)
def test_what_a_local_model_cannot_do_is_refused(
    members: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(Rejected) as caught:
        chat(**members)
    assert caught.value.message.startswith(message)
    assert str(caught.value.hint).startswith(hint)


def chunk(content: str | None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("finish", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("odd", "odd")],
)
def test_chunks_are_put_together(finish: str, stop_reason: str) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {}}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    chunks = [chunk(None), chunk("He"), chunk("llo"), last, {"choices": [], "usage": usage}]
    assert read_chunks(chunks) == ChatAnswer("Hello", stop_reason, TokenUsage(9, 2))


def test_an_answer_without_usage_has_none() -> None:
    assert read_chunks([chunk("x", "stop")]) == ChatAnswer("x", "end_turn", None)


def test_errors_are_translated() -> None:
    too_long = error_of(
        {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 4}, "m"
    )
    assert isinstance(too_long, Rejected)
    assert too_long.message == "the prompt has 9 tokens, and model 'm' has a context of 4"
    assert "raise `context`" in str(too_long.hint)
    bad = error_of({"code": 400, "message": "no", "type": "invalid_request_error"}, "m")
    assert (type(bad), bad.message, bad.code) == (
        Rejected,
        "model 'm': no",
        "invalid_request_error",
    )
    busy = error_of({"code": 503, "message": "loading", "type": "unavailable_error"}, "m")
    assert (type(busy), busy.message) == (Unavailable, "model 'm': loading")
