"""INSERT, UPDATE, DELETE and MERGE: sqlglot's trees, checked to be what their first word says."""

from __future__ import annotations

from typing import TypeVar

from sqlglot import exp

from outcrop.sql.statements import Delete, Insert, Merge, Update
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_tree

T = TypeVar("T", bound=exp.Expr)


def parse_insert(cursor: TokenCursor) -> Insert:
    """Parse INSERT INTO table [(columns)] { VALUES ... | query | DEFAULT VALUES }."""
    tree = _tree(cursor, exp.Insert)
    return Insert(text=cursor.text, position=cursor.start, tree=tree)


def parse_update(cursor: TokenCursor) -> Update:
    """Parse [WITH ...] UPDATE table SET ... [FROM ...] [WHERE ...]."""
    tree = _tree(cursor, exp.Update)
    _check_target(cursor, tree)
    for assignment in tree.expressions:
        _mark_default(assignment.expression)
    return Update(text=cursor.text, position=cursor.start, tree=tree)


def parse_delete(cursor: TokenCursor) -> Delete:
    """Parse [WITH ...] DELETE [FROM] table [USING ...] [WHERE ...]."""
    tree = _tree(cursor, exp.Delete)
    _check_target(cursor, tree)
    return Delete(text=cursor.text, position=cursor.start, tree=tree)


def parse_merge(cursor: TokenCursor) -> Merge:
    """Parse MERGE INTO table USING relation ON condition, then WHEN MATCHED, WHEN NOT MATCHED."""
    if cursor.tokens[-1].text.upper() == "DUPLICATES":
        raise cursor.unsupported(
            "MERGE ... REMOVE DUPLICATES", "Write WHEN MATCHED and WHEN NOT MATCHED."
        )
    tree = _tree(cursor, exp.Merge)
    for when in tree.args["whens"].expressions:
        action = when.args["then"]
        if isinstance(action, exp.Insert):
            _name_inserted_values(action)
            values = list(action.expression.expressions) if action.expression else []
        else:
            values = [assignment.expression for assignment in action.expressions]
        for value in values:
            _mark_default(value)
    return Merge(text=cursor.text, position=cursor.start, tree=tree)


def _check_target(cursor: TokenCursor, tree: exp.Update | exp.Delete) -> None:
    """Refuse to change a common table expression."""
    with_, target = tree.args.get("with_"), tree.this
    named = {cte.alias.lower() for cte in with_.expressions} if isinstance(with_, exp.With) else ()
    if isinstance(target, exp.Table) and not target.db and target.name.lower() in named:
        raise cursor.unsupported(
            f"changing {target.name!r}, which WITH defines,",
            "Give the common table expression another name than the table.",
        )


def _name_inserted_values(insert: exp.Insert) -> None:
    """Put VALUES without columns before it, which sqlglot takes for a function, in its place."""
    columns = insert.this.expressions if isinstance(insert.this, exp.Tuple) else []
    if len(columns) == 1 and isinstance(columns[0], exp.Anonymous):
        insert.set("expression", exp.Tuple(expressions=columns[0].expressions))
        insert.set("this", None)


def _mark_default(value: exp.Expr) -> None:
    """Turn DEFAULT into what INSERT has for it: a variable, not a column."""
    if isinstance(value, exp.Column) and value.sql("outcrop").upper() in _DEFAULT_AS_COLUMN:
        value.replace(exp.Var(this="DEFAULT"))


_DEFAULT_AS_COLUMN = ("DEFAULT", '"DEFAULT"')


def _tree(cursor: TokenCursor, kind: type[T]) -> T:
    tree = parse_tree(cursor.script, cursor.tokens)
    if not isinstance(tree, kind):
        raise cursor.error(f"expected {kind.__name__.upper()}")
    return tree
