"""Routes with a fallback: what is asked when a model refuses, or is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import parse_config
from outcrop.errors import (
    AuthFailed,
    BudgetExceeded,
    ConfigInvalid,
    ModelNotFound,
    ModelUnreachable,
)
from outcrop.session import Notice, Session
from outcrop.warehouse import Warehouse
from tests.emulated import KEYS

ROWS = 200
REFUSING = {"kind": "scripted", "seed": 1, "faults": {"auth_failed": 1.0}}
ANSWERING = {"kind": "scripted", "seed": 2}
NOBODY = {"kind": "bedrock", "endpoint_url": "http://127.0.0.1:1"}

CREATE = (
    "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
    "SETTINGS (MODEL_ID 'a.model')"
)
ASK = "SELECT n, f(t) FROM notes ORDER BY n"
PROVIDERS = "SELECT DISTINCT provider, model_id FROM sys_llm_call WHERE status = 'answered'"


class House:
    """A warehouse whose model `a.model` goes to `first`, and falls back to `second`."""

    def __init__(self, session: Session, notices: list[Notice]) -> None:
        self.session = session
        self.notices = notices

    def query(self, sql: str) -> list[tuple[object, ...]]:
        return list(self.session.execute(sql).rows())


@contextmanager
def house(
    folder: Path,
    first: Mapping[str, Any],
    second: Mapping[str, Any] = ANSWERING,
    *,
    fallback: bool = True,
) -> Iterator[House]:
    route: dict[str, Any] = {"provider": "first", "model": "a.model"}
    if fallback:
        route["fallback"] = {"provider": "second", "model": "another.model"}
    config = parse_config(
        {
            "providers": {"first": dict(first), "second": dict(second)},
            "routes": {"a.model": route},
        }
    )
    notices: list[Notice] = []
    with Warehouse.open(folder / "house", config=config) as warehouse:
        session = warehouse.open_session(on_notice=notices.append)
        session.execute("CREATE TABLE notes (n integer, t varchar(100))")
        values = ", ".join(f"({n}, 'note {n}')" for n in range(ROWS))
        session.execute(f"INSERT INTO notes VALUES {values}")
        session.execute(CREATE)
        yield House(session, notices)


def said(notices: list[Notice]) -> str:
    [notice] = [notice for notice in notices if "could not be asked" in notice.message]
    return notice.message


def test_what_a_model_refuses_is_asked_of_the_fallback(tmp_path: Path) -> None:
    with house(tmp_path, REFUSING) as home:
        rows = home.query(ASK)
        assert [row[0] for row in rows] == list(range(ROWS))
        assert all(row[1] for row in rows)
        assert home.query(PROVIDERS) == [("second", "another.model")]
        assert home.query("SELECT invocations, failed FROM sys_llm_detail") == [(ROWS, 0)]
        assert "model 'a.model' of 'first' could not be asked" in said(home.notices)
        assert "asked of 'another.model' of 'second'" in said(home.notices)
        assert f"{ROWS} calls" not in home.notices[-1].message  # the refused ones are calls, too
        assert ", 0 failed, " in home.notices[-1].message
        home.notices.clear()
        assert home.query(ASK) == rows
        assert f"{ROWS} reused, 0 failed" in home.notices[-1].message
        [(answered,)] = home.query("SELECT count(*) FROM sys_llm_call WHERE status = 'answered'")
        assert answered == ROWS


def test_what_the_model_answered_before_is_kept(tmp_path: Path) -> None:
    first = {"kind": "scripted", "seed": 1}
    first["answers"] = [{"match_regex": "note 100$", "fault": "model_not_found"}]
    with house(tmp_path, first) as home:
        home.query("SET outcrop.max_concurrency TO 4")
        rows = home.query(ASK)
        assert all(row[1] for row in rows)
        counts = dict(
            home.query(
                "SELECT provider, count(*) FROM sys_llm_call WHERE status = 'answered' GROUP BY 1"
            )
        )
        assert sum(map(int, map(str, counts.values()))) == ROWS
        assert int(str(counts["first"])) >= 90
        assert int(str(counts["second"])) >= 90


def test_nothing_changes_silently_without_a_fallback(tmp_path: Path) -> None:
    with house(tmp_path, REFUSING, fallback=False) as home:
        with pytest.raises(AuthFailed):
            home.query(ASK)
        assert home.query(PROVIDERS) == []


def test_a_dead_endpoint_gives_way_to_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.inference.breaker.PATIENCE_S", 0.2)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with house(tmp_path, NOBODY) as home:
        rows = home.query(ASK)
        assert all(row[1] for row in rows)
        assert "gives no answer since" in said(home.notices)
        assert "cannot connect to http://127.0.0.1:1" in said(home.notices)
        assert home.query(PROVIDERS) == [("second", "another.model")]
        [(state, cause)] = home.query(
            "SELECT breaker, last_failure FROM sys_llm_limits WHERE provider = 'first'"
        )
        assert (state, cause) == ("open", "cannot connect to http://127.0.0.1:1")


def test_a_fallback_that_cannot_be_asked_either_is_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.inference.breaker.PATIENCE_S", 0.2)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with house(tmp_path, REFUSING, NOBODY) as home:
        with pytest.raises(ModelUnreachable, match=f"0 answers are kept, {ROWS} invocations") as e:
            home.query(ASK)
        assert "'another.model' of provider 'second'" in e.value.message
        assert "'a.model' of 'first' could not be asked" in said(home.notices)


def test_the_fallback_is_under_the_budget_of_the_statement(tmp_path: Path) -> None:
    with house(tmp_path, REFUSING) as home:
        home.query("SET outcrop.max_calls TO 50")
        with pytest.raises(BudgetExceeded):
            home.query(ASK)


def test_later_batches_of_a_statement_go_to_the_fallback_at_once(tmp_path: Path) -> None:
    with house(tmp_path, REFUSING) as home:
        home.query("SELECT n FROM notes WHERE f(t) <> 'nothing' LIMIT 190")
        [(refused,)] = home.query("SELECT count(*) FROM sys_llm_call WHERE provider = 'first'")
        assert int(str(refused)) <= 64  # those in flight when the first one was refused


def test_a_route_that_only_names_a_fallback_is_not_announced(tmp_path: Path) -> None:
    config = parse_config(
        {
            "routes": {
                "a.model": {
                    "provider": "scripted",
                    "model": "a.model",
                    "fallback": {"provider": "local", "model": "smollm2-135m-instruct"},
                }
            }
        }
    )
    notices: list[Notice] = []
    with Warehouse.open(tmp_path / "house", config=config) as warehouse:
        session = warehouse.open_session(on_notice=notices.append)
        session.execute(CREATE.replace("')", "', ENDPOINT 'scripted')"))
        list(session.execute("SELECT f('hello')").rows())
    assert [notice.message for notice in notices if "routes" in notice.message] == []


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (
            {"a": ("p", "a", ("p", "a"))},
            "routes.a.fallback is the model of the route itself",
        ),
        (
            {"a": ("p", "x", ("q", "b")), "b": ("q", "b", ("p", "c"))},
            "routes.a.fallback is 'b', which has a fallback of its own, 'c'",
        ),
        (
            {"a": ("p", "a", ("q", "b")), "b": ("q", "b", ("p", "a"))},
            "routes.a.fallback is 'b', which falls back to it",
        ),
    ],
)
def test_chains_and_circles_are_refused_by_name(
    routes: Mapping[str, tuple[str, str, tuple[str, str]]], message: str
) -> None:
    tables = {
        name: {
            "provider": provider,
            "model": model,
            "fallback": {"provider": fallback[0], "model": fallback[1]},
        }
        for name, (provider, model, fallback) in routes.items()
    }
    with pytest.raises(ConfigInvalid) as caught:
        parse_config({"routes": tables})
    assert caught.value.message == message


def test_a_fallback_has_no_fallback() -> None:
    fallback = {"provider": "p", "model": "b", "fallback": {"provider": "p", "model": "c"}}
    with pytest.raises(ConfigInvalid, match=r"unknown key routes\.a\.fallback\.fallback"):
        parse_config({"routes": {"a": {"provider": "p", "model": "a", "fallback": fallback}}})


def test_the_provider_of_a_fallback_must_exist(tmp_path: Path) -> None:
    fallback = {"provider": "nobody", "model": "b"}
    route = {"provider": "local", "model": "a", "fallback": fallback}
    config = parse_config({"routes": {"a": route}})
    with pytest.raises(ConfigInvalid, match=r"routes\.a\.fallback\.provider: unknown provider"):
        Warehouse.open(tmp_path / "house", config=config)


def test_a_fallback_that_is_not_found_is_named(tmp_path: Path) -> None:
    second = {"kind": "scripted", "faults": {"model_not_found": 1.0}}
    with house(tmp_path, REFUSING, second) as home, pytest.raises(ModelNotFound):
        home.query(ASK)
