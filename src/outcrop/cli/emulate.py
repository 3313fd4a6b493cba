"""`outcrop emulate bedrock`: serves Bedrock's API on this machine."""

from __future__ import annotations

import argparse
import asyncio
import textwrap
from typing import TYPE_CHECKING

from outcrop.cli.messages import Messages
from outcrop.cli.usage import Commands, add_command
from outcrop.emulator.faults import FAULTS
from outcrop.emulator.quotas import QUOTAS
from outcrop.errors import ResourceError
from outcrop.providers.base import ProviderConfig
from outcrop.providers.model_store import DEFAULT_MODEL

if TYPE_CHECKING:
    from outcrop.emulator.config import EmulatorConfig

_DESCRIPTION = """\
Serve the API of a model service on this machine, with its quotas, its errors
and a ledger of what was paid. SDKs and Outcrop itself work against it.
"""

_BEDROCK_DESCRIPTION = """\
Serve Amazon Bedrock's runtime API: Converse, ConverseStream, InvokeModel and
CountTokens. GET /_dev/ledger says what was requested, paid, throttled and
failed; DELETE resets it. PUT /_dev/quotas and PUT /_dev/faults, with a JSON
object such as {"rps": 20}, replace the quotas and the faults at run time, and
PUT /_dev/clock with {"offset_s": 3600} sets the service's clock off.
"""

_BEDROCK_EXAMPLES = """\
  outcrop emulate bedrock --port 8080
  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8080
  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
  export AWS_DEFAULT_REGION=us-east-1

  outcrop emulate bedrock --port 8080 --quota rps=50 --fault throttling=0.1
  outcrop emulate bedrock --port 8080 --quota tpm@'*claude*'=20000 --burst tpm=1
  outcrop emulate bedrock --port 8080 --backend gguf        a real small model
"""


def add_parser(commands: Commands) -> None:
    """Add the command's arguments."""
    parser = add_command(
        commands,
        "emulate",
        summary="serve Amazon Bedrock's API on this machine",
        description=_DESCRIPTION,
        examples="  outcrop emulate bedrock --port 8080\n",
    )
    services = parser.add_subparsers(title="services", metavar="SERVICE", required=True)
    bedrock = add_command(
        services,
        "bedrock",
        summary="Amazon Bedrock's runtime: Converse, InvokeModel, CountTokens",
        description=_BEDROCK_DESCRIPTION,
        examples=f"{_BEDROCK_EXAMPLES}\n{_names()}",
    )
    _add_options(bedrock)
    bedrock.set_defaults(run=run)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_port, required=True, metavar="P", help="the port; 0 takes a free one"
    )
    answers = parser.add_argument_group("answers")
    answers.add_argument(
        "--backend",
        choices=("scripted", "gguf"),
        default="scripted",
        help="who answers: a script (default) or a local model",
    )
    answers.add_argument("--latency-ms", type=float, default=0.0, metavar="N", help="added delay")
    answers.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the scripted answers and the faults"
    )
    limits = parser.add_argument_group("limits and faults")
    for flag, metavar, meaning in (
        ("--quota", "NAME=N", "so many a second, minute or day (may be repeated)"),
        ("--burst", "NAME=S", "the seconds' worth of a quota that its bucket holds"),
        ("--fault", "NAME=RATE", "inject a fault at a rate from 0 to 1 (may be repeated)"),
    ):
        limits.add_argument(
            flag, type=_number, action="append", default=[], metavar=metavar, help=meaning
        )


def run(options: argparse.Namespace, messages: Messages) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code."""
    from outcrop.emulator.server import serve

    config = _config(options)

    def announce(address: str) -> None:
        messages.remark(f"Bedrock is emulated at {address}. Ctrl-C stops it.")
        messages.remark(f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={address}")

    try:
        ledger = asyncio.run(serve(config, announce))
    except OSError as error:
        raise ResourceError(
            f"port {options.port} cannot be used: {error.strerror}",
            hint="--port 0 takes a free one.",
        ) from error
    messages.remark(
        f"{ledger.requests} requests: {ledger.paid} paid, {ledger.throttled} throttled, "
        f"{ledger.failed} failed"
    )
    return 0


def _config(options: argparse.Namespace) -> EmulatorConfig:
    from outcrop.emulator.config import EmulatorConfig

    backend = None
    if options.backend == "gguf":
        from outcrop.providers import gguf

        backend = gguf.build(ProviderConfig("local", "gguf"))
    return EmulatorConfig(
        port=options.port,
        backend=backend,
        backend_model_id=DEFAULT_MODEL if backend else None,
        latency_ms=options.latency_ms,
        quotas=dict(options.quota),
        bursts=dict(options.burst),
        faults=dict(options.fault),
        seed=options.seed,
    )


def _names() -> str:
    quotas = ", ".join(f"{name} ({quota.meaning})" for name, quota in QUOTAS.items())
    return (
        f"quotas, of each model:\n{_fill(quotas)}\nfaults:\n{_fill(', '.join(FAULTS))}\n"
        f"NAME@MODEL is for one model, or for those that a pattern fits.\n"
    )


def _fill(text: str) -> str:
    return textwrap.fill(
        text, 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _number(text: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        if not equals:
            raise ValueError(text)
        return name, float(number)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER") from error
