"""A Bedrock on loopback, in a process of its own, and keys that open nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

REGION = "us-east-1"


@contextmanager
def emulator(*options: str) -> Iterator[str]:
    """Run the emulator with these options; give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "outcrop.cli", "emulate", "bedrock", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        found = re.search(r"http://[\d.:]+\d", process.stderr.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def aws_keys() -> Iterator[None]:
    """Set keys that sign and open nothing."""
    before = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID="dev", AWS_SECRET_ACCESS_KEY="dev")
    os.environ.pop("AWS_PROFILE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def counts_by_model(url: str) -> Mapping[str, Mapping[str, int]]:
    """Return what the emulator counted for each model so far."""
    with urlopen(f"{url}/_dev/ledger") as response:
        ledger: Mapping[str, Any] = json.load(response)
    by_model: Mapping[str, Mapping[str, int]] = ledger["by_model"]
    return by_model


def put_quotas(url: str, amounts: Mapping[str, float]) -> None:
    """Have the emulator keep these quotas from now on."""
    request = Request(f"{url}/_dev/quotas", json.dumps(amounts).encode(), method="PUT")
    with urlopen(request):
        pass
