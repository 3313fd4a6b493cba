"""The backslash commands of the shell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from outcrop.cli import describe
from outcrop.cli.formats import Format
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.scripts import read_script
from outcrop.cli.table import write_table
from outcrop.cli.variables import substitute
from outcrop.errors import SqlSyntaxError, suggest


@dataclass(slots=True)
class Shell:
    """What backslash commands act on."""

    interpreter: Interpreter
    variables: Mapping[str, str] = field(default_factory=dict)
    is_done: bool = False

    def show(self, listing: describe.Listing) -> None:
        """Print a listing, always as a table."""
        out, terminal = self.interpreter.out, self.interpreter.terminal
        out.write(f"{listing.title}\n")
        write_table(out, terminal, listing.columns, listing.rows)
        for remark in listing.remarks:
            out.write(remark + "\n")
        out.flush()


@dataclass(frozen=True, slots=True)
class MetaCommand:
    """One backslash command: how it is typed, what it does, and the function that does it."""

    usage: str
    meaning: str
    run: Callable[[Shell, str], None]


def run_metacommand(shell: Shell, line: str) -> None:
    """Run the backslash command `line`.

    Raises SqlSyntaxError with a suggestion for an unknown one.
    """
    name, _, argument = line.strip().partition(" ")
    command = METACOMMANDS.get(name)
    if command is None:
        raise SqlSyntaxError(
            f"there is no command {name}",
            hint=suggest(name, METACOMMANDS) or r"\? lists the commands.",
        )
    command.run(shell, argument.strip())


def _describe(shell: Shell, argument: str) -> None:
    snapshot = shell.interpreter.session.catalog()
    if argument:
        shell.show(describe.describe(snapshot, argument))
    else:
        shell.show(describe.list_relations(snapshot))


def _tables(shell: Shell, argument: str) -> None:
    shell.show(describe.list_tables(shell.interpreter.session.catalog()))


def _views(shell: Shell, argument: str) -> None:
    shell.show(describe.list_views(shell.interpreter.session.catalog()))


def _models(shell: Shell, argument: str) -> None:
    shell.show(describe.list_models(shell.interpreter.session.catalog()))


def _expanded(shell: Shell, argument: str) -> None:
    view = shell.interpreter.view
    view.is_expanded = not view.is_expanded
    _say(shell, f"Expanded display is {'on' if view.is_expanded else 'off'}.")


def _timing(shell: Shell, argument: str) -> None:
    view = shell.interpreter.view
    view.is_timing = not view.is_timing
    _say(shell, f"Timing is {'on' if view.is_timing else 'off'}.")


def _format(shell: Shell, argument: str) -> None:
    try:
        shell.interpreter.view.output = Format(argument.lower())
    except ValueError as error:
        raise SqlSyntaxError(
            f"there is no format {argument!r}", hint=f"The formats are {', '.join(Format)}."
        ) from error


def _include(shell: Shell, argument: str) -> None:
    if not argument:
        raise SqlSyntaxError(r"\i needs a file", hint=r"\i FILE runs the script FILE.")
    shell.interpreter.run(substitute(read_script(Path(argument).expanduser()), shell.variables))


def _help(shell: Shell, argument: str) -> None:
    width = max(len(command.usage) for command in METACOMMANDS.values())
    for command in METACOMMANDS.values():
        _say(shell, f"  {command.usage:<{width}}  {command.meaning}")
    _say(shell, "\nA statement ends with ;  Ctrl-C cancels it, and its answers are kept.")


def _quit(shell: Shell, argument: str) -> None:
    shell.is_done = True


def _say(shell: Shell, text: str) -> None:
    shell.interpreter.out.write(text + "\n")
    shell.interpreter.out.flush()


METACOMMANDS: Mapping[str, MetaCommand] = MappingProxyType(
    {
        r"\d": MetaCommand(
            r"\d [NAME]", "list relations, or describe a relation or a model", _describe
        ),
        r"\dt": MetaCommand(r"\dt", "list tables", _tables),
        r"\dv": MetaCommand(r"\dv", "list views and materialized views", _views),
        r"\dm": MetaCommand(r"\dm", "list models", _models),
        r"\x": MetaCommand(
            r"\x", "show a row as a record, one line a column (on or off)", _expanded
        ),
        r"\timing": MetaCommand(
            r"\timing", "show how long each statement took (on or off)", _timing
        ),
        r"\format": MetaCommand(r"\format NAME", "show results as table, csv or json", _format),
        r"\i": MetaCommand(r"\i FILE", "run a script", _include),
        r"\?": MetaCommand(r"\?", "show this help", _help),
        r"\q": MetaCommand(r"\q", "leave (so does Ctrl-D)", _quit),
    }
)
