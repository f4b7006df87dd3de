"""The store's way in: what a sender is answered Success for is on disk, whole, under its final name, fsynced.

::

    incoming/<random>.part                                   being written
    inbox/<sop_instance_uid>.<sha256>.<arrival in ns>.dcm    stored, its row not yet committed
    objects/<2 hex>/<sop_instance_uid>.<sha256>.dcm          registered

After :mod:`receive`, before :mod:`register`. The order of registering survives a crash anywhere: link into ``objects``,
commit the row, unlink from ``inbox``. So whatever lies in the inbox is still to be registered, or to be unlinked; and
its name, which no two arrivals share, tells bytes that were sent again from a file that was left behind.

References
----------
DICOM PS3.10 section 7.1 (file meta information); PS3.5 section 9.1 (UIDs).
"""

import hashlib
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import FileMetaDataset

from db.errors import SettingsError
from dicom_listener.durable import fsync_folder, link, make_folder, put_in_place
from dicom_listener.part import Part
from dicom_listener.statuses import InvalidUIDError, RefusedObjectError
from dicom_listener.stored_content import Content, encoded_header, read_content

_EPOCH = datetime.fromtimestamp(0, UTC)
_MAX_UID_CHARACTERS = 64
UID_FORM = re.compile(r"[0-9]+(\.[0-9]+)*")
_NAME = re.compile(r"(?P<uid>[0-9.]{1,64})\.(?P<sha256>[0-9a-f]{64})\.(?P<ns>[0-9]{1,20})\.dcm")


@dataclass(frozen=True)
class Arrival:
    """One object sent once: what its name in the inbox says."""

    sop_instance_uid: str
    sha256: str
    arrived_ns: int

    @property
    def file_name(self) -> str:
        """The name, made of nothing but a checked UID, a digest and a time."""
        return f"{self.sop_instance_uid}.{self.sha256}.{self.arrived_ns}.dcm"

    @property
    def object_path(self) -> Path:
        """Where the registered object lies, relative to the store; the same for the same bytes sent again."""
        return Path("objects", self.sha256[:2], f"{self.sop_instance_uid}.{self.sha256}.dcm")

    @property
    def received_at(self) -> datetime:
        """When its bytes had come, to the microsecond that PostgreSQL keeps."""
        return _EPOCH + timedelta(microseconds=self.arrived_ns // 1000)

    @classmethod
    def of(cls, path: Path) -> "Arrival | None":
        """Return what a file's name says, or None where it is no stored object's."""
        match = _NAME.fullmatch(path.name)
        return cls(match["uid"], match["sha256"], int(match["ns"])) if match else None


def checked_uid(uid: str) -> str:
    """Return a UID that is safe in a file's name.

    Components may begin with a zero, against PS3.5 section 9.1: modalities in use send such UIDs, and it does no harm.

    Raises
    ------
    InvalidUIDError
        When it has other characters than digits and single dots, or more than 64.
    """
    if len(uid) > _MAX_UID_CHARACTERS or not UID_FORM.fullmatch(uid):
        raise InvalidUIDError("SOP Instance UID is not digits and dots, at most 64")
    return uid


class Filed(NamedTuple):
    """An inbox file's place among the objects: its path relative to the store, and whether these bytes are new there.

    They are where there was no such object, or a damaged one.
    """

    path: Path
    is_new: bool


class Store:
    """The folders that objects come in by.

    Parameters
    ----------
    root
        The store's folder; all below it is on one file system.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.inbox = root / "inbox"
        self.objects = root / "objects"
        self._clock = threading.Lock()
        self._last_ns = 0

    def prepare(self) -> None:
        """Create the folders and try that files can be written, and linked from one into the other.

        Raises
        ------
        SettingsError
            Naming the setting and what failed.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.incoming, self.inbox, self.objects):
                make_folder(folder)
            with tempfile.NamedTemporaryFile(dir=self.incoming, suffix=".part") as probe:
                linked = self.objects / Path(probe.name).name
                linked.hardlink_to(probe.name)
                linked.unlink()
        except OSError as error:
            raise SettingsError(f"CARPUS_STORE: {self.root} cannot be written to ({error.strerror})") from error

    def keep(self, meta: FileMetaDataset, data_set: bytes) -> Path:
        """Write an object to the inbox, bit for bit, and fsync file and folder.

        Bytes that are registered already, and whole, are not written again but linked back into the inbox: they count
        as the latest of their UID, and their row may be missing from a database that was restored. Where the registered
        file is damaged, these bytes heal it when they are registered.

        Parameters
        ----------
        meta
            File meta information; its Media Storage SOP Instance UID becomes part of the name.
        data_set
            The encoded data set exactly as received.

        Returns
        -------
        Path
            The file in the inbox.

        Raises
        ------
        InvalidUIDError
            When the SOP Instance UID is none.
        OSError
            When the disk is full or fails; nothing is left behind.
        """
        uid = checked_uid(str(meta.MediaStorageSOPInstanceUID))
        sha256 = hashlib.sha256(data_set).hexdigest()

        def write(path: Path) -> None:
            with self.begin(meta) as part:
                part.write(data_set)
                part.keep_as(path)

        return self._keep(meta, Arrival(uid, sha256, self._next_ns()), write)

    def begin(self, meta: FileMetaDataset) -> Part:
        """Begin to write an object before all of it has come; :meth:`finish` keeps it.

        Parameters
        ----------
        meta
            As in :meth:`keep`.

        Raises
        ------
        InvalidUIDError, OSError
            As :meth:`keep` does.
        """
        checked_uid(str(meta.MediaStorageSOPInstanceUID))
        return Part(self.incoming, encoded_header(meta))

    def finish(self, meta: FileMetaDataset, part: Part) -> Path:
        """Keep what :meth:`begin` began, as :meth:`keep` does.

        Parameters
        ----------
        meta
            What it was begun with.
        part
            The object, all of it; gone afterwards, also where it was not kept.
        """
        with part:
            if encoded_header(meta) != part.header:
                raise RefusedObjectError("the C-STORE request is another than its object was begun with")
            arrival = Arrival(str(meta.MediaStorageSOPInstanceUID), part.sha256, self._next_ns())
            return self._keep(meta, arrival, part.keep_as)

    def _keep(self, meta: FileMetaDataset, arrival: Arrival, write: Callable[[Path], None]) -> Path:
        path = self.inbox / arrival.file_name
        registered = self.root / arrival.object_path
        if read_content(registered) != Content.of(meta, arrival.sha256) or not link(registered, path):
            write(path)
        fsync_folder(self.inbox)
        return path

    def _next_ns(self) -> int:
        """Return the time, or just after the last arrival's where the clock went back: the last one sent counts."""
        with self._clock:
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            return self._last_ns

    def arrivals(self, sop_instance_uid: str = "") -> list[Path]:
        """Return the inbox's files in the order they came, of one SOP instance or of all.

        Of two versions of one SOP instance the later is the valid one, so the order matters.
        """
        found = [
            (arrival.arrived_ns, path)
            for path in self.inbox.glob(f"{sop_instance_uid}*.dcm")
            if (arrival := Arrival.of(path)) and sop_instance_uid in {"", arrival.sop_instance_uid}
        ]
        return [path for _, path in sorted(found)]

    def file_object(self, path: Path) -> Filed | None:
        """Link an inbox file to its place among the objects, durably; a damaged object there is replaced.

        Returns
        -------
        Filed or None
            None when somebody else registered and unlinked it meanwhile.
        """
        arrival = Arrival.of(path)
        assert arrival is not None, path.name
        target = self.root / arrival.object_path
        make_folder(target.parent)
        try:
            if not link(path, target):
                return None
        except FileExistsError:
            return Filed(arrival.object_path, self._heal(path, target, arrival))
        fsync_folder(target.parent)
        return Filed(arrival.object_path, is_new=True)

    def _heal(self, path: Path, target: Path, arrival: Arrival) -> bool:
        """Replace an object that is not what was sent; return whether it was. A damaged inbox file replaces nothing."""
        if path.samefile(target):
            return False
        sent = read_content(path)
        if sent is None or sent.sha256 != arrival.sha256 or read_content(target) == sent:
            return False
        put_in_place(path, target, self.incoming / f"{arrival.file_name}.part")
        return True

    def remove_abandoned(self, older_than_seconds: float) -> tuple[int, int]:
        """Remove unfinished files that no association can still be writing; return how many, and how many stay."""
        oldest_ns = time.time_ns() - int(older_than_seconds * 1e9)
        removed = stuck = 0
        for part in self.incoming.glob("*.part"):
            try:
                if part.stat().st_mtime_ns < oldest_ns:
                    part.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # renamed since the folder was listed
            except OSError:  # a folder, or a file that may not be removed
                stuck += 1
        return removed, stuck
