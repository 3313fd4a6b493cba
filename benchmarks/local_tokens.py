"""Tokens a second of the local model, through a statement and through xllamacpp alone.

Both sides load the same file with the same slots, threads and context, and ask the same prompts
for the same number of tokens; what is compared is what the warehouse costs on top of llama.cpp.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.report import Report, Target, ratio
from benchmarks.workload import create_model, create_notes, in_turn, open_session, run
from outcrop.providers.gguf import CONTEXT_DEFAULT, SLOTS_DEFAULT, count_physical_cores
from outcrop.providers.model_store import DEFAULT_MODEL, find_model
from outcrop.session import Session

NAME = "local"
LEAST = 0.9


def measure(*, is_quick: bool) -> Report:
    """Run both sides in turns."""
    prompts, tokens, turns = (4, 8, 1) if is_quick else (8, 32, 10)
    config = {"settings": {"max_tokens_default": tokens}}
    server = _load(find_model(DEFAULT_MODEL))
    ours: list[float] = []
    direct: list[float] = []
    with open_session(config) as session:
        create_model(session, "LOCAL", DEFAULT_MODEL)
        _ask(session, 1, "warm up")
        _ask_directly(server, 1, tokens, "warm up")
        sides: list[Callable[[str], None]] = [
            lambda day: ours.append(_ask(session, prompts, day)),
            lambda day: direct.append(_ask_directly(server, prompts, tokens, day)),
        ]
        for turn in range(turns):
            for side in in_turn(sides, turn):
                side(f"Day {turn}")
    ratios = [a / b for a, b in zip(ours, direct, strict=True)]
    middle = statistics.median(ratios)
    return Report(
        "Tokens a second of the local model against xllamacpp called directly",
        (
            f"{turns} turns of {prompts} prompts and at most {tokens} tokens each, on each side, "
            "one after the other;",
            f"{SLOTS_DEFAULT} slots, {count_physical_cores()} threads, {DEFAULT_MODEL}; medians.",
        ),
        ("", "tokens a second", "ratio"),
        [
            ("xllamacpp, called directly", f"{statistics.median(direct):,.1f}", ""),
            ("SELECT ask(body)", f"{statistics.median(ours):,.1f}", ratio(middle)),
        ],
        (Target("tokens a second, ours / direct", middle, LEAST),),
    )


def _prompt(salt: str, number: int) -> str:
    return f"{salt}: write a short meal plan for patient number {number}."


def _ask(session: Session, prompts: int, salt: str) -> float:
    """Return the tokens a second of a statement over `prompts` new prompts."""
    before, after = _prompt(salt, 0).split("0.")
    create_notes(session, prompts, f"'{before.rstrip()} ' || n || '.{after}'")
    written = _tokens_written(session)
    started = time.perf_counter()
    run(session, "SELECT id, ask(body) FROM notes")
    elapsed_s = time.perf_counter() - started
    return (_tokens_written(session) - written) / elapsed_s


def _tokens_written(session: Session) -> int:
    [(tokens,)] = run(session, "SELECT sum(output_tokens) FROM sys_llm_detail")
    return int(tokens or 0)


def _load(path: Path) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_parallel = SLOTS_DEFAULT
    parameters.n_ctx = SLOTS_DEFAULT * CONTEXT_DEFAULT
    parameters.cpuparams.n_threads = count_physical_cores()
    parameters.cpuparams_batch.n_threads = count_physical_cores()
    parameters.cache_ram_mib = 0
    parameters.verbosity = -1
    return xllamacpp.Server(parameters)


def _ask_directly(server: Any, prompts: int, tokens: int, salt: str) -> float:
    """Return the tokens a second of llama.cpp's server, asked by as many threads as slots."""

    def ask(number: int) -> int:
        request = {
            "messages": [{"role": "user", "content": _prompt(salt, number)}],
            "max_tokens": tokens,
            "temperature": 0,
        }
        return int(server.handle_chat_completions(request)["usage"]["completion_tokens"])

    started = time.perf_counter()
    with ThreadPoolExecutor(SLOTS_DEFAULT) as threads:
        written = sum(threads.map(ask, range(prompts)))
    return written / (time.perf_counter() - started)
