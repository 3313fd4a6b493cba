from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.config import Config

from outcrop.emulator.server import EmulatorConfig, RunningEmulator

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="session")
def aws() -> boto3.Session:
    return boto3.Session("AKIDEXAMPLE", SECRET_KEY, region_name="us-east-1")


@pytest.fixture
def start() -> Iterator[Callable[..., RunningEmulator]]:
    """Starts emulators with the settings that a test names, and stops them after it."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(RunningEmulator(EmulatorConfig(**settings)))


@pytest.fixture
def connect(aws: boto3.Session) -> Iterator[Callable[..., Any]]:
    """Makes boto3 clients of an emulator that send every request once."""
    with ExitStack() as stack:

        def make(emulator: RunningEmulator, **settings: Any) -> Any:
            config = Config(retries={"total_max_attempts": 1}, **settings)
            client = aws.client("bedrock-runtime", endpoint_url=emulator.url, config=config)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(start: Callable[..., RunningEmulator], connect: Callable[..., Any]) -> Any:
    """A boto3 client of an emulator with all defaults."""
    return connect(start())
