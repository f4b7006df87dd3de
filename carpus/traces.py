"""What there is of a patient in the database and in the store: found, and removed in one transaction.

An image belongs to the patient whose ID its current revision carries. So where that is the patient meant, all revisions
go, also those that were sent under a wrong ID; and where a later revision corrected this ID to another, only the ones
before it go, for the image is somebody else's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from carpus.patient import Patient
from dicom_listener.pseudonym import PSEUDONYM
from dicom_listener.register import INSTANCE_LOCK
from dicom_listener.removal import remove_files
from dicom_listener.store import Arrival

_PATIENTS = "SELECT DISTINCT sop_instance_uid FROM radiograph WHERE patient_id = ANY(%s) AND patient_id_issuer = %s"
_REVISIONS = """
SELECT id, sop_instance_uid, revision, object_path, superseded_at IS NULL AS is_current,
    committed_at IS NOT NULL AS is_committed,
    coalesce(patient_id = ANY(%s) AND patient_id_issuer = %s, FALSE) AS is_patients
FROM radiograph WHERE sop_instance_uid = ANY(%s) ORDER BY id FOR UPDATE
"""
_COUNTS = """
SELECT (SELECT count(*) FROM assessment WHERE radiograph_id = ANY(%(ids)s)) AS assessments,
    (SELECT count(*) FROM reference_read WHERE radiograph_id = ANY(%(ids)s)) AS reference_reads,
    (SELECT count(*) FROM radiograph WHERE patient_id IS NULL AND purged_at IS NULL) AS nameless,
    (SELECT count(*) FROM radiograph
        WHERE patient_id = ANY(%(patient_ids)s) AND patient_id_issuer <> %(issuer)s) AS other_issuers,
    (SELECT count(*) FROM radiograph WHERE patient_id ~ %(pseudonym)s) AS pseudonyms,
    (SELECT count(*) FROM storage_commitment WHERE EXISTS (
        SELECT FROM jsonb_array_elements(referenced) AS r WHERE r ->> 'sop_instance_uid' = ANY(%(uids)s)
    )) AS commitments
"""


@dataclass(frozen=True)
class Traces:
    """What there is of a patient, and what may be but cannot be told.

    Attributes
    ----------
    radiograph_ids
        The rows.
    files
        In the store.
    committed
        How many of the objects a storage commitment took custody of.
    folders
        How many of the files there are in each folder of the store.
    counts
        Of rows of other tables by name; ``nameless``: radiographs, of whomever, whose row holds no patient ID;
        ``other_issuers``: radiographs with this ID of another issuer; ``pseudonyms``: radiographs, of whomever, whose
        patient ID is one; ``commitments``: storage commitments to be answered yet that name the objects.
    untold
        How many files that have no row yet nobody can tell the patient of.
    """

    radiograph_ids: Sequence[int]
    files: Sequence[Path]
    folders: Mapping[str, int]
    committed: int
    counts: dict[str, int]
    untold: int

    def __bool__(self) -> bool:
        return bool(self.radiograph_ids or self.files)


def find(connection: psycopg.Connection[dict[str, Any]], store: Path, patient: Patient) -> Traces:
    """Find what there is of a patient; nobody registers, purges or assesses it until the transaction ends.

    Parameters
    ----------
    connection
        In a transaction.
    store
        The store's folder.
    patient
        Who is meant.
    """
    ids = list(patient.stored_ids)
    arrived = {path: patient.is_in(path) for path in _arrivals(store)}
    uids = {str(row["sop_instance_uid"]) for row in connection.execute(_PATIENTS, [ids, patient.issuer])}
    uids |= {arrival.sop_instance_uid for path, is_his in arrived.items() if is_his and (arrival := Arrival.of(path))}
    for uid in sorted(uids):  # always in this order, or two who wait for each other would wait for ever
        connection.execute(INSTANCE_LOCK, [uid])
    rows = connection.execute(_REVISIONS, [ids, patient.issuer, list(uids)]).fetchall()
    whole = {row["sop_instance_uid"] for row in rows if row["is_current"] and row["is_patients"]}
    gone = [row for row in rows if row["is_patients"] or row["sop_instance_uid"] in whole]
    stay = [row for row in rows if row not in gone]
    gone_ids, gone_uids = [row["id"] for row in gone], sorted(uids - {row["sop_instance_uid"] for row in stay})
    about = {"ids": gone_ids, "uids": gone_uids, "patient_ids": ids, "issuer": patient.issuer}
    about |= {"pseudonym": f"^{PSEUDONYM.pattern}$"}
    counts = connection.execute(_COUNTS, about).fetchone()
    assert counts is not None
    files = [*(path for path, is_his in arrived.items() if is_his), *_files(store, uids, stay)]
    return Traces(
        radiograph_ids=gone_ids,
        files=files,
        folders=Counter(path.relative_to(store).parts[0] for path in files),
        committed=sum(row["is_committed"] for row in gone),
        counts=counts,
        untold=sum(is_his is None for is_his in arrived.values()),
    )


def remove(connection: psycopg.Connection[dict[str, Any]], traces: Traces) -> None:
    """Remove what was found in this transaction; the files are gone before its commit, so that it may be repeated.

    Raises
    ------
    OSError
        When a file cannot be removed.
    """
    connection.execute("DELETE FROM radiograph WHERE id = ANY(%s)", [list(traces.radiograph_ids)])
    remove_files(traces.files)


def _arrivals(store: Path) -> list[Path]:
    """Return the files that have no row yet, and those that are being received or were left behind."""
    return [*(store / "inbox").glob("*.dcm"), *(store / "incoming").glob("*.part")]


def _files(store: Path, uids: set[str], stay: Sequence[dict[str, Any]]) -> Iterator[Path]:
    """Yield the objects and standard radiographs of SOP instances by their names, but for those of rows that stay.

    By name, for a process that was killed may have left one that no row names.
    """
    objects = {store / row["object_path"] for row in stay}
    standard = {f"{row['sop_instance_uid']}.{row['revision']}" for row in stay}
    for path in (store / "objects").glob("*/*.dcm"):
        if path.name.rsplit(".", 2)[0] in uids and path not in objects:
            yield path
    for path in (store / "standard").glob("*/*.npy*"):
        name = path.name.removeprefix(".").partition(".npy")[0]  # with a dot: not written to its end
        if name.rpartition(".")[0] in uids and name not in standard:
            yield path
