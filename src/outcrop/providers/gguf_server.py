"""One GGUF model in memory: llama.cpp's server, in process, through xllamacpp.

    LoadedModel(path, options)                      loads it; slow, and blocks
    .grammar(schema) -> str                         the grammar of a JSON schema
    .ask(chat, stop) -> list of chunks              one completion; blocks; `stop` ends it early
    .close()

What llama.cpp's server does and must not do in a process that is not its own, and is undone here:

* It takes over SIGINT and SIGTERM when it loads a model: Ctrl-C would end the model, not the query.
* It writes its log to stderr, which belongs to the shell.
* It listens on a loopback port, which cannot be turned off: nobody knows the key.
* It keeps up to 8 GB of old prompts in memory.
* Its threads spin while they wait, which on a busy machine takes the processor from the others.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.errors import MissingDependency, ModelNotFound, Rejected
from outcrop.providers.base import JsonObject

_MAGIC = b"GGUF"
_SILENT = -1
_OPENMP_LIBRARY = "libgomp.so.1"
_SPIN_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
_SPINS = "500"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Signal handlers and environment belong to the process: one model is loaded at a time.
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is loaded: `slots` answers at once, each with `context` tokens of its own."""

    slots: int
    context: int
    threads: int
    gpu_layers: int | None = None


class LoadedModel:
    """A model in memory. Its methods may be called from any thread, `slots` of them at once."""

    def __init__(self, path: Path, options: LoadOptions) -> None:
        self.path = path
        with _loading:
            self._library = _import_library()
            _check_magic(path)
            self._server = self._start(path, options)

    def grammar(self, schema: str) -> str:
        """Return the grammar that the JSON schema `schema` stands for; raises Rejected."""
        try:
            return str(self._library.json_schema_to_grammar(schema))
        except (RuntimeError, ValueError) as error:
            raise Rejected(f"the output schema cannot be followed: {error}") from error

    def ask(self, chat: JsonObject, stop: threading.Event) -> list[JsonObject]:
        """Return the chunks of the answer, or the one chunk with an `error`.

        The answer is streamed only so that `stop` can end it: a request that nobody waits for any
        more must not keep its slot until its last token.
        """
        request = {**chat, "stream": True, "stream_options": {"include_usage": True}}
        chunks: list[JsonObject] = []

        def keep(chunk: bytes) -> bool:
            chunks.append(json.loads(chunk))
            return stop.is_set()

        try:
            self._server.handle_chat_completions(json.dumps(request).encode(), keep)
        except (ValueError, RuntimeError) as error:
            return [{"error": {"code": 400, "message": str(error), "type": "invalid_request"}}]
        return chunks

    def close(self) -> None:
        """Free the model and end llama.cpp's threads; no `ask` may be running."""
        self._server = None

    def _start(self, path: Path, options: LoadOptions) -> Any:
        try:
            with _keep_signal_handlers():
                return self._library.Server(self._parameters(path, options))
        except RuntimeError as error:
            raise ModelNotFound(
                f"the model {str(path)!r} cannot be loaded",
                hint="It is damaged, of a kind that this llama.cpp does not know, or too large "
                "for the memory: lower `slots` or `context` in outcrop.toml.",
                detail=str(error),
            ) from error

    def _parameters(self, path: Path, options: LoadOptions) -> Any:
        parameters = self._library.CommonParams()
        parameters.model.path = str(path)
        parameters.n_parallel = options.slots
        parameters.n_ctx = options.slots * options.context
        parameters.cpuparams.n_threads = options.threads
        parameters.cpuparams_batch.n_threads = options.threads
        if options.gpu_layers is not None:
            parameters.n_gpu_layers = options.gpu_layers
        parameters.verbosity = _SILENT
        parameters.api_keys = [secrets.token_hex(32)]
        parameters.ui = False
        parameters.endpoint_slots = False
        parameters.cache_ram_mib = 0
        return parameters


def _import_library() -> Any:
    try:
        with _short_spins():
            import xllamacpp
    except ImportError as error:
        if _OPENMP_LIBRARY in str(error):
            raise MissingDependency(
                f"local models need the system library {_OPENMP_LIBRARY}",
                hint="apt-get install libgomp1 (on Fedora and the like: dnf install libgomp)",
                detail=str(error),
            ) from error
        raise MissingDependency(
            "local models need the package xllamacpp, which is not installed",
            hint="pip install 'outcrop[local]'",
            detail=str(error),
        ) from error
    return xllamacpp


@contextmanager
def _short_spins() -> Iterator[None]:
    """Have llama.cpp's threads sleep, not spin, when they wait for each other for long.

    OpenMP reads this once, as it is loaded. Its default suits a machine that does nothing else: on
    a busy one the waiting threads take the processor from those that they wait for. With both cores
    of a machine in use by others, one answer came at 1.5 tokens a second by default and at 40 with
    this, about 30 microseconds.
    """
    if any(variable in os.environ for variable in _SPIN_VARIABLES):
        yield
        return
    os.environ[_SPIN_VARIABLES[0]] = _SPINS
    try:
        yield
    finally:
        del os.environ[_SPIN_VARIABLES[0]]


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ModelNotFound(f"{str(path)!r} is no GGUF file")


@contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Put the signal handlers back, which `signal.signal` may do in the main thread only.

    PyOS_getsig and PyOS_setsig are Python's own, part of its stable ABI, and bound to no thread.
    """
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_int)(("PyOS_getsig", ctypes.pythonapi))
    put = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(
        ("PyOS_setsig", ctypes.pythonapi)
    )
    before = [(number, get(number)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            put(number, handler)
