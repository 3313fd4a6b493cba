"""RAW requests against every provider: choose the family, translate, ask, translate back.

    Family                 name, accepts(body), to_converse(body), read_answer(response),
                           from_converse(response, model_id)               (see family.py)
    FamilyAnswer           text, stop_reason (in Converse's words), usage | None
    FAMILIES               all of them
    find_family(model_id, body) -> Family              raises Rejected where none fits
    recognize_family(model_id, body) -> Family | None
    find_foreign_family(model_id, body) -> Family | None
                           the body's family, where it is none that the model itself takes
    families_of_model(model_id) -> tuple[Family, ...]  by the id alone, the best fit first
    await complete_raw(family, send_unified, request) -> Completion
                           `request` is RAW; `send_unified` is an async function from a UNIFIED
                           ProviderRequest to its Completion; the answer is the family's own JSON

A provider that has no InvokeModel of its own answers a RAW request with

    family = find_family(request.model_id, request.body)
    return await complete_raw(family, self._complete_unified, request)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache

from outcrop.errors import Rejected
from outcrop.providers.base import Completion, JsonObject, ProviderRequest, RequestType
from outcrop.providers.families import (
    anthropic_messages,
    anthropic_text,
    cohere,
    llama,
    mistral,
    nova,
    openai_chat,
    titan,
)
from outcrop.providers.families.family import Family, FamilyAnswer

__all__ = [
    "FAMILIES",
    "Family",
    "FamilyAnswer",
    "complete_raw",
    "families_of_model",
    "find_family",
    "find_foreign_family",
    "recognize_family",
]

# In the order in which they are tried, so that a bare `prompt` is read as Llama's, whose answer has
# token counts, and bare `messages` as a chat.
FAMILIES: tuple[Family, ...] = (
    titan.FAMILY,
    cohere.FAMILY,
    llama.FAMILY,
    mistral.FAMILY,
    anthropic_text.FAMILY,
    openai_chat.FAMILY,
    anthropic_messages.FAMILY,
    nova.FAMILY,
)


@lru_cache(maxsize=1024)
def families_of_model(model_id: str) -> tuple[Family, ...]:
    """Return the families whose bodies a model takes, by its id alone; the best fit comes first.

    Takes ids (`anthropic.claude-v2`), inference profiles (`us.amazon.nova-lite-v1:0`) and the ARNs
    of either. An ARN whose last part is no model's name (a provisioned or custom model, an
    application's profile) names no family.
    """
    base = model_id.rsplit("/", 1)[-1].lower()
    without_region = base.partition(".")[2]
    fits: list[tuple[int, Family]] = []
    for family in FAMILIES:
        for prefix in family.id_prefixes:
            if base.startswith(prefix) or without_region.startswith(prefix):
                fits.append((len(prefix), family))
                break
    return tuple(family for _, family in sorted(fits, key=lambda fit: -fit[0]))


def recognize_family(model_id: str, body: JsonObject) -> Family | None:
    """Return the family of a RAW request, or None where neither its model nor its body tells.

    The model's own family comes first if the body may be its; else the body decides.
    """
    named = families_of_model(model_id)
    candidates = (
        *(family for family in named if family.accepts(body)),
        *(family for family in FAMILIES if family.is_marked(body)),
        *(family for family in FAMILIES if family.accepts(body)),
    )
    return candidates[0] if candidates else None


def find_foreign_family(model_id: str, body: JsonObject) -> Family | None:
    """Return the family of a body that the model itself would refuse, or None.

    That is how a RAW request reads after its model was routed to one of another family. A body that
    no family owns, or for a model whose family is not known, is the model's own business.
    """
    named = families_of_model(model_id)
    if not named or any(family.accepts(body) for family in named):
        return None
    return next((family for family in FAMILIES if family.is_marked(body)), None)


def find_family(model_id: str, body: JsonObject) -> Family:
    """Return the family of a RAW request, or raise Rejected where neither id nor body names one."""
    family = recognize_family(model_id, body)
    if family is None:
        known = ", ".join(sorted(family.name for family in FAMILIES))
        raise Rejected(
            f"a RAW request with the keys {sorted(body)} is in no form that model {model_id!r} or "
            "any known model family takes",
            code="ValidationException",
            hint=f"Write the body of one of the families {known}, or use REQUEST_TYPE UNIFIED.",
        )
    return family


async def complete_raw(
    family: Family,
    send_unified: Callable[[ProviderRequest], Awaitable[Completion]],
    request: ProviderRequest,
) -> Completion:
    """Answer a RAW request through the neutral form; the answer is in the family's own form."""
    completion = await send_unified(unified_request(family, request))
    return raw_completion(family, request, completion)


def unified_request(family: Family, request: ProviderRequest) -> ProviderRequest:
    """Return a RAW request in the neutral form."""
    body = family.to_converse(request.body)
    return request._replace(request_type=RequestType.UNIFIED, body=body)


def raw_completion(family: Family, request: ProviderRequest, completion: Completion) -> Completion:
    """Return what answers the neutral form of a RAW `request` in the family's own form."""
    response = family.from_converse(completion.response, request.model_id)
    return completion._replace(response=response, text=None)
