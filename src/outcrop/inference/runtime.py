"""What the statements of a gateway, and the questions of a statement, have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random

from outcrop.errors import Error
from outcrop.inference.clock import Clock
from outcrop.inference.flights import FlightTable
from outcrop.inference.journal import Journal
from outcrop.inference.policy import CallPolicy
from outcrop.inference.prices import Price
from outcrop.inference.reservation import StatementBudgets
from outcrop.inference.sender import Channel
from outcrop.inference.slots import Slots
from outcrop.inference.spending import Spending
from outcrop.providers.prompt_caching import PromptCaching


@dataclass(frozen=True, slots=True)
class Runtime:
    """What all statements of a gateway share.

    From any thread, `call` has the event loop call a function, `ask_loop` waits for what a function
    returns there (False once the gateway is closed), and `spawn` has it run a coroutine. `channel`
    gives the way to a model of a provider, on the event loop; `prompt_caching` says how it caches
    prompts, and `price` what it costs. `spending` is for the event loop alone. With
    `logs_prompts` what is logged holds requests.
    """

    loop: asyncio.AbstractEventLoop
    journal: Journal
    flights: FlightTable
    spending: Spending
    clock: Clock
    random: Random
    channel: Callable[[str, str], Channel]
    prompt_caching: Callable[[str, str], PromptCaching | None]
    price: Callable[[str, str], Price | None]
    call: Callable[..., None]
    ask_loop: Callable[[Callable[[], bool]], bool]
    spawn: Callable[[Coroutine[object, object, None]], None]
    logs_prompts: bool


@dataclass(frozen=True, slots=True)
class Common:
    """What all questions of one statement share.

    `slots` are how many of its invocations may be on their way at once; `failed` are those that
    failed, by fingerprint: they are not tried again.
    """

    policy: CallPolicy
    budgets: StatementBudgets
    slots: Slots
    failed: dict[bytes, Error] = field(default_factory=dict)
