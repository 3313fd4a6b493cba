"""Every error of a provider has one class, and the adapters keep to the table."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.session import Session

from outcrop.emulator.service_errors import STATUSES
from outcrop.errors import ProviderError
from outcrop.providers import anthropic, bedrock_errors, openai
from outcrop.providers.fault_table import ANTHROPIC, BEDROCK, OPENAI, Fault, FaultClass, class_of
from outcrop.providers.transport import Reply


def bedrock_error(fault: Fault) -> ProviderError:
    reply = Reply(fault.status, {"x-amzn-errortype": fault.name}, b'{"message": "No."}', 1)
    return bedrock_errors.explain(reply, "a.model", "us-east-1")


def openai_error(fault: Fault) -> ProviderError:
    body = json.dumps({"error": {"code": fault.name, "message": "No."}}).encode()
    return openai.explain(Reply(fault.status, {}, body, 1), "a.model", "mine")


def anthropic_error(fault: Fault) -> ProviderError:
    body = json.dumps({"error": {"type": fault.name, "message": "No."}}).encode()
    return anthropic.explain(Reply(fault.status, {}, body, 1), "a.model", "mine")


CASES = [
    *((fault, bedrock_error) for fault in BEDROCK.values()),
    *((fault, openai_error) for fault in OPENAI.values()),
    *((fault, anthropic_error) for fault in ANTHROPIC.values()),
]


@pytest.mark.parametrize(("fault", "raise_it"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_a_provider_keeps_to_the_table(
    fault: Fault, raise_it: Callable[[Fault], ProviderError]
) -> None:
    error = raise_it(fault)
    assert type(error) is fault.error
    assert (error.code, class_of(error)) == (fault.name, fault.fault_class)


def test_every_error_of_bedrocks_own_model_is_in_the_table() -> None:
    service = Session().get_service_model("bedrock-runtime")
    for shape in service.error_shapes:
        assert BEDROCK[shape.name].status == shape.metadata["error"]["httpStatusCode"]


def test_every_error_of_the_emulator_is_in_the_table() -> None:
    assert {name: BEDROCK[name].status for name in STATUSES} == dict(STATUSES)


def test_every_class_has_a_fault() -> None:
    faults = (*BEDROCK.values(), *OPENAI.values(), *ANTHROPIC.values())
    assert {fault.fault_class for fault in faults} == set(FaultClass)
