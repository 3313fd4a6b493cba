"""Where COPY finds files and keys, without an object store: see test_copy_s3.py for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outcrop.commands.copy.credentials import find_access
from outcrop.errors import (
    FeatureNotSupported,
    FileUnavailable,
    InsufficientPrivilege,
    InvalidParameter,
)
from tests.unit.copy.table import Table, copy_statement


def test_a_file_a_folder_and_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "in put"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.csv").write_text("2\n")
    (folder / "a.csv").write_text("1\n")
    (folder / "sub" / "c.csv").write_text("3\n")
    (folder / ".hidden").write_text("x\n")
    with Table(tmp_path, a="int") as t:
        report = t.copy("in put")
        assert t.rows() == [(1,), (2,), (3,)]
        assert (report.files, report.bytes) == (3, 6)
        assert t.copy("in put/*.csv").files == 2
        assert t.copy(str(folder / "a.csv")).rows == 1
        assert t.copy((folder / "a.csv").as_uri()).rows == 1


def test_headers_are_skipped_in_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "b.csv").write_text("a\n2")
    with Table(tmp_path, a="int") as t:
        t.copy("*.csv", IGNOREHEADER="1")
        assert t.rows() == [(1,), (2,)]


def test_an_error_in_the_second_file_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    (tmp_path / "b.csv").write_text("1\nx\n")
    with Table(tmp_path, a="int") as t:
        with pytest.raises(Exception, match=r"b\.csv, line 2, column 'a'"):
            t.copy("*.csv")
        assert t.rows() == []


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        for source in ("nope.csv", "nope*", "file:///nope.csv"):
            with pytest.raises(FileUnavailable, match="no file '"):
                t.copy(source)
        (tmp_path / "empty").mkdir()
        with pytest.raises(FileUnavailable, match="no file 'empty'"):
            t.copy("empty")
        with pytest.raises(FileUnavailable, match="no file '/dev/null'"):
            t.copy("/dev/null")
        with pytest.raises(InvalidParameter, match="is on another host"):
            t.copy("file://host/x.csv")
        with pytest.raises(FeatureNotSupported, match="cannot read from https://"):
            t.copy("https://example.com/x.csv")


def test_roots_limit_local_files(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "a.csv").write_text("1\n")
    (outside / "b.csv").write_text("2\n")
    (inside / "link.csv").symlink_to(outside / "b.csv")
    with Table(tmp_path, a="int") as t:
        t.roots = (inside,)
        assert t.copy("inside/a.csv").rows == 1
        for source in ("outside/b.csv", "inside/../outside/b.csv", "inside/link.csv", "/etc/nope"):
            with pytest.raises(InsufficientPrivilege, match="may not read"):
                t.copy(source)
        with pytest.raises(InsufficientPrivilege):
            t.copy("inside", MANIFEST=False)


def test_manifests(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    (tmp_path / "b.csv").write_text("2\n")
    entries = [
        {"url": str(tmp_path / "b.csv"), "mandatory": True},
        {"url": str(tmp_path / "gone.csv"), "mandatory": False},
        {"url": (tmp_path / "a.csv").as_uri(), "meta": {"content_length": 2}},
    ]
    manifest = tmp_path / "m.json"
    with Table(tmp_path, a="int") as t:
        manifest.write_text(json.dumps({"entries": entries}))
        t.copy("m.json", MANIFEST=True)
        assert t.rows() == [(2,), (1,)]
        entries[1]["mandatory"] = True
        manifest.write_text(json.dumps({"entries": entries}))
        with pytest.raises(FileUnavailable, match=r"gone\.csv"):
            t.copy("m.json", MANIFEST=True)
        manifest.write_text(json.dumps({"entries": [{"url": "gone"}]}))
        with pytest.raises(FileUnavailable, match="names no file that exists"):
            t.copy("m.json", MANIFEST=True)
        for bad in ("[]", "junk", '{"entries": [1]}', "\xff"):
            manifest.write_text(bad, encoding="latin-1")
            with pytest.raises(InvalidParameter, match="is no manifest"):
                t.copy("m.json", MANIFEST=True)


# Credentials

ROLE = "arn:aws:iam::123456789012:role/Loader"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    aws = tmp_path / ".aws"
    aws.mkdir()
    (aws / "credentials").write_text(
        "[default]\naws_access_key_id = DK\naws_secret_access_key = DS\n"
        "[loader]\naws_access_key_id = LK\naws_secret_access_key = LS\naws_session_token = LT\n"
    )
    (aws / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile loader]\nregion = eu-west-2\n[profile sso]\n"
    )
    return tmp_path


def access(home: Path, environ: dict[str, str], **options: str) -> tuple[str | None, ...]:
    roles = {ROLE: "loader", "default": "default", "arn:sso": "sso"}
    found = find_access(copy_statement("s3://b/k", options), roles, environ, home)
    return found.access_key, found.secret_key, found.session_token, found.region


def test_the_statements_key_goes_first(home: Path) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "EK", "AWS_SECRET_ACCESS_KEY": "ES", "AWS_REGION": "r"}
    key = {"ACCESS_KEY_ID": "K", "SECRET_ACCESS_KEY": "S", "SESSION_TOKEN": "T", "REGION": "x"}
    assert access(home, environ, **key) == ("K", "S", "T", "x")
    text = "aws_access_key_id=K;aws_secret_access_key=S;token=T"
    assert access(home, environ, CREDENTIALS=text) == ("K", "S", "T", "r")


def test_a_mapped_role_is_a_profile(home: Path) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "EK", "AWS_SECRET_ACCESS_KEY": "ES"}
    assert access(home, environ, IAM_ROLE=ROLE) == ("LK", "LS", "LT", "eu-west-2")
    assert access(home, environ, IAM_ROLE="DEFAULT") == ("DK", "DS", None, "eu-west-1")
    credentials = f"aws_iam_role={ROLE}"
    assert access(home, {}, CREDENTIALS=credentials)[:2] == ("LK", "LS")


def test_another_role_stands_for_the_environment(home: Path) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "EK", "AWS_SECRET_ACCESS_KEY": "ES"}
    assert access(home, environ, IAM_ROLE="arn:other") == ("EK", "ES", None, "eu-west-1")
    assert access(home, {}, IAM_ROLE="arn:other") == ("DK", "DS", None, "eu-west-1")
    assert access(home, {"AWS_PROFILE": "loader"}) == ("LK", "LS", "LT", "eu-west-2")
    assert access(home / "nobody", {}) == (None, None, None, None)


def test_keys_that_are_amiss(home: Path) -> None:
    with pytest.raises(InvalidParameter, match="SECRET_ACCESS_KEY is missing"):
        access(home, {}, ACCESS_KEY_ID="K")
    with pytest.raises(InvalidParameter, match="CREDENTIALS is not understood"):
        access(home, {}, CREDENTIALS="key=secret-text")
    with pytest.raises(InvalidParameter, match="profile 'sso' has no aws_access_key_id"):
        access(home, {}, IAM_ROLE="arn:sso")
    (home / ".aws" / "credentials").write_text("junk")
    with pytest.raises(InvalidParameter, match="credentials' cannot be read"):
        access(home, {})
