"""Completion in the shell: objects of the catalog, functions, settings, keywords, commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from outcrop.cli.highlighting import OWN_KEYWORDS
from outcrop.settings import SETTINGS
from outcrop.sql.functions import FUNCTIONS

if TYPE_CHECKING:
    from outcrop.catalog.objects import Relation
    from outcrop.catalog.snapshot import CatalogSnapshot

_WORD = re.compile(r"[\w.]+$")
_SETTING_CONTEXT = re.compile(r"\b(?:set|show|reset)\s+[\w.]*$", re.IGNORECASE)
_MODEL_CONTEXT = re.compile(r"\bmodel\s+\w*$", re.IGNORECASE)
_COMMAND_CONTEXT = re.compile(r"\\[\w?]*$")
_COMMAND_ARGUMENT_CONTEXT = re.compile(r"\\d\w*\s+[\w.]*$")

# The keywords of SQL that are worth offering; the lexer knows more.
_WORDS = """
all and as asc between begin bigint boolean by case cast char character commit create cross
date decimal default delete desc distinct double drop else end except exists explain false
from full group having if ilike in inner insert integer intersect into is join left like
limit materialized merge not null numeric offset on or order outer over partition precision
primary real recursive replace reset right rollback schema select set show smallint table
then timestamp timestamptz true truncate union update using values varchar varying view when
where with within
"""
_KEYWORDS = frozenset(_WORDS.split())

Candidates: TypeAlias = Iterable[tuple[str, str]]


class ShellCompleter(Completer):
    """Offers what fits the place of the cursor; each candidate says what it is.

    `catalog` is asked anew each time, since statements change it.
    """

    def __init__(self, catalog: Callable[[], CatalogSnapshot], commands: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._commands = commands
        self._keywords = sorted(_KEYWORDS | OWN_KEYWORDS)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Yield the candidates that begin with the word before the cursor."""
        before = document.text_before_cursor
        if (command := _COMMAND_CONTEXT.fullmatch(before.lstrip())) is not None:
            yield from _matching(command[0], self._commands.items())
            return
        match = _WORD.search(before)
        word = match[0] if match else ""
        wants_any = _COMMAND_ARGUMENT_CONTEXT.search(before) or _SETTING_CONTEXT.search(before)
        if word or wants_any or complete_event.completion_requested:
            yield from _matching(word, self._candidates(before, word))

    def _candidates(self, before: str, word: str) -> Candidates:
        snapshot = self._catalog()
        if _SETTING_CONTEXT.search(before):
            return [(name, "setting") for name in (*SETTINGS, "model")]
        if _MODEL_CONTEXT.search(before):
            return _models(snapshot)
        if _COMMAND_ARGUMENT_CONTEXT.search(before):
            return [*_relations(snapshot), *_models(snapshot)]
        if "." in word:
            return _qualified(snapshot, before, word)
        return self._everything(snapshot, before, word)

    def _everything(self, snapshot: CatalogSnapshot, before: str, word: str) -> Candidates:
        is_upper = word.isupper()
        yield from _columns(_mentioned(snapshot, before))
        yield from _relations(snapshot)
        for model in snapshot.models:
            yield str(model.function), f"function of model {model.name}"
        yield from _models(snapshot)
        for name in FUNCTIONS:
            yield name, "function"
        for keyword in self._keywords:
            yield keyword.upper() if is_upper or not word else keyword, "keyword"


def _matching(word: str, candidates: Candidates) -> Iterator[Completion]:
    folded = word.lower()
    seen: set[str] = set()
    for text, meaning in candidates:
        if text.lower().startswith(folded) and text.lower() not in seen:
            seen.add(text.lower())
            yield Completion(text, start_position=-len(word), display_meta=meaning)


def _relations(snapshot: CatalogSnapshot) -> Candidates:
    return sorted((str(relation.name), str(relation.kind)) for relation in snapshot.relations)


def _models(snapshot: CatalogSnapshot) -> Candidates:
    return sorted((str(model.name), "model") for model in snapshot.models)


def _columns(relations: Iterable[Relation]) -> Candidates:
    for relation in relations:
        for column in relation.columns:
            yield column.name, f"{relation.name}: {column.datatype}"


def _mentioned(snapshot: CatalogSnapshot, text: str) -> list[Relation]:
    """Return the relations that `text` names; all of them where it names none yet."""
    words = set(re.findall(r"\w+", text.lower()))
    relations = list(snapshot.relations)
    return [r for r in relations if r.name.name.lower() in words] or relations


def _qualified(snapshot: CatalogSnapshot, text: str, word: str) -> Candidates:
    """Return what can follow the dot in `word`: columns of a relation, relations of a schema."""
    qualifier = word.rpartition(".")[0].lower()
    table = _aliased(text, qualifier)
    for relation in snapshot.relations:
        if relation.name.name.lower() == table:
            for name, meaning in _columns([relation]):
                yield f"{word.rpartition('.')[0]}.{name}", meaning
        if relation.name.schema.lower() == qualifier:
            yield f"{relation.name.schema}.{relation.name.name}", str(relation.kind)


def _aliased(text: str, alias: str) -> str:
    """Return the relation that `alias` stands for in `text`, or `alias` itself."""
    pattern = rf"(?:\bfrom|\bjoin|,)\s+(\w+)\s+(?:as\s+)?{re.escape(alias)}\b"
    match = re.search(pattern, text, re.IGNORECASE)
    return match[1].lower() if match else alias
