"""`outcrop sql`: runs statements, or opens the shell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from outcrop.cli.collector import spared_collector
from outcrop.cli.foreground import EXIT_INTERRUPTED, Foreground
from outcrop.cli.formats import Format
from outcrop.cli.interpreter import Interpreter, View
from outcrop.cli.log import log_config, logging_to
from outcrop.cli.messages import Messages
from outcrop.cli.scripts import read_script
from outcrop.cli.terminal import terminal_of
from outcrop.cli.usage import Commands, add_command, add_log_options, add_warehouse_option
from outcrop.cli.variables import parse_variable, substitute
from outcrop.config import CONFIG_FILE, default_warehouse, load_config

_DESCRIPTION = """\
Run statements, or, without -c and -f on a terminal, open the interactive
shell. A warehouse that does not exist is created. A script stops at its first
error. Results go to stdout; notices, progress and errors to stderr.
"""

_EXAMPLES = """\
  outcrop sql
  outcrop sql -c "SELECT * FROM patients LIMIT 5"
  outcrop sql -f load.sql -v bucket=s3://my-bucket    :bucket, :'bucket' in SQL
  outcrop sql -c "SHOW MODEL ALL" --format json
  echo "SELECT 1" | outcrop sql --format csv

exit status:
  0 done, 1 a statement failed, 2 wrong arguments, 130 interrupted
"""


def add_parser(commands: Commands) -> None:
    """Add the command's arguments."""
    parser = add_command(
        commands,
        "sql",
        summary="run statements, or open the interactive shell",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "-c",
        "--command",
        metavar="SQL",
        action="append",
        help="run these statements (may be repeated)",
    )
    source.add_argument("-f", "--file", metavar="FILE", help="run a script; - reads stdin")
    parser.add_argument(
        "--format",
        choices=[output.value for output in Format],
        default=Format.TABLE.value,
        help="table (default), csv, or json: an array of objects",
    )
    parser.add_argument(
        "-v",
        "--variable",
        metavar="NAME=VALUE",
        action="append",
        type=_variable,
        default=[],
        help="set a variable of the script (may be repeated)",
    )
    parser.add_argument("-x", "--expanded", action="store_true", help="one line a column")
    add_warehouse_option(parser)
    add_log_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, messages: Messages) -> int:
    """Run the command; return its exit code."""
    path = Path(options.warehouse) if "warehouse" in options else default_warehouse(os.environ)
    variables = dict(options.variable)
    view = View(Format(options.format), options.expanded)
    is_shell = options.command is None and options.file is None and sys.stdin.isatty()
    if is_shell:
        from outcrop.cli.shell import run_shell

        with open_interpreter(path, messages, view, options) as interpreter:
            return run_shell(interpreter, path.name, variables)
    scripts = [substitute(script, variables) for script in _scripts(options)]
    with open_interpreter(path, messages, view, options) as interpreter:
        return run_scripts(interpreter, scripts)


def run_scripts(interpreter: Interpreter, scripts: list[str]) -> int:
    """Run the scripts up to the first error; return the exit code."""
    if all(interpreter.run(script) for script in scripts):
        return 0
    return EXIT_INTERRUPTED if interpreter.foreground.was_interrupted else 1


@contextmanager
def open_interpreter(
    path: Path, messages: Messages, view: View, options: argparse.Namespace
) -> Iterator[Interpreter]:
    """Open the warehouse at `path`, with a remark if it is new, and a session in it.

    What it logs is what the options say, or else its `outcrop.toml`.
    """
    # Imported here so that `outcrop --help` need not load the engine.
    from outcrop.execution.result import Notice
    from outcrop.warehouse import Warehouse

    is_new = not path.exists()
    config = load_config(path / CONFIG_FILE)
    with (
        logging_to(messages, log_config(config.log, options)),
        Warehouse.open(path, config=config) as warehouse,
    ):
        if is_new:
            messages.notice(Notice("NOTICE", f"made a new warehouse in {path}"))
        with (
            spared_collector(),
            closing(warehouse.open_session(on_notice=messages.notice)) as session,
            Foreground(session, messages) as foreground,
        ):
            terminal = terminal_of(sys.stdout)
            yield Interpreter(session, foreground, messages, sys.stdout, terminal, view)


def _scripts(options: argparse.Namespace) -> list[str]:
    if options.command is not None:
        return list(options.command)
    if options.file in (None, "-"):
        return [sys.stdin.read()]
    return [read_script(Path(options.file))]


def _variable(text: str) -> tuple[str, str]:
    try:
        return parse_variable(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
