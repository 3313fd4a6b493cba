"""Errors about what a statement names point at the name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outcrop.errors import Error
from outcrop.session import Session
from outcrop.warehouse import Warehouse

MODEL = "IAM_ROLE default MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'a.model')"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Warehouse.open(tmp_path_factory.mktemp("warehouse") / "w") as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (i integer)")
        session.execute(f"CREATE EXTERNAL MODEL m FUNCTION f {MODEL}")
        yield session


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SET outcrop.max_cals TO 5", "outcrop.max_cals"),
        ("SET LOCAL outcrop.max_cals TO 5", "outcrop.max_cals"),
        ("SET outcrop.max_calls TO many", "outcrop.max_calls"),
        ("RESET outcrop.max_cals", "outcrop.max_cals"),
        ("SHOW outcrop.max_cals", "outcrop.max_cals"),
        (f"CREATE EXTERNAL MODEL m FUNCTION g {MODEL}", "m "),
        (f"CREATE EXTERNAL MODEL n FUNCTION f {MODEL}", "f IAM"),
        (f"CREATE EXTERNAL MODEL n FUNCTION upper {MODEL}", "upper"),
        ("DROP MODEL nothing", "nothing"),
        ("SHOW MODEL nothing", "nothing"),
        ("COPY nothing FROM 'x'", "nothing"),
        ("DROP TABLE nothing", "nothing"),
        ("DROP VIEW t", "t"),
        ("CREATE SCHEMA public", "public"),
        ("INSERT INTO nothing VALUES (1)", "nothing"),
        ("UPDATE nothing SET i = 1", "nothing"),
        ("DELETE FROM nothing WHERE i = 1", "nothing"),
    ],
)
def test_the_name_is_pointed_at(session: Session, sql: str, name: str) -> None:
    with pytest.raises(Error) as caught:
        session.execute(sql)
    position = caught.value.position
    assert position is not None
    assert sql[position.offset :].startswith(name)
