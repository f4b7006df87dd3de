import hashlib
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from db.errors import SettingsError
from db.identity import IMPLEMENTATION_CLASS_UID
from dicom_listener.statuses import InvalidUIDError
from dicom_listener.store import Arrival, Store, checked_uid

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


def arrival(path: Path) -> Arrival:
    found = Arrival.of(path)
    assert found is not None
    return found


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("uid", ["1", "1.2.840.10008", "1.02.3", "1." + "2" * 62])
def test_a_uid_may_be_part_of_a_file_name(uid: str) -> None:
    assert checked_uid(uid) == uid


@pytest.mark.parametrize("uid", ["", ".", "1.", ".1", "1..2", "../../x", "1.2/3", "1.2\n", "1.2\0", "١.٢", "1" * 65])
def test_anything_else_may_not(uid: str) -> None:
    with pytest.raises(InvalidUIDError):
        checked_uid(uid)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # pydicom's, where the test makes it
def test_a_hostile_uid_writes_nothing(store: Store) -> None:
    with pytest.raises(InvalidUIDError):
        store.keep(meta("../../x"), DATA_SET)
    assert files(store.root) == []


def test_an_object_is_kept_bit_for_bit_behind_a_valid_header(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    assert re.fullmatch(rf"inbox/1\.2\.3\.{SHA256}\.[0-9]{{19}}\.dcm", str(path.relative_to(store.root)))
    assert files(store.root) == [str(path.relative_to(store.root))]
    header = read_file_meta_info(path)
    content = path.read_bytes()
    assert content[:132] == bytes(128) + b"DICM"
    assert content[144 + header.FileMetaInformationGroupLength :] == DATA_SET
    assert header.MediaStorageSOPInstanceUID == "1.2.3"
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_same_bytes_sent_twice_arrive_twice_and_are_one_object(store: Store) -> None:
    first, second = store.keep(meta(), DATA_SET), store.keep(meta(), DATA_SET)
    assert store.arrivals() == [first, second]
    filed, again = store.file_object(first), store.file_object(second)
    assert filed and again
    assert (filed.path, filed.is_new, again.is_new) == (again.path, True, False)


def test_other_bytes_or_another_uid_are_another_object(store: Store) -> None:
    kept = [store.keep(meta(), DATA_SET), store.keep(meta(), b"x"), store.keep(meta("1.2.4"), DATA_SET)]
    assert len({arrival(path).object_path for path in kept}) == 3


def test_registered_bytes_sent_again_are_linked_back_as_the_latest_of_their_uid(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    object_path = Path("objects", SHA256[:2], f"1.2.3.{SHA256}.dcm")
    assert store.file_object(path) == (object_path, True)
    path.unlink()
    other = store.keep(meta(), b"other bytes")
    again = store.keep(meta(), DATA_SET)
    assert again.samefile(store.root / object_path)
    assert store.arrivals("1.2.3") == [other, again]
    assert arrival(again).received_at > arrival(other).received_at


def test_filing_an_object_twice_is_filing_it_once(store: Store) -> None:
    path = store.keep(meta(), DATA_SET)
    assert [filed and filed.is_new for filed in (store.file_object(path), store.file_object(path))] == [True, False]


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


def test_a_name_in_the_inbox_says_uid_and_digest_and_when_it_came(store: Store) -> None:
    before_ns = time.time_ns()
    came = arrival(store.keep(meta("1.2.10"), DATA_SET))
    assert (came.sop_instance_uid, came.sha256) == ("1.2.10", SHA256)
    assert before_ns <= came.arrived_ns <= time.time_ns()
    assert Arrival.of(Path(came.file_name)) == came
    assert Arrival.of(Path("README.dcm")) is None


def test_an_arrival_is_told_to_the_microsecond() -> None:
    came = Arrival("1.2", SHA256, 1_709_294_400_123_456_789)  # 2024-03-01, 12:00:00.123456789 UTC
    assert came.received_at == datetime(2024, 3, 1, 12, 0, 0, 123_456, UTC)


def test_only_old_unfinished_files_are_removed(store: Store) -> None:
    old, young = store.incoming / "a.part", store.incoming / "b.part"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 3601,) * 2)
    assert store.remove_abandoned(3600) == (1, 0)
    assert files(store.root) == ["incoming/b.part"]


def test_what_is_unfinished_and_cannot_be_removed_is_counted_and_holds_nothing_up(store: Store) -> None:
    for name in ("a", "b", "c"):
        path = store.incoming / f"{name}.part"
        path.mkdir() if name == "b" else path.touch()
        os.utime(path, (1, 1))
    assert store.remove_abandoned(3600) == (2, 1)


def test_a_store_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"CARPUS_STORE: .* cannot be written to"):
        Store(tmp_path / "file").prepare()
