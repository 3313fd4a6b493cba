"""`outcrop demo`: walks through the worked example of examples/diet_plans, on a local model.

What a run cost is asked of `sys_llm_detail`, by a query group of the run's own: the demo knows
nothing that a user could not ask as well.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from outcrop.cli.foreground import EXIT_INTERRUPTED
from outcrop.cli.messages import Messages
from outcrop.cli.models import pull_model
from outcrop.cli.progress import format_cost
from outcrop.cli.terminal import Style
from outcrop.cli.usage import Commands, add_command, add_log_options
from outcrop.config import CONFIG_FILE, load_config
from outcrop.errors import FileUnavailable
from outcrop.providers.model_store import list_models

if TYPE_CHECKING:
    from outcrop.session import Session

DATA_FILE = "patients.csv"

_DESCRIPTION = """\
Walk through a worked example: patients are loaded, turned into prompts, and
answered by a language model that runs in this process. No account is needed;
the model (98 MB) is fetched if it is not there. The second run reuses every
answer. The warehouse stays, so that you can go on with it.
"""

_EXAMPLES = """\
  outcrop demo
  outcrop demo --keep ./clinic          then: outcrop -w ./clinic sql
"""

_TOTALS = """\
SELECT sum(calls), sum(reused), sum(input_tokens), sum(output_tokens), sum(cost_usd)
FROM sys_llm_detail WHERE query_group = ?"""


def add_parser(commands: Commands) -> None:
    """Add the command's arguments."""
    parser = add_command(
        commands,
        "demo",
        summary="walk through a worked example on a real local model",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        type=Path,
        help="where the warehouse of the demo lives (default: among your user data); an "
        "outcrop.toml that is there is used, so that you can choose another model",
    )
    add_log_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, messages: Messages) -> int:
    """Run the command; return its exit code."""
    # Imported here so that `outcrop --help` need not load the parser and the engine.
    from outcrop.cli.interpreter import View
    from outcrop.cli.sql import open_interpreter
    from outcrop.cli.variables import substitute
    from outcrop.cli.walkthrough import play

    started = time.monotonic()
    example = example_directory()
    directory = _directory(options)
    prepare(directory, example)
    fetch_models(directory, messages)
    script = (example / "diet_plans.sql").read_text("utf-8")
    with open_interpreter(directory, messages, View(is_spaced=True), options) as interpreter:
        group = f"outcrop demo {datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        interpreter.session.execute(f"SET query_group TO '{group}'").close()
        if not play(interpreter, substitute(script, {"patients_csv": str(example / DATA_FILE)})):
            return EXIT_INTERRUPTED if interpreter.foreground.was_interrupted else 1
        totals = _totals(interpreter.session, group)
    paint = messages.terminal.paint
    messages.remark(paint(summarize(totals, time.monotonic() - started), Style.BOLD))
    program = program_name(Path(sys.argv[0]), shutil.which("outcrop"))
    messages.remark(f"Go on in the same warehouse:  {program} -w {shlex.quote(str(directory))} sql")
    return 0


def program_name(program: Path, on_path: str | None) -> str:
    """Return how to call `program` from a shell, to which `outcrop` is what `on_path` says.

    In a clone it is in .venv, where no shell looks.
    """
    is_found = on_path is not None and Path(on_path).resolve() == program.resolve()
    return "outcrop" if is_found or program.name != "outcrop" else shlex.quote(str(program))


def _directory(options: argparse.Namespace) -> Path:
    """Return where the demo lives: --keep, else --warehouse, else a place of its own."""
    if options.keep is not None:
        return Path(options.keep)
    if "warehouse" in options:
        return Path(options.warehouse)
    return user_data_path("outcrop", appauthor=False) / "demo"


def example_directory() -> Path:
    """Return the folder of the example: inside the installed package, or in the repository."""
    import outcrop

    package = Path(outcrop.__file__).parent
    installed = package / "examples" / "diet_plans"
    return installed if installed.is_dir() else package.parents[1] / "examples" / "diet_plans"


def prepare(directory: Path, example: Path) -> None:
    """Make the demo's directory with the example's `outcrop.toml`; one that is there stays."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / CONFIG_FILE).exists():
            shutil.copyfile(example / CONFIG_FILE, directory / CONFIG_FILE)
    except OSError as error:
        raise FileUnavailable(
            f"the demo cannot write to {str(directory)!r}: {error.strerror}",
            hint="--keep DIR names another directory.",
        ) from error


def fetch_models(directory: Path, messages: Messages) -> None:
    """Fetch the local models that the routes of `directory` name, unless they are there."""
    routes = load_config(directory / CONFIG_FILE).routes.values()
    wanted = {route.model_id for route in routes}
    for entry in list_models():
        if entry.model.name in wanted and not entry.is_fetched:
            pull_model(entry.model.name, messages)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the model calls of one run came to."""

    calls: int
    reused: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


def summarize(totals: Totals, seconds: float) -> str:
    """Return the closing line: what the run cost."""
    if not totals.calls:
        return f"Every answer was reused: {totals.reused} of them, 0 calls, in {seconds:.0f} s."
    return (
        f"{totals.calls} calls, {totals.reused} answers reused, {totals.input_tokens} tokens in, "
        f"{totals.output_tokens} out, {format_cost(totals.cost_usd)}, {seconds:.0f} s.\n"
        "Run it again, and nothing is paid twice."
    )


def _totals(session: Session, query_group: str) -> Totals:
    with closing(session.execute(_TOTALS, (query_group,))) as result:
        *counts, cost = next(result.rows())
    calls, reused, input_tokens, output_tokens = (int(str(count or 0)) for count in counts)
    cost_usd = None if cost is None else float(str(cost))
    return Totals(calls, reused, input_tokens, output_tokens, cost_usd)
