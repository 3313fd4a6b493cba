"""How `--help` looks: short, grouped, 80 columns, examples last."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

from outcrop.config import LOG_FORMATS, LOG_LEVELS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_WIDTH = 80
_OPTION_WIDTH = 26


class UsageFormatter(argparse.RawDescriptionHelpFormatter):
    """Lists commands without the line that repeats their names, at a fixed width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_OPTION_WIDTH, width=_WIDTH)

    def _iter_indented_subactions(
        self, action: argparse.Action
    ) -> Generator[argparse.Action, None, None]:
        """Yield the commands of a group at the indentation of options, not one step further."""
        if isinstance(action, argparse._SubParsersAction):
            yield from action._get_subactions()
        else:
            yield from super()._iter_indented_subactions(action)

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        if isinstance(action, argparse._SubParsersAction):
            return text.partition("\n")[2]
        return text


def add_command(
    commands: Commands, name: str, *, summary: str, description: str, examples: str
) -> argparse.ArgumentParser:
    """Add a command with its help and return its parser.

    `summary` is its line in the list of commands; `examples` are shown as they are.
    """
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=UsageFormatter,
        allow_abbrev=False,
    )


def add_log_options(parser: argparse._ActionsContainer) -> None:
    """Add the options about the log, which overrule `[log]` in `outcrop.toml`."""
    parser.add_argument(
        "--log-level", choices=LOG_LEVELS, help="log events of this level and above, to stderr"
    )
    parser.add_argument("--log-format", choices=LOG_FORMATS, help="text (default), or JSON lines")
    parser.add_argument("--log-file", metavar="FILE", type=Path, help="append the log to a file")


def add_warehouse_option(parser: argparse._ActionsContainer) -> None:
    """Add `--warehouse`, which may stand before a command as well as after it."""
    parser.add_argument(
        "-w",
        "--warehouse",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="the warehouse's directory (default: $OUTCROP_WAREHOUSE, or ./outcrop-warehouse)",
    )
