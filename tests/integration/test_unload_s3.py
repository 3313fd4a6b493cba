"""UNLOAD to an object store: pyarrow's S3 client against moto's S3 server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.errors import Error, FileUnavailable
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.object_store import KEYS, new_bucket, running_object_store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with running_object_store() as endpoint, new_bucket(endpoint, "unloaded") as bucket:
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        yield bucket


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Warehouse.open(tmp_path / "warehouse") as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (i integer, p varchar(10))")
        session.execute("INSERT INTO t VALUES (1, 'a'), (2, 'é'), (3, NULL)")
        yield session
        session.close()


def _contents(bucket: Any) -> dict[str, bytes]:
    return {found.key: found.get()["Body"].read() for found in bucket.objects.all()}


def test_rows_and_manifest(session: Session, bucket: Any) -> None:
    sql = "UNLOAD ('SELECT * FROM t ORDER BY i') TO 's3://unloaded/d/part_' IAM_ROLE default"
    assert session.execute(f"{sql} CSV MANIFEST").rowcount == 3
    contents = _contents(bucket)
    assert contents.pop("d/part_000") == "1,a\n2,é\n3,\n".encode()
    entry = {"url": "s3://unloaded/d/part_000", "mandatory": True}
    assert json.loads(contents.pop("d/part_manifest")) == {"entries": [entry]}
    assert contents == {}
    with pytest.raises(FileUnavailable, match="exists already"):
        session.execute(f"{sql} CSV")
    session.execute("UNLOAD ('SELECT 7') TO 's3://unloaded/d/part_' ALLOWOVERWRITE")
    assert _contents(bucket)["d/part_000"] == b"7\n"


def test_a_failure_leaves_nothing(session: Session, bucket: Any) -> None:
    with pytest.raises(Error):
        session.execute("UNLOAD ('SELECT 1 / (i - 2) FROM t') TO 's3://unloaded/x_' CSV")
    assert _contents(bucket) == {}


def test_a_bucket_that_is_not_there(session: Session, bucket: Any) -> None:
    with pytest.raises(FileUnavailable, match="cannot write 's3://nowhere/x_000'"):
        session.execute("UNLOAD ('SELECT 1') TO 's3://nowhere/x_' CSV")


def test_a_local_failure_leaves_nothing(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(Error):
        session.execute(f"UNLOAD ('SELECT 1 / (i - 2) FROM t') TO '{folder}/' CSV")
    assert list(folder.iterdir()) == []
