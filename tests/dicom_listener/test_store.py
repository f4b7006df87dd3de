import hashlib
import os
import time
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from db.errors import SettingsError
from db.identity import IMPLEMENTATION_CLASS_UID
from dicom_listener.statuses import InvalidUIDError
from dicom_listener.store import Store, StoredName, arrived_at, checked_uid

DATA_SET = b"the bytes of a data set"
SHA256 = hashlib.sha256(DATA_SET).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def meta(sop_instance_uid: str = "1.2.3") -> FileMetaDataset:
    made = FileMetaDataset()
    made.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    made.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    made.TransferSyntaxUID = ExplicitVRLittleEndian
    made.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    return made


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("uid", ["1", "1.2.840.10008", "1.02.3", "1." + "2" * 62])
def test_a_uid_may_be_part_of_a_file_name(uid: str) -> None:
    assert checked_uid(uid) == uid


@pytest.mark.parametrize("uid", ["", ".", "1.", ".1", "1..2", "../../x", "1.2/3", "1.2\n", "1.2\0", "١.٢", "1" * 65])
def test_anything_else_may_not(uid: str) -> None:
    with pytest.raises(InvalidUIDError):
        checked_uid(uid)


def test_a_hostile_uid_writes_nothing(store: Store) -> None:
    with pytest.raises(InvalidUIDError):
        store.keep(meta("../../x"), DATA_SET)
    assert files(store.root) == []


def test_an_object_is_kept_bit_for_bit_behind_a_valid_header(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    assert path == store.inbox / f"1.2.3.{SHA256}.dcm"
    assert files(store.root) == [f"inbox/1.2.3.{SHA256}.dcm"]
    header = read_file_meta_info(path)
    content = path.read_bytes()
    assert content[:132] == bytes(128) + b"DICM"
    assert content[144 + header.FileMetaInformationGroupLength :] == DATA_SET
    assert header.MediaStorageSOPInstanceUID == "1.2.3"
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    first = store.keep(meta(), DATA_SET)
    written = first.stat()
    assert store.keep(meta(), DATA_SET) == first
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_other_bytes_or_another_uid_are_another_file(store: Store) -> None:
    assert len({store.keep(meta(), DATA_SET), store.keep(meta(), b"x"), store.keep(meta("1.2.4"), DATA_SET)}) == 3


def test_registered_bytes_sent_again_are_linked_back_for_their_row_to_be_looked_for(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    object_path = store.file_object(path)
    assert object_path == Path("objects", SHA256[:2], path.name)
    path.unlink()
    again = store.keep(meta(), DATA_SET)
    assert again.samefile(store.root / object_path)


def test_filing_an_object_twice_is_filing_it_once(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    assert store.file_object(path) == store.file_object(path)


def test_filing_what_somebody_else_registered_finds_nothing(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    path.unlink()
    assert store.file_object(path) is None


def test_a_write_that_fails_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError("no such luck")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no such luck"):
        store.keep(meta(), DATA_SET)
    assert files(store.root) == []


def test_file_and_folder_are_synced_before_the_object_counts_as_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    rename = Path.rename
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        done.append("fsync " + Path(f"/proc/self/fd/{descriptor}").readlink().suffix)
        real_fsync(descriptor)

    def renamed(source: Path, target: Path) -> Path:
        done.append("rename")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", renamed)
    store.keep(meta(), DATA_SET)
    assert done == ["fsync .part", "rename", "fsync "]


def test_arrivals_come_in_the_order_they_were_stored(store: Store) -> None:
    stored = [
        store.keep(meta(uid), data) for uid, data in [("1.9", b"a"), ("1.2", b"c"), ("1.2", b"b"), ("1.21", b"d")]
    ]
    (store.inbox / "strange.dcm").write_bytes(b"")
    assert store.arrivals() == stored
    assert store.arrivals("1.2") == stored[1:3]


def test_a_stored_name_says_uid_and_digest(store: Store) -> None:
    assert StoredName.of(store.keep(meta("1.2.10"), DATA_SET)) == StoredName("1.2.10", SHA256)
    assert StoredName.of(Path("README.dcm")) is None


def test_arrival_is_the_time_of_storing(store: Store) -> None:
    before = time.time()
    path = store.keep(meta(), DATA_SET)
    assert before <= arrived_at(path).timestamp() <= time.time()


def test_only_old_unfinished_files_are_removed(store: Store) -> None:
    old, young = store.incoming / "a.part", store.incoming / "b.part"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 3601,) * 2)
    assert store.remove_abandoned(3600) == 1
    assert files(store.root) == ["incoming/b.part"]


def test_a_store_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"CARPUS_STORE: .* cannot be written to"):
        Store(tmp_path / "file").prepare()
