"""Redshift's dialect as we read it: sqlglot's, registered as `outcrop`, with its faults mended.

What differs from sqlglot's `redshift`: LISTAGG keeps its delimiter and its order; OBJECT and ARRAY
are nodes of their own; a function that our allow-list does not know stays an unknown function
(`exp.Anonymous`) even where sqlglot knows it from elsewhere, so that a binder sees it; nothing is
swallowed as an opaque command; a path into a SUPER keeps its indexes 0-based; every function call
remembers the name that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.generators.redshift import RedshiftGenerator
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokenizer_core import Token, TokenType

from outcrop.sql.functions import (
    ARGUMENT,
    DATE_PART_FUNCTIONS,
    FUNCTIONS,
    SYNTACTIC_FUNCTIONS,
)
from outcrop.sql.nodes import ArrayConstructor, ObjectConstructor, RedshiftFunction

FUNCTION_NAME = "function_name"
"""The key of a function's `meta` under which the name that was typed is kept."""

Builder = Callable[[list[exp.Expr]], exp.Expr]


def _build_redshift_function(name: str) -> Builder:
    def build(args: list[exp.Expr]) -> exp.Expr:
        if name in DATE_PART_FUNCTIONS and args:
            args = [_date_part(args[0]), *args[1:]]
        return RedshiftFunction(this=name, expressions=args)

    return build


def _date_part(argument: exp.Expr) -> exp.Expr:
    """Turn a date part from the column that it was parsed as into a string."""
    if isinstance(argument, exp.Column | exp.Var):
        part = exp.Literal.string(argument.name.lower())
        return part.update_positions(
            argument.this if isinstance(argument, exp.Column) else argument
        )
    return argument


def _function_builders() -> dict[str, Callable[..., exp.Expr]]:
    """Return the builders of the functions that are allowed, and of no other."""
    builders: dict[str, Callable[..., exp.Expr]] = {
        "OBJECT": lambda args: ObjectConstructor(expressions=args),
        "ARRAY": lambda args: ArrayConstructor(expressions=args),
    }
    for name, spec in FUNCTIONS.items():
        known = RedshiftParser.FUNCTIONS.get(name.upper())
        if name in SYNTACTIC_FUNCTIONS:
            continue
        if spec.returns is None and known is not None:
            builders[name.upper()] = known
        else:
            builders[name.upper()] = _build_redshift_function(name)
    return builders


def _build_without_arguments(name: str) -> Callable[[], exp.Expr]:
    return lambda: RedshiftFunction(this=name)


_KEPT_SYNTAX = ("CAST", "TRY_CAST", "CONVERT", "DATE_PART", "EXTRACT", "POSITION", "TRIM")
_KEPT_WITHOUT_PARENTHESES = ("ANY", "CASE", "APPROXIMATE")


class OutcropParser(RedshiftParser):
    """The parser. `failed_at` is the token at which the last error was found."""

    FUNCTIONS = _function_builders()

    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **{name: RedshiftParser.FUNCTION_PARSERS[name] for name in _KEPT_SYNTAX},
        "DECODE": lambda self: self._parse_decode_case(),
        "LISTAGG": lambda self: self._parse_listagg(),
        "SUBSTRING": lambda self: self._parse_substring(),
    }

    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **{
            name: RedshiftParser.NO_PAREN_FUNCTION_PARSERS[name]
            for name in _KEPT_WITHOUT_PARENTHESES
        },
        "SYSDATE": lambda self: RedshiftFunction(this="sysdate"),
    }

    NO_PAREN_FUNCTIONS: ClassVar[dict[TokenType, Callable[[], exp.Expr]]] = {
        TokenType.CURRENT_DATE: _build_without_arguments("current_date"),
        TokenType.CURRENT_TIMESTAMP: _build_without_arguments("current_timestamp"),
        TokenType.CURRENT_USER: _build_without_arguments("current_user"),
        TokenType.SESSION_USER: _build_without_arguments("session_user"),
        TokenType.CURRENT_SCHEMA: _build_without_arguments("current_schema"),
    }

    failed_at: Token | None = None

    def raise_error(self, message: str, token: Token | None = None) -> None:
        """Note where parsing failed, then fail as sqlglot does."""
        self.failed_at = token or self._curr
        if token is None:
            super().raise_error(message)
        else:
            super().raise_error(message, token)

    def _parse_listagg(self) -> exp.GroupConcat:
        """Parse what follows `LISTAGG(`, to the end of WITHIN GROUP."""
        is_distinct = self._match(TokenType.DISTINCT)
        if not is_distinct:
            self._match(TokenType.ALL)
        value = self._parse_disjunction()
        if value is None:
            self.raise_error("Expected an expression")
        delimiter: exp.Expr | None = exp.Literal.string("")
        if self._match(TokenType.COMMA):
            delimiter = self._parse_disjunction()
            if delimiter is None:
                self.raise_error("Expected a delimiter")
        this = exp.Distinct(expressions=[value]) if is_distinct else value
        listagg = exp.GroupConcat(this=this, separator=delimiter)
        if not self._match(TokenType.R_PAREN, advance=False):
            self.raise_error("Expecting )")
        if self._is_within_group():
            self._advance(3)
            listagg.set("this", self._parse_within_group_order(this))
        return listagg

    def _is_within_group(self) -> bool:
        index = self._index
        self._match(TokenType.R_PAREN)
        is_within_group = self._match_text_seq("WITHIN", "GROUP")
        self._retreat(index)
        return bool(is_within_group)

    def _parse_within_group_order(self, this: exp.Expr | None) -> exp.Expr | None:
        """Parse `(ORDER BY ...` and leave its closing parenthesis to the caller."""
        self._match_l_paren()
        if not self._match(TokenType.ORDER_BY, advance=False):
            self.raise_error("Expected ORDER BY")
        return self._parse_order(this=this)

    def _parse_decode_case(self) -> exp.DecodeCase:
        arguments = self._parse_csv(self._parse_disjunction)
        if len(arguments) < 3:
            self.raise_error("DECODE takes an expression, a search value and a result")
        return self.expression(exp.DecodeCase(expressions=arguments))


def _annotate_redshift_function(annotator: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    """Set the type that the allow-list states for a function."""
    spec = FUNCTIONS[node.name]
    if spec.returns == ARGUMENT:
        first = node.expressions[0].type if node.expressions else None
        return annotator._set_type(node, first or exp.DType.UNKNOWN)
    if spec.returns is None:
        return annotator._set_type(node, exp.DType.UNKNOWN)
    return annotator._set_type(node, exp.DataType.build(spec.returns, dialect="outcrop"))


class OutcropGenerator(RedshiftGenerator):
    """Writes a tree as our own SQL again: for labels and plans that users read."""

    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **RedshiftGenerator.TRANSFORMS,
        RedshiftFunction: lambda self, node: self.func(node.name.upper(), *node.expressions),
        ObjectConstructor: lambda self, node: self.func("OBJECT", *node.expressions),
        ArrayConstructor: lambda self, node: self.func("ARRAY", *node.expressions),
        exp.GroupConcat: lambda self, node: _listagg_sql(self, node),
    }


def _listagg_sql(generator: OutcropGenerator, node: exp.GroupConcat) -> str:
    order = node.this if isinstance(node.this, exp.Order) else None
    call = generator.func("LISTAGG", order.this if order else node.this, node.args["separator"])
    if order is None:
        return call
    keys = generator.expressions(order, flat=True)
    return f"{call} WITHIN GROUP (ORDER BY {keys})"


class Outcrop(Redshift):
    """The dialect, `read="outcrop"` for sqlglot."""

    ORIGINAL_NAME_META_KEY = FUNCTION_NAME
    COPY_PARAMS_ARE_CSV = False

    EXPRESSION_METADATA = {  # noqa: RUF012 (sqlglot declares it so)
        **Redshift.EXPRESSION_METADATA,
        RedshiftFunction: {"annotator": _annotate_redshift_function},
        ObjectConstructor: {"returns": exp.DType.SUPER},
        ArrayConstructor: {"returns": exp.DType.SUPER},
        exp.GroupConcat: {"returns": exp.DType.VARCHAR},
    }

    class Tokenizer(Redshift.Tokenizer):
        """Redshift's tokens; no keyword swallows the rest of its statement."""

        COMMANDS: ClassVar[set[TokenType]] = set()

        KEYWORDS: ClassVar[dict[str, TokenType]] = {
            **{
                word: kind
                for word, kind in Redshift.Tokenizer.KEYWORDS.items()
                if kind is not TokenType.COMMAND
                and not any(brace in word for brace in "{}")
                and word not in ("PRIMARY KEY", "FOREIGN KEY")
            },
        }

        def tokenize(self, sql: str) -> list[Token]:
            """Return the tokens of a text.

            While it looks whether a parameter such as `$1` begins a quoted text, sqlglot 30 fails
            at an empty text that ends the statement; so something follows it.
            """
            return super().tokenize(f"{sql} ")

    Parser = OutcropParser
    Generator = OutcropGenerator
