"""Local models: GGUF files that llama.cpp runs in this process. Works offline and costs nothing.

A request's model id is a registered name (`model_store.py`) or the path of a .gguf file; the option
`model` names one that answers every request instead. Each model is loaded at its first request and
answers as many at once as it has slots. Options, under `[providers.NAME]` with kind = "gguf":

    model           a name or a path; absent: the request's model id decides
    slots           answers at once (4)
    context         tokens of prompt and answer together, for each slot (4096)
    threads         processor cores used (the physical ones)
    gpu_layers      layers run on the graphics processor (as many as fit)
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.errors import ConfigInvalid, Error, Rejected, TimedOut
from outcrop.providers.base import (
    Completion,
    JsonObject,
    ProviderConfig,
    ProviderRequest,
    RequestType,
)
from outcrop.providers.converse import text_response
from outcrop.providers.families.base import complete_raw, find_family
from outcrop.providers.gguf_chat import ChatAnswer, chat_of, error_of, read_chunks
from outcrop.providers.gguf_server import LoadedModel, LoadOptions
from outcrop.providers.model_store import find_model
from outcrop.providers.options import check_option_names, text_option

SLOTS_DEFAULT = 4
CONTEXT_DEFAULT = 4_096
# Each model takes its memory until the provider is closed.
MODELS_MAX = 4

_SLOTS_MAX = 256
_CONTEXT_MAX = 1_048_576
_THREADS_MAX = 512
_GPU_LAYERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class GgufOptions:
    """The options of the provider; `model` answers every request where it is given."""

    load: LoadOptions
    model: str | None = None


class GgufProvider:
    """A `Provider` (see `providers/base.py`) of local models. See the module."""

    def __init__(self, name: str, options: GgufOptions) -> None:
        self.name = name
        self._options = options
        self._models: dict[Path, Future[LoadedModel]] = {}
        self._asked: set[Future[list[JsonObject]]] = set()
        self._stops: set[threading.Event] = set()
        # One thread for each slot of the models, which the runtime does not exceed.
        self._threads = ThreadPoolExecutor(options.load.slots, thread_name_prefix=f"gguf-{name}")

    @property
    def concurrency_max(self) -> int | None:
        """The number of slots: more requests at once would only wait."""
        return self._options.load.slots

    @property
    def lets_wait(self) -> bool:
        """Its slots are all that there is."""
        return False

    async def complete(self, request: ProviderRequest) -> Completion:
        """Answer `request`; the first one to a model waits until it is loaded.

        Raises ModelNotFound, MissingDependency (not fetched, or xllamacpp not installed), Rejected
        (too long for the context, or asking for what a local model cannot do), TimedOut.
        """
        if request.request_type is RequestType.RAW:
            family = find_family(request.model_id, request.body)
            return await complete_raw(family, self._complete_unified, request)
        return await self._complete_unified(request)

    async def close(self) -> None:
        """End the answers that are under way and free the models. Safe to call twice."""
        for stop in self._stops:
            stop.set()
        await _settle(self._asked)
        loading = list(self._models.values())
        self._models.clear()
        await _settle(loading)
        loaded = (task.result() for task in loading if task.exception() is None)
        await _settle([self._threads.submit(model.close) for model in loaded])
        self._threads.shutdown()

    async def _complete_unified(self, request: ProviderRequest) -> Completion:
        started = time.monotonic()
        stop = threading.Event()
        self._stops.add(stop)
        try:
            async with asyncio.timeout(request.timeout_s):
                model = await self._load(self._options.model or request.model_id)
                answer = await self._ask(model, request.body, stop)
        except TimeoutError as error:
            raise TimedOut(
                f"the local model gave no complete answer in {request.timeout_s:g} s",
                hint="Ask for fewer tokens (maxTokens), or raise outcrop.request_timeout.",
            ) from error
        finally:
            stop.set()
            self._stops.discard(stop)
        latency_ms = round((time.monotonic() - started) * 1_000)
        response = text_response(
            answer.text, stop_reason=answer.stop_reason, usage=answer.usage, latency_ms=latency_ms
        )
        return Completion(response, answer.usage, latency_ms)

    async def _load(self, name_or_path: str) -> LoadedModel:
        """Return the model, loaded once for all requests; one that failed is tried again."""
        path = find_model(name_or_path)
        if path not in self._models:
            if len(self._models) >= MODELS_MAX:
                raise Rejected(
                    f"provider {self.name!r} has {MODELS_MAX} local models in memory already",
                    hint="Use fewer models in a session, or give them to several providers.",
                )
            self._models[path] = self._threads.submit(LoadedModel, path, self._options.load)
        loading = self._models[path]
        try:
            # Shielded, since others may wait for the same model.
            return await asyncio.shield(asyncio.wrap_future(loading))
        except Error:
            if self._models.get(path) is loading:
                del self._models[path]
            raise

    async def _ask(self, model: LoadedModel, body: JsonObject, stop: threading.Event) -> ChatAnswer:
        chat = chat_of(body, model.grammar)
        asked = self._threads.submit(model.ask, chat, stop)
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        chunks = await asyncio.wrap_future(asked)
        for chunk in chunks:
            if "error" in chunk:
                raise error_of(chunk["error"], model.path.stem)
        answer = read_chunks(chunks)
        if "grammar" in chat and answer.stop_reason == "end_turn":
            _check_json(answer.text)
        return answer


async def _settle(futures: Iterable[Future[Any]]) -> None:
    """Wait until the work of `futures` is over, however it ended."""
    await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)


def _check_json(text: str) -> None:
    """Raise Rejected for an answer that ended and is no JSON: the grammar was not in force.

    llama.cpp ignores a schema that it cannot turn into a grammar, without a word.
    """
    try:
        json.loads(text)
    except ValueError as error:
        raise Rejected(
            "the local model cannot follow the output schema",
            hint="Use a simpler schema; patterns with look-around are a known case.",
            detail=f"It answered {text[:200]!r}.",
        ) from error


def build(config: ProviderConfig) -> GgufProvider:
    """Return the provider that `config` describes; raises ConfigInvalid naming the option."""
    check_option_names(config, ("model", "slots", "context", "threads", "gpu_layers"))
    load = LoadOptions(
        slots=_count_option(config, "slots", 1, _SLOTS_MAX) or SLOTS_DEFAULT,
        context=_count_option(config, "context", 64, _CONTEXT_MAX) or CONTEXT_DEFAULT,
        threads=_count_option(config, "threads", 1, _THREADS_MAX) or count_physical_cores(),
        gpu_layers=_count_option(config, "gpu_layers", 0, _GPU_LAYERS_MAX),
    )
    return GgufProvider(config.name, GgufOptions(load, text_option(config, "model")))


def _count_option(config: ProviderConfig, key: str, least: int, most: int) -> int | None:
    value = config.options.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigInvalid(
            f"providers.{config.name}.{key} must be a whole number from {least} to {most}"
        )
    return value


def count_physical_cores(topology: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return the number of physical cores that this process may use.

    Two threads on one core slow llama.cpp down. Where the machine does not tell its topology, the
    logical processors count.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    siblings = set()
    for processor in usable:
        listed = topology / f"cpu{processor}" / "topology" / "core_cpus_list"
        siblings.add(listed.read_text() if listed.is_file() else str(processor))
    return len(siblings) or os.cpu_count() or 1
