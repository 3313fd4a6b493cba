"""A provider's response to the value that a row gets, or to the row's error.

Reading is a function of the response and the model alone. A response that gives no value (empty,
blocked, not of the declared type) was paid for and is journaled like any other; each statement
that meets it reports the same error, and none pays for it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastjsonschema

from outcrop.catalog.objects import ExternalModel, ResponseType
from outcrop.datatypes import DataType, TypeKind
from outcrop.errors import ContentFiltered, OutputInvalid
from outcrop.execution.compose_invocation import ANSWER_KEY, output_schema
from outcrop.execution.typed_answer import as_text
from outcrop.providers.base import JsonObject, RequestType
from outcrop.providers.converse import text_of

_BLOCKED = frozenset({"guardrail_intervened", "content_filtered"})
_CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
_ASK_AFRESH = "SET outcrop.reuse_answers TO off; asks the model again."
_EXCERPT_CHARACTERS = 60

_parse_exactly = json.JSONDecoder(parse_float=Decimal).decode


class AnswerReader:
    """Reads the responses of one model. `read` gives the value as text (JSON for a SUPER)."""

    def __init__(self, model: ExternalModel) -> None:
        self._model = model
        schema = output_schema(model)
        self._validate: Callable[[Any], Any] | None = (
            None if schema is None else fastjsonschema.compile(dict(schema))
        )
        self._is_raw = model.request_type is RequestType.RAW
        self._is_whole_response = (
            model.response_type is ResponseType.SUPER and schema is None and model.returns is None
        )

    def read(self, response: JsonObject) -> str:
        """Return the value of a response; raises ContentFiltered or OutputInvalid."""
        if self._is_raw:
            return _write_json(response)
        stop = str(response.get("stopReason", ""))
        if stop in _BLOCKED:
            raise ContentFiltered(
                f"the answer was blocked ({stop})", code=stop, hint="Change the prompt."
            )
        if self._is_whole_response:
            return _write_json(response)
        text = text_of(response)
        if not text.strip():
            raise OutputInvalid(
                f"the answer is empty (stop reason {stop!r})", code="EmptyAnswer", hint=_ASK_AFRESH
            )
        if self._validate is None:
            return _fit(_whole_characters(text), self._model.returns)
        return self._read_json(text, is_cut=stop in _CUT)

    def _read_json(self, text: str, *, is_cut: bool) -> str:
        assert self._validate is not None
        returns = self._model.returns
        try:
            value = _parse_exactly(text) if _is_decimal(returns) else json.loads(text)
            self._validate(value)
            if returns is not None and returns.kind is not TypeKind.SUPER:
                return as_text(value[ANSWER_KEY], returns)
        except (ValueError, RecursionError, fastjsonschema.JsonSchemaException) as error:
            cause = "was cut off before its end" if is_cut else "is not of the declared type"
            raise OutputInvalid(
                f"the answer {cause}: {_excerpt(text)!r}",
                code="AnswerCut" if is_cut else "AnswerNotOfType",
                hint="Raise MAX_TOKENS." if is_cut else _ASK_AFRESH,
            ) from error
        return _write_json(value if returns is None else value[ANSWER_KEY])


def _is_decimal(datatype: DataType | None) -> bool:
    return datatype is not None and datatype.kind is TypeKind.DECIMAL


def _write_json(value: object) -> str:
    """Return a value as SUPER holds it; raises OutputInvalid for what JSON has no form for."""
    try:
        return _whole_characters(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError) as error:
        raise OutputInvalid(
            f"the answer is no JSON: {error}", code="AnswerNotOfType", hint=_ASK_AFRESH
        ) from error


def _whole_characters(text: str) -> str:
    """Return `text` with U+FFFD for halves of characters, which UTF-8 has no form for.

    A model that is cut within a character writes such, as an escape in its JSON.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _fit(text: str, datatype: DataType | None) -> str:
    """Cut a text to the bytes of RETURNS VARCHAR(n), as a cast to it does."""
    if datatype is None or datatype.length is None:
        return text
    return text.encode()[: datatype.length].decode(errors="ignore")


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "..."
