"""Bundles are kept under their digest, come back from a URL, and are refused by name where they changed."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from db.errors import BundleError, OutageError, SettingsError
from tests.card_bundles import write_bundle
from worker import bundle, settings
from worker.bundle import CARD, NETWORK
from worker.model_store import ModelStore


@pytest.fixture(params=["memory", "folder"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield "memory://models" if request.param == "memory" else str(tmp_path / "shared")
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "here" / "models")


def test_a_bundle_is_kept_whole_under_its_digest_and_stays_where_it_was(store: ModelStore, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made")
    kept = store.put(made)
    assert (kept.folder, kept.digest) == (store.folder / made.digest, made.digest)
    assert store.put(made) == store.fetch(made.digest) == kept
    assert bundle.load(made.folder) == made
    assert [path.name for path in store.folder.iterdir()] == [made.digest]


def test_another_machine_gets_a_bundle_by_the_url(url: str, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made")
    ModelStore(tmp_path / "one", url).put(made)
    ModelStore(tmp_path / "one", url).put(made)
    there = ModelStore(tmp_path / "two", url).fetch(made.digest)
    assert there.folder == tmp_path / "two" / made.digest
    assert there.card == made.card
    assert ModelStore(tmp_path / "two").fetch(made.digest) == there, "and has it from then on"


def test_a_bundle_whose_upload_was_cut_is_not_there_until_it_is_put_again(url: str, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made")
    here = ModelStore(tmp_path / "one", url)
    here.put(made)
    files, root = fsspec.core.url_to_fs(url)
    files.rm(f"{root}/{made.digest}/{CARD}")
    with pytest.raises(BundleError, match=f"{made.digest[:12]}: no such model in CARPUS_MODELS"):
        ModelStore(tmp_path / "two", url).fetch(made.digest)
    assert list((tmp_path / "two").iterdir()) == []
    here.put(made)
    assert ModelStore(tmp_path / "two", url).fetch(made.digest).digest == made.digest


def test_what_changed_at_the_url_is_refused_by_name_and_not_kept(url: str, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made")
    ModelStore(tmp_path / "one", url).put(made)
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/{made.digest}/{NETWORK}", b"another network")
    with pytest.raises(BundleError, match=rf"{NETWORK}: changed since export"):
        ModelStore(tmp_path / "two", url).fetch(made.digest)
    assert list((tmp_path / "two").iterdir()) == []


def test_a_changed_file_is_refused_by_name(store: ModelStore, tmp_path: Path) -> None:
    kept = store.put(write_bundle(tmp_path / "made"))
    (kept.folder / NETWORK).write_text("another network")
    with pytest.raises(BundleError, match=rf"{NETWORK}: changed since export"):
        store.fetch(kept.digest)


def test_another_bundle_in_its_place_is_refused(store: ModelStore, tmp_path: Path) -> None:
    one, other = (store.put(write_bundle(tmp_path / version, version)) for version in ("0.0.1", "0.0.2"))
    (one.folder / CARD).write_bytes((other.folder / CARD).read_bytes())
    (one.folder / NETWORK).write_bytes((other.folder / NETWORK).read_bytes())
    with pytest.raises(BundleError, match=f"{CARD}: changed since it was registered: expected SHA-256 {one.digest}"):
        store.fetch(one.digest)


def test_what_was_never_put_is_not_there(store: ModelStore) -> None:
    with pytest.raises(BundleError, match=r"aaaaaaaaaaaa: no such model in .*; register its bundle again"):
        store.fetch("a" * 64)


def test_a_store_that_cannot_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in its way")
    with pytest.raises(OutageError, match="the model store cannot be used"):
        ModelStore(tmp_path / "models").put(write_bundle(tmp_path / "made"))


def test_a_url_that_nothing_speaks_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^CARPUS_MODELS: .*nonsense"):
        ModelStore(tmp_path / "here", "nonsense://models").fetch("a" * 64)


def test_a_relative_folder_is_refused_for_other_processes_run_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_MODELS", "models")
    with pytest.raises(SettingsError, match=r"CARPUS_MODELS.*expected the absolute path of a folder, or a URL"):
        settings.worker.__wrapped__()


def test_a_page_is_kept_among_the_models_and_at_the_url(url: str, tmp_path: Path) -> None:
    path = ModelStore(tmp_path / "one", url).write_report("refresh-1.html", "<p>ü</p>")
    assert path.read_text(encoding="utf-8") == "<p>ü</p>"
    files, root = fsspec.core.url_to_fs(url)
    assert files.cat_file(f"{root}/reports/refresh-1.html").decode() == "<p>ü</p>"
