"""A scripted provider that keeps a list of what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from outcrop.providers.base import Completion, ProviderConfig, ProviderRequest
from outcrop.providers.scripted import ScriptedProvider, parse_options, prompt_text

Call: TypeAlias = tuple[str, str]
"""A provider's name and a prompt."""


class RecordedProvider(ScriptedProvider):
    """Adds to `calls` each request that it answers."""

    def __init__(self, config: ProviderConfig, calls: list[Call]) -> None:
        super().__init__(config.name, parse_options(config.name, config.options))
        self._calls = calls

    async def complete(self, request: ProviderRequest) -> Completion:
        """Answer a request, and record it."""
        self._record(request)
        return await super().complete(request)

    def complete_now(self, request: ProviderRequest) -> Completion:
        """Do the same at once."""
        self._record(request)
        return super().complete_now(request)

    def _record(self, request: ProviderRequest) -> None:
        self._calls.append((self.name, prompt_text(request.body)))


def recorded(calls: list[Call]) -> Callable[[ProviderConfig], ScriptedProvider]:
    """Return what builds such a provider, in the place of `build` of the scripted one."""
    return lambda config: RecordedProvider(config, calls)
