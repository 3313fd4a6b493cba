"""Where a model's requests really go: its type or endpoint, then the routes of `outcrop.toml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outcrop.catalog.objects import ExternalModel, ModelType
from outcrop.config import Route, WarehouseConfig
from outcrop.errors import InvalidParameter, suggest
from outcrop.execution.compose_invocation import Destination
from outcrop.execution.result import Notice

PROVIDER_OF_TYPE: Mapping[ModelType, str] = {
    ModelType.BEDROCK: "bedrock",
    ModelType.OPENAI: "openai",
    ModelType.ANTHROPIC: "anthropic",
    ModelType.LOCAL: "local",
}
ROLE_MARK = "@"
"""Stands between a provider's name and the credential profile that an IAM role is mapped to."""


def route_model(
    model: ExternalModel,
    config: WarehouseConfig,
    providers: Mapping[str, str],
    notify: Callable[[Notice], None],
) -> Destination:
    """Return the destination of a model's requests, and say so where a route changes it.

    A route that only names a fallback for the model changes nothing.

    `providers` are the known providers' kinds by name. Raises InvalidParameter for a name that is
    none of them.
    """
    provider = model.endpoint or PROVIDER_OF_TYPE[model.model_type]
    route = config.routes.get(model.model_id)
    fallback = None if route is None else _fallback(route)
    if route is not None and (route.provider, route.model_id) != (provider, model.model_id):
        check_provider(route.provider, providers, f"route of {model.model_id!r}")
        notify(
            Notice(
                "NOTICE",
                f"model {model.model_id!r} is answered by {route.model_id!r} of "
                f"{route.provider!r}, as [routes] in outcrop.toml says",
            )
        )
        return Destination(route.provider, route.model_id, fallback)
    check_provider(provider, providers, f"endpoint of model {str(model.name)!r}")
    profile = config.roles.get(model.iam_role)
    if profile is not None and providers[provider] == "bedrock":
        provider = f"{provider}{ROLE_MARK}{profile}"
    return Destination(provider, model.model_id, fallback)


def _fallback(route: Route) -> Destination | None:
    if route.fallback is None:
        return None
    return Destination(route.fallback.provider, route.fallback.model_id)


def check_provider(name: str, providers: Mapping[str, str], where: str) -> None:
    """Raise InvalidParameter if no provider has this name."""
    if name not in providers:
        raise InvalidParameter(
            f"unknown provider {name!r} in the {where}",
            hint=suggest(name, providers)
            or f"Describe it in outcrop.toml under [providers.{name}]; known are "
            f"{', '.join(sorted(providers))}.",
        )
