"""Where the bundles of registered versions are kept: by digest, in the store, and where told also at a URL.

Before it: `worker.bundle`. After it: `worker.serving` takes the active version from here, `training.registry` puts new
ones in. The folder ``models/DIGEST`` of the store is what is loaded; where CARPUS_MODELS names another folder or an
object store, that is where bundles come from and go to, so that workers on several machines share them. Whatever is
loaded is checked against the digest by which it was asked for.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from db import settings
from db.errors import BundleError, OutageError, SettingsError
from worker.bundle import CARD, Bundle, load
from worker.settings import worker

FOLDER = "models"
_REPORTS = "reports"


@dataclass(frozen=True)
class ModelStore:
    """The bundles of one store.

    Attributes
    ----------
    folder
        On this machine, or mounted.
    url
        Of the folder or object store that several machines share, as fsspec takes it; None where there is none.
    """

    folder: Path
    url: str | None = None

    def put(self, bundle: Bundle) -> Bundle:
        """Keep a bundle under its digest, whole or not at all; one that is kept already stays.

        Parameters
        ----------
        bundle
            Wherever it lies. Not changed.

        Returns
        -------
        Bundle
            As it is kept.

        Raises
        ------
        OutageError
            When store or URL is away or full.
        BundleError
            When something else is kept under its digest.
        """
        kept = self.folder / bundle.digest
        if not kept.exists():
            with self._arriving(bundle.digest) as fresh:
                shutil.copytree(bundle.folder, fresh)
                _sync(fresh)
        if self.url is not None:
            self._upload(kept)
        return _checked(kept, bundle.digest)

    def fetch(self, digest: str) -> Bundle:
        """Return the bundle of a digest, got from the URL where it is not in the folder yet.

        Parameters
        ----------
        digest
            SHA-256 of its card.

        Raises
        ------
        BundleError
            When it is not kept, or a file is not what its card says; the message names it.
        OutageError
            When the store or the URL is away.
        """
        kept = self.folder / digest
        if not kept.exists() and self.url is not None:
            with self._arriving(digest) as fresh, _remote(self.url) as (files, root):
                if not files.exists(f"{root}/{digest}/{CARD}"):
                    raise BundleError(f"{digest[:12]}: no such model in CARPUS_MODELS; register its bundle again")
                files.get(f"{root}/{digest}/", f"{fresh}/", recursive=True)
                _sync(fresh)
                _checked(fresh, digest)
        if not kept.exists():
            raise BundleError(f"{digest[:12]}: no such model in {self.folder}; register its bundle again")
        return _checked(kept, digest)

    def write_report(self, name: str, page: str) -> Path:
        """Keep a page among the models and return where it lies.

        Parameters
        ----------
        name
            Of the file.
        page
            Its text.

        Raises
        ------
        OutageError
            When store or URL is away or full.
        """
        path = self.folder / _REPORTS / name
        with _told():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        if self.url is not None:
            with _remote(self.url) as (files, root):
                files.makedirs(f"{root}/{_REPORTS}", exist_ok=True)
                files.put_file(str(path), f"{root}/{_REPORTS}/{name}")
        return path

    @contextmanager
    def _arriving(self, digest: str) -> Iterator[Path]:
        """Give a folder to write to, and put it in its place at the end; another process may have been faster."""
        with _told():
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{digest[:12]}-", dir=self.folder) as temporary:
                fresh = Path(temporary) / digest
                yield fresh
                if not (self.folder / digest).exists():
                    fresh.rename(self.folder / digest)

    def _upload(self, kept: Path) -> None:
        """Put a bundle's files at the URL, the card last: a bundle without it is not there."""
        with _remote(str(self.url)) as (files, root):
            there = f"{root}/{kept.name}"
            if files.exists(f"{there}/{CARD}"):
                return
            paths = sorted(path for path in kept.rglob("*") if path.is_file())
            for path in sorted(paths, key=lambda path: path == kept / CARD):
                name = path.relative_to(kept).as_posix()
                files.makedirs(f"{there}/{name}".rpartition("/")[0], exist_ok=True)
                files.put_file(str(path), f"{there}/{name}")


def model_store() -> ModelStore:
    """Return the model store of the settings.

    Raises
    ------
    OutageError
        When the store is not mounted: a bare mount point has none of the listener's folders.
    """
    store = settings.shared().store
    if not (store / "objects").is_dir():
        raise OutageError(f"{store} has no folder `objects`: mount the store, or start the listener first")
    return ModelStore(store / FOLDER, worker().models)


def _sync(folder: Path) -> None:
    """Make what is in a folder durable, so that no power cut leaves a torn model under its digest."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _checked(folder: Path, digest: str) -> Bundle:
    loaded = load(folder)
    if loaded.digest != digest:
        raise BundleError(
            f"{folder / CARD}: changed since it was registered: expected SHA-256 {digest}, found {loaded.digest}; "
            "remove the folder, and register the bundle again"
        )
    return loaded


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutageError(f"the model store cannot be used ({error.strerror or error})") from error


@contextmanager
def _remote(url: str) -> Iterator[tuple[Any, str]]:
    """Give the file system of a URL and the path in it; what it raises is an outage, and what it lacks a setting."""
    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SettingsError(f"CARPUS_MODELS: {error}") from error
    with _told():
        yield files, root.rstrip("/")
