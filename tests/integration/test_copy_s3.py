"""COPY from an object store: pyarrow's S3 client against moto's S3 server on loopback."""

from __future__ import annotations

import gzip
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcrop.errors import FileUnavailable, InvalidParameter, LoadFailed
from tests.object_store import KEYS, new_bucket, running_object_store
from tests.unit.copy.table import Table


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_object_store() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with new_bucket(endpoint, f"bucket-{abs(hash(request.node.name))}") as bucket:
        yield bucket


@pytest.fixture
def table(tmp_path: Path, endpoint: str) -> Iterator[Table]:
    with Table(tmp_path, a="int", b="varchar") as t:
        t.environ = {**KEYS, "AWS_ENDPOINT_URL_S3": endpoint}
        yield t


def test_one_object(table: Table, bucket: Any) -> None:
    bucket.put_object(Key="in put/é+1.csv", Body=b"1,x\n2,y\n")
    report = table.copy(f"s3://{bucket.name}/in put/é+1.csv", FORMAT="CSV", IAM_ROLE="DEFAULT")
    assert table.rows() == [(1, "x"), (2, "y")]
    assert (report.rows, report.files, report.bytes) == (2, 1, 8)


def test_a_prefix_is_many_objects_in_the_order_of_their_keys(table: Table, bucket: Any) -> None:
    keys = ["d/part-2", "d/part-10", "d/part-1/z", "d/part-1/a", "d/other", "dd/part-1", "part-1"]
    for number, key in enumerate(keys):
        bucket.put_object(Key=key, Body=f"{number},{key}\n".encode())
    bucket.put_object(Key="d/", Body=b"")
    assert table.copy(f"s3://{bucket.name}/d/part-", FORMAT="CSV").files == 4
    assert [row[1] for row in table.rows()] == ["d/part-1/a", "d/part-1/z", "d/part-10", "d/part-2"]
    assert table.copy(f"s3://{bucket.name}/d/", FORMAT="CSV").files == 5
    assert table.copy(f"s3://{bucket.name}/d", FORMAT="CSV").files == 6
    assert table.copy(f"s3://{bucket.name}/", FORMAT="CSV").files == 7
    assert table.copy(f"s3://{bucket.name}", FORMAT="CSV").files == 7


def test_compressed_objects(table: Table, bucket: Any) -> None:
    text = "".join(f"{i},row {i}\n" for i in range(20_000)).encode()
    bucket.put_object(Key="a.gz", Body=gzip.compress(text))
    assert table.copy(f"s3://{bucket.name}/a.gz", FORMAT="CSV", GZIP=True).rows == 20_000
    bucket.put_object(Key="a.gz", Body=gzip.compress(text)[:-50])
    with pytest.raises(FileUnavailable, match="Truncated compressed stream"):
        table.copy(f"s3://{bucket.name}/a.gz", FORMAT="CSV", GZIP=True)
    assert table.rows("count(*)") == [(20_000,)]


def test_parquet_and_json(table: Table, bucket: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "y": ["p"]}), tmp_path / "x.parquet")
    bucket.put_object(Key="x.parquet", Body=(tmp_path / "x.parquet").read_bytes())
    bucket.put_object(Key="x.json", Body=b'{"k": {"i": 2}, "b": "j"}')
    bucket.put_object(Key="paths", Body=b'{"jsonpaths": ["$.k.i", "$.b"]}')
    table.copy(f"s3://{bucket.name}/x.parquet", FORMAT="PARQUET")
    table.copy(f"s3://{bucket.name}/x.json", FORMAT="JSON", JSON=f"s3://{bucket.name}/paths")
    assert table.rows() == [(1, "p"), (2, "j")]


def test_a_manifest(table: Table, bucket: Any) -> None:
    for key in ("one.csv", "one.csv.bak", "two.csv"):
        bucket.put_object(Key=key, Body=f"1,{key[:3]}\n".encode())
    urls = [f"s3://{bucket.name}/{key}" for key in ("two.csv", "one.csv", "gone.csv")]
    body = json.dumps({"entries": [{"url": url} for url in urls]})
    bucket.put_object(Key="manifest", Body=body.encode())
    table.copy(f"s3://{bucket.name}/manifest", FORMAT="CSV", MANIFEST=True)
    assert table.rows() == [(1, "two"), (1, "one")]


def test_a_bad_value_names_the_object(table: Table, bucket: Any) -> None:
    bucket.put_object(Key="a.csv", Body=b"1,x\nbad,y\n")
    place = f"s3://{bucket.name}/a.csv, line 2, column 'a': 'bad' is no whole number"
    with pytest.raises(LoadFailed) as caught:
        table.copy(f"s3://{bucket.name}/a.csv", FORMAT="CSV")
    assert caught.value.message == place
    assert table.rows() == []


def test_what_is_not_there(table: Table, bucket: Any) -> None:
    with pytest.raises(FileUnavailable) as caught:
        table.copy(f"s3://{bucket.name}/nope/x.csv")
    assert caught.value.message == f"no object begins with 's3://{bucket.name}/nope/x.csv'"
    with pytest.raises(FileUnavailable, match="bucket 'no-such-bucket' does not exist"):
        table.copy("s3://no-such-bucket/x.csv")
    with pytest.raises(InvalidParameter, match="names no bucket"):
        table.copy("s3:///x.csv")


def test_keys_of_the_statement(table: Table, bucket: Any) -> None:
    bucket.put_object(Key="a.csv", Body=b"1|x\n")
    del table.environ["AWS_ACCESS_KEY_ID"]
    key = {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1"}
    assert table.copy(f"s3://{bucket.name}/a.csv", **key).rows == 1


@pytest.fixture
def strict(endpoint: str) -> Iterator[None]:
    """Let the store check keys, as the real one does."""
    set_unchecked_calls(endpoint, 0)
    yield
    set_unchecked_calls(endpoint, 1_000_000_000)


def set_unchecked_calls(endpoint: str, count: int) -> None:
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", str(count).encode(), {"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def test_keys_that_are_wrong(table: Table, strict: None) -> None:
    with pytest.raises(FileUnavailable) as caught:
        table.copy("s3://bucket/a.csv")
    assert caught.value.message == (
        "access to 's3://bucket/a.csv' is denied (asked with AWS_ACCESS_KEY_ID of the environment)"
    )
    assert caught.value.hint == "Check the key, and that it may s3:ListBucket and s3:GetObject."


class Refusing(BaseHTTPRequestHandler):
    """A store that answers all requests with one error, as S3 words it."""

    status = 301
    code = "PermanentRedirect"

    def do_GET(self) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>No.</Message></Error>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Forbidding(Refusing):
    """A store that wants a key."""

    status = 403
    code = "AccessDenied"


@contextmanager
def store(answers: type[Refusing]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_keys_that_are_missing(table: Table) -> None:
    with store(Forbidding) as url:
        table.environ = {"AWS_ENDPOINT_URL": url}
        with pytest.raises(FileUnavailable) as caught:
            table.copy("s3://bucket/a.csv", IAM_ROLE="DEFAULT")
    assert caught.value.message == "cannot read 's3://bucket/a.csv': no credentials"
    assert caught.value.hint is not None
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert "[roles]" in caught.value.hint


def test_a_bucket_of_another_region(table: Table) -> None:
    with store(Refusing) as url:
        table.environ["AWS_ENDPOINT_URL_S3"] = url
        with pytest.raises(FileUnavailable, match="bucket 'bucket' is in another region") as caught:
            table.copy("s3://bucket/a.csv")
    assert caught.value.hint == "Name it: REGION 'eu-west-1'."


def test_a_store_that_is_out_of_reach(table: Table) -> None:
    table.environ["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:1"
    with pytest.raises(FileUnavailable, match="cannot reach the object store") as caught:
        table.copy("s3://bucket/a.csv")
    assert caught.value.hint is not None
    assert "AWS_ENDPOINT_URL_S3" in caught.value.hint
