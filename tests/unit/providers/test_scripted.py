from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import fastjsonschema
import pytest

from outcrop.errors import (
    AuthFailed,
    ConfigInvalid,
    ModelNotFound,
    ProviderError,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
)
from outcrop.providers.base import (
    Completion,
    JsonObject,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.scripted import (
    ScriptedProvider,
    build,
    count_tokens,
    scripted_answer,
    scripted_json,
)
from outcrop.providers.scripted_options import FAULTS, Latency, ScriptedOptions


def provider_with(**options: Any) -> ScriptedProvider:
    return build(ProviderConfig("double", "scripted", options))


def request_for(prompt: str, timeout_s: float = 120.0, **members: Any) -> ProviderRequest:
    body: JsonObject = {"messages": [{"role": "user", "content": [{"text": prompt}]}], **members}
    return ProviderRequest("test.model-v1", RequestType.UNIFIED, body, timeout_s)


def ask(provider: ScriptedProvider, prompt: str, **members: Any) -> Completion:
    return asyncio.run(provider.complete(request_for(prompt, **members)))


def text_of(completion: Completion) -> str:
    content = completion.response["output"]["message"]["content"]
    return "".join(block["text"] for block in content)


def schema_config(schema: Mapping[str, Any]) -> JsonObject:
    json_schema = {"name": "answer", "schema": json.dumps(schema)}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": json_schema}}}


def test_the_answer_is_that_of_the_prompt_and_the_seed() -> None:
    completion = ask(provider_with(seed=7), "Name a   fruit that is red")
    assert text_of(completion) == scripted_answer("Name a   fruit that is red", 7)
    assert text_of(completion) == "answer to: Name a fruit that is red [5663b9b2]"
    assert text_of(ask(provider_with(seed=8), "Name a fruit")) != scripted_answer("Name a fruit", 7)


def test_the_response_is_converses_with_a_token_for_four_characters() -> None:
    completion = ask(provider_with(answers=[{"match": "red", "answer": "apple"}]), "a red fruit")
    assert completion._replace(text=None) == Completion(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "apple"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
            "metrics": {"latencyMs": 0},
        },
        TokenUsage(3, 2),
        0,
    )


def test_the_system_prompt_is_part_of_the_prompt() -> None:
    completion = ask(provider_with(), "hello", system=[{"text": "Be brief."}])
    assert text_of(completion) == scripted_answer("Be brief.\nhello", 0)


def test_the_first_rule_that_fits_counts() -> None:
    provider = provider_with(
        answers=[
            {"match": "apple", "answer": "first"},
            {"match_regex": r"\bapples?\b|pear", "answer": "second"},
            {"match": "plum", "fault": "throttle"},
        ]
    )
    assert text_of(ask(provider, "an apple")) == "first"
    assert text_of(ask(provider, "a pear")) == "second"
    assert text_of(ask(provider, "a fig")) == scripted_answer("a fig")
    for _ in range(3):
        with pytest.raises(Throttled):
            ask(provider, "a plum")


def test_prompts_with_the_failing_text_always_fail() -> None:
    provider = provider_with(fail_matching="row 17 (bad)")
    for _ in range(3):
        with pytest.raises(Rejected):
            ask(provider, "this is row 17 (bad)")
    assert text_of(ask(provider, "row 17")) == scripted_answer("row 17")
    assert provider.tally.requests == 4
    assert provider.tally.paid == 1


@pytest.mark.parametrize(
    ("fault", "error", "possibly_paid"),
    [
        ("throttle", Throttled, False),
        ("unavailable", Unavailable, False),
        ("timeout", TimedOut, True),
        ("reset", Unavailable, True),
        ("rejected", Rejected, False),
        ("auth_failed", AuthFailed, False),
        ("model_not_found", ModelNotFound, False),
    ],
)
def test_faults_that_are_errors(
    fault: str, error: type[ProviderError], possibly_paid: bool
) -> None:
    provider = provider_with(faults={fault: 1.0})
    with pytest.raises(error) as caught:
        ask(provider, "hello")
    assert type(caught.value) is error
    assert caught.value.possibly_paid is possibly_paid
    assert provider.tally.paid == int(possibly_paid)
    assert provider.tally.in_flight == 0


@pytest.mark.parametrize(
    ("fault", "text", "stop_reason"),
    [
        ("filtered", "", "content_filtered"),
        ("guardrail", "Sorry, the model cannot answer this question.", "guardrail_intervened"),
        ("empty", "", "end_turn"),
        ("truncated", "answer to: hello", "max_tokens"),
        ("not_json", "Here is what you asked for: " + scripted_answer("hello"), "end_turn"),
    ],
)
def test_faults_that_are_answers(fault: str, text: str, stop_reason: str) -> None:
    provider = provider_with(faults={fault: 1.0})
    completion = ask(provider, "hello")
    whole = scripted_answer("hello")
    expected = whole[: len(whole) // 2] if fault == "truncated" else text
    assert (text_of(completion), completion.response["stopReason"]) == (expected, stop_reason)
    assert completion.usage == TokenUsage(2, count_tokens(expected))
    assert provider.tally.paid == 1


def test_every_fault_is_tested_here() -> None:
    errors = {"throttle", "unavailable", "timeout", "reset"}
    errors |= {"rejected", "auth_failed", "model_not_found"}
    assert set(FAULTS) == errors | {"filtered", "guardrail", "empty", "truncated", "not_json"}
    assert {name for name, fault in FAULTS.items() if fault.is_transient} == {
        "throttle",
        "unavailable",
        "timeout",
        "reset",
    }


def outcomes(provider: ScriptedProvider, prompts: list[str]) -> dict[str, str]:
    async def one(prompt: str) -> str:
        try:
            completion = await provider.complete(request_for(prompt))
        except ProviderError as error:
            return error.code
        return str(completion.response["stopReason"])

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(one(prompt) for prompt in prompts))

    return dict(zip(prompts, asyncio.run(ask_all()), strict=True))


def test_faults_come_at_their_rates_and_do_not_depend_on_order() -> None:
    prompts = [f"prompt {i}" for i in range(2_000)]
    options = {"seed": 3, "faults": {"throttle": 0.2, "empty": 0.1, "rejected": 0.05}}
    forwards = outcomes(provider_with(**options), prompts)
    assert forwards == outcomes(provider_with(**options), prompts[::-1])
    counts = [list(forwards.values()).count(c) for c in ("ThrottlingException", "end_turn")]
    assert counts == [
        pytest.approx(0.95 * 0.85 * 0.2 * 2_000, abs=80),
        pytest.approx(1600, abs=100),
    ]
    assert forwards != outcomes(provider_with(**(options | {"seed": 4})), prompts)


def test_a_transient_fault_passes_and_another_does_not() -> None:
    prompts = [f"prompt {i}" for i in range(300)]
    provider = provider_with(faults={"reset": 0.5, "rejected": 0.1})
    first = outcomes(provider, prompts)
    rejected = {prompt for prompt, code in first.items() if code == "ValidationException"}
    pending = {prompt for prompt, code in first.items() if code == "ConnectionReset"}
    assert rejected
    assert len(pending) > 90
    for _ in range(40):
        pending = {
            p for p, code in outcomes(provider, sorted(pending)).items() if code != "end_turn"
        }
    assert not pending
    assert set(outcomes(provider, sorted(rejected)).values()) == {"ValidationException"}


def test_an_answer_is_cut_at_the_limit_and_at_a_stop_sequence() -> None:
    provider = provider_with(answers=[{"match": "count", "answer": "one two three four"}])
    cut = ask(provider, "count", inferenceConfig={"maxTokens": 2})
    assert (text_of(cut), cut.response["stopReason"]) == ("one two ", "max_tokens")
    stopped = ask(provider, "count", inferenceConfig={"stopSequences": [" three"]})
    assert (text_of(stopped), stopped.response["stopReason"]) == ("one two", "stop_sequence")
    whole = ask(provider, "count", inferenceConfig={"maxTokens": 5})
    assert (text_of(whole), whole.response["stopReason"]) == ("one two three four", "end_turn")


def test_a_prompt_that_is_too_long_is_rejected() -> None:
    provider = provider_with(context_tokens=10)
    ask(provider, "x" * 40)
    with pytest.raises(Rejected, match="has 11 tokens and the model takes 10"):
        ask(provider, "x" * 41)


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_latency_is_slept_and_reported() -> None:
    sleeper = Sleeper()
    options = ScriptedOptions(latency=Latency(200.0))
    provider = ScriptedProvider("double", options, sleep=sleeper)
    completion = ask(provider, "hello")
    assert sleeper.slept == [0.2]
    assert completion.latency_ms == completion.response["metrics"]["latencyMs"] == 200


def test_without_latency_nothing_sleeps() -> None:
    sleeper = Sleeper()
    ask(ScriptedProvider("double", sleep=sleeper), "hello")
    assert sleeper.slept == []


def test_lognormal_latencies_have_the_median_and_are_repeatable() -> None:
    def latencies() -> list[float]:
        sleeper = Sleeper()
        options = ScriptedOptions(latency=Latency(200.0, 0.5))
        provider = ScriptedProvider("double", options, sleep=sleeper)
        outcomes(provider, [f"prompt {i}" for i in range(501)])
        return sleeper.slept

    slept = latencies()
    assert slept == latencies()
    assert sorted(slept)[250] == pytest.approx(0.2, rel=0.1)
    assert min(slept) < 0.1 < 0.4 < max(slept)


def test_a_latency_beyond_the_timeout_times_out_after_it() -> None:
    sleeper = Sleeper()
    provider = ScriptedProvider("double", ScriptedOptions(latency=Latency(3_000.0)), sleep=sleeper)
    with pytest.raises(TimedOut) as caught:
        asyncio.run(provider.complete(request_for("hello", timeout_s=2.0)))
    assert caught.value.possibly_paid
    assert sleeper.slept == [2.0]


def test_the_tally_knows_the_peak_in_flight() -> None:
    provider = provider_with(latency_ms=1, concurrency_max=64)
    outcomes(provider, [f"prompt {i}" for i in range(50)])
    assert provider.concurrency_max == 64
    assert (provider.tally.requests, provider.tally.paid) == (50, 50)
    assert (provider.tally.in_flight, provider.tally.in_flight_peak) == (0, 50)


SCHEMAS: tuple[Mapping[str, Any], ...] = (
    {"type": "object", "properties": {"label": {"enum": ["good", "bad"]}}, "required": ["label"]},
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 20, "maxLength": 30},
            "code": {"type": "string", "maxLength": 3},
            "age": {"type": "integer", "minimum": 18, "maximum": 20},
            "score": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
            "debt": {"type": "integer", "maximum": -5},
            "is_new": {"type": "boolean"},
            "nothing": {"type": "null"},
            "maybe": {"type": ["null", "string"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "kind": {"const": "row"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "place": {"$ref": "#/$defs/place"},
        },
        "required": ["name", "age", "place"],
        "additionalProperties": False,
        "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}}},
    },
    {
        "type": "object",
        "properties": {
            "value": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["value"],
    },
)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_answer_follows_the_schema(schema: Mapping[str, Any]) -> None:
    validate = fastjsonschema.compile(dict(schema))
    provider = provider_with()
    for i in range(20):
        text = text_of(ask(provider, f"row {i}", outputConfig=schema_config(schema)))
        assert text == scripted_json(f"row {i}", 0, schema)
        validate(json.loads(text))


def test_labels_differ_between_prompts() -> None:
    labels = {scripted_json(f"row {i}", 0, SCHEMAS[0]) for i in range(20)}
    assert labels == {'{"label":"good"}', '{"label":"bad"}'}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "#/$defs/none"}, "which it does not define"),
        (
            {"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]},
            "without end",
        ),
    ],
)
def test_a_schema_that_nothing_satisfies_is_rejected(
    schema: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(Rejected, match=message):
        ask(provider_with(), "hello", outputConfig=schema_config(schema))


def test_an_answer_that_should_be_json_and_is_not() -> None:
    provider = provider_with(faults={"not_json": 1.0})
    text = text_of(ask(provider, "hello", outputConfig=schema_config(SCHEMAS[0])))
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"sead": 1}, "unknown key providers.double.sead", "Did you mean 'seed'?"),
        ({"seed": "x"}, "providers.double.seed must be a whole number", None),
        ({"latency_ms": -1}, "providers.double.latency_ms must be a number from 0", None),
        ({"latency_ms": {"median": 1}}, "a table with `median` and `sigma`", None),
        ({"concurrency_max": 0}, "concurrency_max must be at least 1", None),
        ({"context_tokens": True}, "context_tokens must be a whole number", None),
        ({"fail_matching": ""}, "fail_matching must be a text", None),
        ({"faults": {"throtle": 0.1}}, "there is no fault 'throtle'", "Did you mean 'throttle'?"),
        ({"faults": {"throttle": 0.6, "reset": 0.5}}, "more than 1", None),
        ({"faults": [1]}, "must be a table of fault names", None),
        ({"answers": {}}, "must be a list of tables", None),
        ({"answers": [{"match": "x"}]}, r"answers\[0\] must have `match`", None),
        ({"answers": [{"match_regex": "(", "answer": ""}]}, r"answers\[0\].match_regex", None),
        ({"answers": [{"match": "x", "answer": 1}]}, r"answers\[0\].answer must be a text", None),
    ],
)
def test_bad_options_are_named(options: JsonObject, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigInvalid, match=message) as caught:
        build(ProviderConfig("double", "scripted", options))
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("model_id", "body", "answer_at"),
    [
        ("amazon.titan-text-lite-v1", {"inputText": "hello"}, ("results", 0, "outputText")),
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "hello"}, ("generation",)),
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "hello"}],
            },
            ("content", 0, "text"),
        ),
    ],
)
def test_a_raw_request_is_answered_in_its_familys_form(
    model_id: str, body: JsonObject, answer_at: tuple[str | int, ...]
) -> None:
    provider = provider_with()
    request = ProviderRequest(model_id, RequestType.RAW, body)
    found: Any = asyncio.run(provider.complete(request)).response
    for step in answer_at:
        found = found[step]
    assert found == scripted_answer("hello")
    assert provider.tally.requests == 1
