"""UNLOAD from end to end: check the place, run the query, write its rows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from outcrop.commands.context import CommandContext
from outcrop.commands.copy.credentials import find_access
from outcrop.commands.queries import run_query
from outcrop.commands.unload.destination import Destination, find_destination
from outcrop.commands.unload.writers import find_writer
from outcrop.errors import Error, FileUnavailable, InsufficientPrivilege, counted
from outcrop.execution.result import Notice, Result
from outcrop.sql.statements import Query, Unload

_COMPRESSIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"GZIP": ("gzip", ".gz"), "BZIP2": ("bz2", ".bz2"), "ZSTD": ("zstd", ".zst")}
)
_ENDINGS: Mapping[object, str] = MappingProxyType({"PARQUET": ".parquet", "JSON": ".json"})
_MANIFEST = "manifest"


def unload(context: CommandContext, statement: Unload) -> Result:
    """Write the rows of a query, which may call models, to one file or object.

    Whether it may be written is found out before the query runs, and pays for calls.
    """
    options = statement.options
    write = find_writer(options)
    compression, name = _file_name(options)
    destination = _destination(context, statement)
    names = [name, _MANIFEST] if "MANIFEST" in options else [name]
    if "ALLOWOVERWRITE" not in options:
        for each in names:
            _refuse_to_overwrite(destination, each)
    query = Query(
        text=statement.text,
        position=statement.position,
        filled=statement.filled,
        tree=statement.query,
    )
    rows = run_query(context, query)
    try:
        count = destination.write(
            name, compression, lambda file: write(file, rows.columns, rows.batches())
        )
    finally:
        rows.close()
    if "MANIFEST" in options:
        _write_manifest(destination, name)
    text = f"UNLOAD completed, {counted(count, 'record')} unloaded successfully."
    context.notify(Notice("INFO", text))
    return Result("UNLOAD", rowcount=count)


def _file_name(options: Mapping[str, str | bool]) -> tuple[str | None, str]:
    """Return how a file is compressed, and what follows the prefix in its name."""
    ending = _ENDINGS.get(options.get("FORMAT"), "")
    for option, (compression, suffix) in _COMPRESSIONS.items():
        if option in options:
            return compression, f"000{_extension(options, ending + suffix)}"
    return None, f"000{_extension(options, ending)}"


def _extension(options: Mapping[str, str | bool], default: str) -> str:
    extension = options.get("EXTENSION")
    return f".{extension.lstrip('.')}" if isinstance(extension, str) else default


def _destination(context: CommandContext, statement: Unload) -> Destination:
    roots = context.config.copy_roots

    def check_path(path: Path, target: str) -> None:
        real = path.resolve()
        if roots and not any(real.is_relative_to(root.resolve()) for root in roots):
            raise InsufficientPrivilege(
                f"UNLOAD may not write {target!r}",
                hint="Write below a folder of [copy] roots in outcrop.toml.",
            )

    return find_destination(
        statement.target,
        Path.cwd(),
        lambda: find_access(statement, context.config.roles, os.environ, Path.home()),
        check_path,
    )


def _refuse_to_overwrite(destination: Destination, name: str) -> None:
    if destination.exists(name):
        raise FileUnavailable(
            f"{destination.url(name)!r} exists already",
            hint="Write ALLOWOVERWRITE, or choose another name.",
        )


def _write_manifest(destination: Destination, name: str) -> None:
    """Write what COPY takes as a manifest; without it, the rows do not stay either."""
    entries = [{"url": destination.url(name), "mandatory": True}]

    def fill(file: BinaryIO) -> int:
        return file.write(json.dumps({"entries": entries}).encode())

    try:
        destination.write(_MANIFEST, None, fill)
    except Error:
        destination.remove(name)
        raise
