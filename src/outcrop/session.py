"""One client's state: settings, transaction, and statements one after another.

Outside of BEGIN and COMMIT every statement is a transaction of its own. A statement that fails
changes nothing in the tables; what its model calls were answered stays in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.commands.changes import delete, update
from outcrop.commands.context import CommandContext
from outcrop.commands.drop import drop
from outcrop.commands.explain import explain
from outcrop.commands.load import copy
from outcrop.commands.maintenance import maintain
from outcrop.commands.materialized_views import (
    alter_materialized_view,
    create_materialized_view,
    refresh,
    refresh_materialized_view,
    stale_views,
)
from outcrop.commands.merge import merge
from outcrop.commands.models import create_external_model
from outcrop.commands.parameters import bind_parameters
from outcrop.commands.prepared import deallocate, prepare, statement_to_run
from outcrop.commands.queries import run_query
from outcrop.commands.rows import insert
from outcrop.commands.show import apply_timezone, set_setting, show_model, show_setting_value
from outcrop.commands.tables import create_schema, create_table, create_table_as, truncate
from outcrop.commands.unload.run import unload
from outcrop.commands.views import create_view
from outcrop.errors import (
    DuplicateObject,
    Error,
    InvalidParameter,
    TransactionAborted,
    UndefinedModel,
    UndefinedRelation,
    UndefinedSchema,
    UndefinedSetting,
    WrongObjectKind,
)
from outcrop.execution.deadline import Deadline
from outcrop.execution.result import Notice, Result, ResultColumn
from outcrop.inference.meter import Progress
from outcrop.sql import statements as st
from outcrop.sql.parser import parse_script

__all__ = ["Notice", "Result", "ResultColumn", "Session"]

Command = Callable[[CommandContext, Any], Result]

# What runs each statement. BEGIN, COMMIT and ROLLBACK are the session's own, and EXECUTE runs the
# statement that it names.
COMMANDS: Mapping[type[st.Statement], Command] = {
    st.Query: run_query,
    st.Explain: explain,
    st.Insert: insert,
    st.Update: update,
    st.Delete: delete,
    st.Merge: merge,
    st.CreateTable: create_table,
    st.CreateTableAs: create_table_as,
    st.CreateView: create_view,
    st.CreateMaterializedView: create_materialized_view,
    st.RefreshMaterializedView: refresh_materialized_view,
    st.AlterMaterializedView: alter_materialized_view,
    st.CreateSchema: create_schema,
    st.Drop: drop,
    st.Truncate: truncate,
    st.CreateExternalModel: create_external_model,
    st.ShowModel: show_model,
    st.ShowSetting: show_setting_value,
    st.SetSetting: set_setting,
    st.Copy: copy,
    st.Unload: unload,
    st.Maintenance: maintain,
    st.Prepare: prepare,
    st.Deallocate: deallocate,
}

# Errors about the one thing that a statement names, which commands raise without its place.
_ABOUT_NAMES = (
    DuplicateObject,
    InvalidParameter,
    UndefinedModel,
    UndefinedRelation,
    UndefinedSchema,
    UndefinedSetting,
    WrongObjectKind,
)


class Session:
    """A client's session. One thread uses it at a time; `cancel` and `progress` may be called
    from any other.
    """

    def __init__(self, context: CommandContext, on_close: Callable[[], None]) -> None:
        self._context = context
        self._on_close = on_close
        self._is_explicit = False
        self._has_failed = False
        self._is_open = False
        self._result: Result | None = None

    @property
    def user(self) -> str:
        """Who uses this session."""
        return self._context.user

    def execute(
        self, sql: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> Result:
        """Run exactly one statement. `params` fill its placeholders, `?` or `:name`."""
        statement = self._context.plans.statement(sql, has_parameters=bool(params))
        if params:
            statement = bind_parameters(statement, params)
        return self._run(statement)

    def run_script(self, text: str) -> Iterator[Result]:
        """Run the statements of a script in turn, each when its result is asked for.

        The first error stops the script; results not read are released.
        """
        for statement in parse_script(text):
            yield self._run(statement)

    def progress(self) -> Progress | None:
        """Return how far the running statement's model calls are; None where it makes none."""
        return self._context.runner.progress()

    def cancel(self) -> None:
        """Stop the running statement: it raises QueryCanceled, and its answers are kept."""
        self._context.runner.cancel()

    def catalog(self) -> CatalogSnapshot:
        """Return the catalog as this session sees it now."""
        self._release_result()
        if self._is_open:
            return self._context.snapshot()
        self._context.forget_snapshot()
        return self._context.snapshot()

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN has opened a transaction that is not ended yet."""
        return self._is_explicit

    def close(self) -> None:
        """End the session; an open transaction is undone. Safe to call twice."""
        self._release_result()
        if self._is_open:
            self._end(commit=False)
        self._on_close()

    def _run(self, statement: st.Statement) -> Result:
        self._release_result()
        self._context.runner.begin()
        match statement:
            case st.Begin():
                return self._begin()
            case st.Commit():
                return self._commit()
            case st.Rollback():
                return self._rollback()
        if self._has_failed:
            raise TransactionAborted(
                "current transaction is aborted, statements are ignored until its end"
            )
        return self._run_command(statement)

    def _run_command(self, statement: st.Statement) -> Result:
        if not self._is_open:
            self._open()
        deadline = Deadline(int(self._context.settings["statement_timeout"] or 0), self.cancel)
        try:
            with deadline.translated():
                statement = statement_to_run(self._context, statement)
                result = COMMANDS[type(statement)](self._context, statement)
        except BaseException as error:
            if isinstance(error, _ABOUT_NAMES) and error.position is None:
                error.position = statement.name_position
            deadline.stop()
            self._fail()
            raise
        if result.columns:
            return self._streaming(result, deadline)
        deadline.stop()
        if not self._is_explicit:
            self._end(commit=True)
        return result

    def _streaming(self, result: Result, deadline: Deadline) -> Result:
        """Keep the transaction open until the rows have been read, or let go of."""

        def release() -> None:
            deadline.stop()
            self._result = None
            if result.has_failed:
                self._fail()
            elif not self._is_explicit and self._is_open:
                self._end(commit=True)

        self._result = result
        result.watch(deadline.translated, release)
        return result

    def _release_result(self) -> None:
        if self._result is not None:
            self._result.close()

    def _begin(self) -> Result:
        if self._is_explicit:
            self._context.notify(Notice("WARNING", "there is already a transaction in progress"))
        self._is_explicit = True
        return Result("BEGIN")

    def _commit(self) -> Result:
        if not self._is_explicit:
            self._context.notify(Notice("WARNING", "there is no transaction in progress"))
            return Result("COMMIT")
        was_aborted = self._has_failed
        self._end(commit=not was_aborted)
        return Result("ROLLBACK" if was_aborted else "COMMIT")

    def _rollback(self) -> Result:
        if not self._is_explicit:
            self._context.notify(Notice("WARNING", "there is no transaction in progress"))
        else:
            self._end(commit=False)
        return Result("ROLLBACK")

    def _open(self) -> None:
        context = self._context
        context.store.transactions.begin(context.engine)
        context.settings.begin_transaction()
        context.forget_snapshot()
        self._is_open = True

    def _fail(self) -> None:
        """Undo what a failed statement did: all of it, or, inside BEGIN, the transaction."""
        if self._is_explicit:
            self._has_failed = True
        else:
            self._end(commit=False)

    def _end(self, *, commit: bool) -> None:
        context = self._context
        was_open = self._is_open
        changed = set(context.changed) if commit else set()
        context.changed.clear()
        self._is_open = self._is_explicit = self._has_failed = False
        if not was_open:
            return
        zone = context.settings["timezone"]
        context.settings.end_transaction(commit=commit)
        context.forget_snapshot()
        transactions = context.store.transactions
        if not commit:
            transactions.rollback(context.engine)
            apply_timezone(context, zone)
            return
        try:
            transactions.commit(context.engine)
        except Error:
            transactions.rollback(context.engine)
            raise
        if changed:
            self._refresh_views(changed)

    def _refresh_views(self, changed: set[int]) -> None:
        """Refresh the views that asked for it, each in a transaction of its own.

        A refresh that fails leaves the old rows, and does not undo what was just committed.
        """
        while changed:
            self._open()
            stale = stale_views(self._context, changed)
            if not stale:
                self._end_refresh(commit=False)
                return
            view = stale[0]
            try:
                refresh(self._context, view, f"REFRESH MATERIALIZED VIEW {view.name}")
            except Error as error:
                self._end_refresh(commit=False)
                self._context.notify(
                    Notice(
                        "WARNING",
                        f"materialized view {view.name} could not be refreshed: {error.message}",
                        f"REFRESH MATERIALIZED VIEW {view.name}; tries again.",
                    )
                )
                return
            changed = changed | self._context.changed
            self._end_refresh(commit=True)

    def _end_refresh(self, *, commit: bool) -> None:
        self._context.changed.clear()
        self._is_open = False
        self._context.forget_snapshot()
        transactions = self._context.store.transactions
        if commit:
            transactions.commit(self._context.engine)
        else:
            transactions.rollback(self._context.engine)
