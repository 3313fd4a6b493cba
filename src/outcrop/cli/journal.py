"""`outcrop journal`: what the journal holds, and its verification, pruning, export and import."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.cli.archive_file import create_archive, open_archive
from outcrop.cli.formats import Format, write_rows
from outcrop.cli.messages import Messages
from outcrop.cli.progress import format_cost
from outcrop.cli.terminal import terminal_of
from outcrop.cli.usage import Commands, add_command, add_warehouse_option
from outcrop.config import default_warehouse
from outcrop.errors import InvalidParameter, UndefinedModel, counted, suggest

if TYPE_CHECKING:
    from outcrop.inference.journal_upkeep import GivenUp, JournalFigures, Selection

_DESCRIPTION = """\
Look after the journal, which holds every answer that was paid for. What only
reads (stats, verify, export, prune --dry-run) also works while the warehouse
is open elsewhere.
"""

_EXAMPLES = """\
  outcrop journal stats
  outcrop journal prune --older-than 90d --dry-run
  outcrop journal export answers.jsonl.gz
  outcrop -w shop journal import answers.jsonl.gz
"""

_AGE_UNITS_S = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}

_IF_DAMAGED = """\
To save what can be read, copy the directory {folder}, and then:
  outcrop -w {folder} journal export saved.jsonl.gz
  mkdir {folder}/damaged
  mv {folder}/journal.sqlite* {folder}/damaged/
  outcrop -w {folder} journal import saved.jsonl.gz
Answers that are damaged are asked for again when they are needed. The records
of calls, and what budgets have counted so far, stay behind in the old file.\
"""


def add_parser(commands: Commands) -> None:
    """Add the command's arguments."""
    parser = add_command(
        commands,
        "journal",
        summary="look after the answers that were paid for",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_stats(verbs)
    _add_verify(verbs)
    _add_prune(verbs)
    _add_export(verbs)
    _add_import(verbs)


def _add_stats(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "stats",
        summary="what the journal holds, by model",
        description="Show what the journal holds, by model, and the size of its file.",
        examples="  outcrop journal stats --format json\n",
    )
    parser.add_argument(
        "--format",
        choices=[output.value for output in Format],
        default=Format.TABLE.value,
        help="table (default), csv, or json",
    )
    add_warehouse_option(parser)
    parser.set_defaults(run=_stats)


def _add_verify(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "verify",
        summary="read all of it, and say what is damaged",
        description="Read every page and every answer, and say what is damaged.",
        examples="  outcrop journal verify\n\nexit status:\n  0 sound, 1 damaged\n",
    )
    add_warehouse_option(parser)
    parser.set_defaults(run=_verify)


def _add_prune(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "prune",
        summary="remove answers, and compact the file",
        description="Remove answers, and compact the file. What is removed is paid for again\n"
        "when it is asked for again.",
        examples="  outcrop journal prune --older-than 90d\n"
        "  outcrop journal prune --model anthropic.claude-v2 --yes\n",
    )
    _add_selection(parser)
    parser.add_argument(
        "--history",
        action="store_true",
        help="also remove the records of calls and statements of that age (--older-than)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go; keep it")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_warehouse_option(parser)
    parser.set_defaults(run=_prune, complain=parser.error)


def _add_export(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "export",
        summary="write answers to a file",
        description="Write answers to a new file, one line of JSON for each; compressed where\n"
        "its name ends in .gz.",
        examples="  outcrop journal export answers.jsonl.gz\n",
    )
    parser.add_argument("file", metavar="FILE", help="the file; - is stdout")
    _add_selection(parser)
    add_warehouse_option(parser)
    parser.set_defaults(run=_export)


def _add_import(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "import",
        summary="add the answers of such a file",
        description="Add the answers of an exported file; all of them, or, where a line is\n"
        "damaged, none. An answer that is there already stays as it is.",
        examples="  outcrop journal import answers.jsonl.gz\n",
    )
    parser.add_argument("file", metavar="FILE", help="the file; - is stdin")
    add_warehouse_option(parser)
    parser.set_defaults(run=_import)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        type=_age,
        help="answers that came longer ago, such as 90d, 12h or 4w",
    )
    parser.add_argument("--model", metavar="ID", help="answers of this model id")


def _age(text: str) -> float:
    """Return an age in seconds."""
    if not (match := re.fullmatch(r"(\d{1,6})([hdw])", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no age, such as 90d, 12h or 4w")
    return int(match[1]) * _AGE_UNITS_S[match[2]]


def _warehouse(options: argparse.Namespace) -> Path:
    return Path(options.warehouse) if "warehouse" in options else default_warehouse(os.environ)


def _journal(options: argparse.Namespace) -> Path:
    from outcrop.inference.journal import JOURNAL_FILE

    return _warehouse(options) / JOURNAL_FILE


def _selection(options: argparse.Namespace) -> Selection:
    from outcrop.inference.journal_upkeep import Selection

    return Selection(_before(options), options.model)


def _before(options: argparse.Namespace) -> float | None:
    return None if options.older_than is None else time.time() - options.older_than


def _stats(options: argparse.Namespace, messages: Messages) -> int:
    from outcrop.datatypes import BIGINT, DOUBLE, TIMESTAMP, VARCHAR
    from outcrop.execution.result import ResultColumn
    from outcrop.inference.journal_upkeep import figures

    path = _journal(options)
    held = figures(path)
    names = {
        "provider": VARCHAR,
        "model_id": VARCHAR,
        "answers": BIGINT,
        "answer_bytes": BIGINT,
        "input_tokens": BIGINT,
        "output_tokens": BIGINT,
        "cost_usd": DOUBLE,
        "oldest": TIMESTAMP,
        "newest": TIMESTAMP,
    }
    rows = [
        (
            *(getattr(model, name) for name in list(names)[:-2]),
            model.oldest.replace(microsecond=0, tzinfo=None),
            model.newest.replace(microsecond=0, tzinfo=None),
        )
        for model in held.models
    ]
    columns = [ResultColumn(name, datatype) for name, datatype in names.items()]
    write_rows(sys.stdout, terminal_of(sys.stdout), Format(options.format), columns, rows)
    sys.stdout.flush()  # before what goes to stderr
    messages.remark(_describe(held, path))
    return 0


def _describe(held: JournalFigures, path: Path) -> str:
    return (
        f"{path}: {counted(held.answers, 'answer')}, {counted(held.calls, 'call')} of "
        f"{counted(held.statements, 'statement')}; {_size(held.file_bytes)}, of which "
        f"{_size(held.free_bytes)} is free"
    )


def _verify(options: argparse.Namespace, messages: Messages) -> int:
    from outcrop.inference.journal_upkeep import verify

    found = verify(_journal(options))
    if found.problems:
        print("\n".join(found.problems), flush=True)
        messages.remark(_IF_DAMAGED.format(folder=_warehouse(options)))
        return 1
    print(f"{counted(found.answers, 'answer')}, {counted(found.calls, 'call')}: no damage found")
    return 0


def _prune(options: argparse.Namespace, messages: Messages) -> int:
    from outcrop.inference.journal_upkeep import count_given_up

    if options.older_than is None and options.model is None:
        options.complain("name what goes: --older-than AGE, --model ID or both")
    if options.history and (options.older_than is None or options.model is not None):
        options.complain("--history goes with --older-than alone")
    path, selection = _journal(options), _selection(options)
    if options.dry_run:
        given_up = count_given_up(path, selection)
        _check_model(path, selection, given_up.answers)
        messages.remark(f"{_given_up(given_up)} would be removed")
        return 0

    from outcrop.warehouse import Warehouse

    with Warehouse.open(_warehouse(options), create=False):
        return _prune_open(options, messages, path, selection)


def _prune_open(
    options: argparse.Namespace, messages: Messages, path: Path, selection: Selection
) -> int:
    from outcrop.inference.journal_upkeep import count_given_up, prune

    given_up = count_given_up(path, selection)
    _check_model(path, selection, given_up.answers)
    if not options.yes and not _is_confirmed(given_up, messages):
        messages.remark("Nothing was removed.")
        return 1
    freed = prune(path, selection, history_before=selection.before if options.history else None)
    messages.remark(f"{_given_up(given_up)} removed; the file is {_size(freed)} smaller")
    return 0


def _is_confirmed(given_up: GivenUp, messages: Messages) -> bool:
    if not sys.stdin.isatty():
        raise InvalidParameter(
            "there is no terminal to ask on whether answers may be removed",
            hint="--yes removes them without asking, --dry-run says what would go.",
        )
    messages.remark(f"{_given_up(given_up)} will be removed, and paid for again where asked again.")
    messages.remark("Remove? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _export(options: argparse.Namespace, messages: Messages) -> int:
    from outcrop.inference.journal_archive import export

    path, selection = _journal(options), _selection(options)
    with create_archive(options.file) as out:
        exported = export(path, out, selection)
        _check_model(path, selection, exported.answers + exported.damaged)
    messages.remark(f"{counted(exported.answers, 'answer')} exported")
    if exported.damaged:
        messages.remark(f"{counted(exported.damaged, 'answer')} left out: damaged")
        return 1
    return 0


def _import(options: argparse.Namespace, messages: Messages) -> int:
    from outcrop.inference.journal_archive import import_from
    from outcrop.warehouse import Warehouse

    path = _warehouse(options)
    is_new = not path.exists()
    with open_archive(options.file) as source, Warehouse.open(path):
        if is_new:
            messages.remark(f"made a new warehouse in {path}")
        imported = import_from(_journal(options), source)
    messages.remark(
        f"{counted(imported.added, 'answer')} imported, {imported.skipped:,} were there already"
    )
    return 0


def _check_model(path: Path, selection: Selection, found: int) -> None:
    """Raise UndefinedModel where nothing was found because no answer is of such a model."""
    from outcrop.inference.journal_upkeep import figures

    if found or selection.model_id is None:
        return
    known = {model.model_id for model in figures(path).models}
    if selection.model_id not in known:
        raise UndefinedModel(
            f"the journal has no answer of {selection.model_id!r}",
            hint=suggest(selection.model_id, known) or "`outcrop journal stats` lists the models.",
        )


def _given_up(given_up: GivenUp) -> str:
    cost = format_cost(given_up.cost_usd)
    if given_up.unpriced:
        cost += f" and {given_up.unpriced:,} of unknown price"
    return f"{counted(given_up.answers, 'answer')} ({_size(given_up.answer_bytes)}, {cost})"


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1_000_000 else f"{count / 1e6:,.1f} MB"
