"""The command `outcrop`: its arguments, its commands and its exit codes.

Exit codes: 0 done; 1 a statement or a command failed, and stderr says why; 2 the arguments are
wrong; 130 interrupted by Ctrl-C; 141 the reader of stdout went away.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from outcrop.cli import demo, emulate, journal, models, sql
from outcrop.cli.edge import attempt
from outcrop.cli.foreground import EXIT_INTERRUPTED
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import terminal_of
from outcrop.cli.usage import UsageFormatter, add_warehouse_option

EXIT_FAILED = 1
EXIT_BROKEN_PIPE = 141

_DESCRIPTION = """\
A SQL warehouse in which large language models are SQL functions: Amazon
Redshift's SQL, on this machine, with any model. No answer is paid for twice.
"""

_EPILOG = """\
examples:
  outcrop demo                          a worked example on a real local model
  outcrop sql                           open the interactive shell
  outcrop sql -c "SELECT 1"             run a statement
  outcrop -w shop sql -f load.sql       run a script in the warehouse ./shop

'outcrop COMMAND --help' says more about a command.
"""

# In the order in which help lists them.
_COMMANDS = (sql, demo, models, journal, emulate)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="outcrop",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=UsageFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    # A group of our own, so that the commands come first.
    options = parser.add_argument_group("options")
    add_warehouse_option(options)
    options.add_argument("-h", "--help", action="help", help="show this help and exit")
    options.add_argument("--version", action="store_true", help="print the version and exit")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: those of the process); return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        return _dispatch(parser, options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is still buffered has no reader either: let it go nowhere at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def _dispatch(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.version:
        print(f"outcrop {version('outcrop')}")
        return 0
    if "run" not in options:
        parser.print_help()
        return 0
    messages = Messages(sys.stderr, terminal_of(sys.stderr))
    code = EXIT_FAILED

    def run() -> None:
        nonlocal code
        code = options.run(options, messages)

    attempt(run, messages)
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
