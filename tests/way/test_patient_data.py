"""Nothing that the system writes beside the stored object holds a patient's data, but for the columns made for it."""

import json
import re
import struct
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, generate_uid
from typer.testing import CliRunner

from carpus import contact_sheet, followed
from carpus.__main__ import app
from db.vocabulary import Sex, State
from tests.planted import PLANTED, Garden, Sender
from tests.way.running import SUCCESS, Way
from training.phantom import draw
from worker.bundle import starter_folder

PICTURE = draw(94, Sex.FEMALE, seed=7, rows=400).image
BIRTH_DATE = re.compile(rb"2013-?04-?17")
# The columns that matching and auditing need, each with the element it comes from.
ALLOWED = {
    "radiograph.patient_id": "PatientID",
    "radiograph.patient_id_issuer": "IssuerOfPatientID",
    "radiograph.accession_number": "AccessionNumber",
    "radiograph.calling_ae_title": "calling AE title",
}
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")

pytestmark = [  # of the modality's own pydicom
    pytest.mark.filterwarnings("ignore:Invalid value for VR UI"),
    pytest.mark.filterwarnings("ignore:Unknown encoding"),
]


def planted_objects(garden: Garden) -> dict[str, tuple[Dataset | bytes, State]]:
    """Return objects that end in every way, with the state that they should end in."""
    decided = {"PatientBirthDate": ("DA", "20130417"), "AcquisitionDate": ("DA", "20220418")}
    data_set = garden.radiograph
    return {
        "assessed": (data_set(PICTURE, **decided), State.COMPLETED),
        "assessed, text for a character set": (data_set(PICTURE, SpecificCharacterSet=("CS", None)), State.COMPLETED),
        "assessed, text for a sex": (data_set(PICTURE, PatientSex=("CS", None)), State.COMPLETED),
        "text for a body part": (data_set(PICTURE, BodyPartExamined=("CS", None)), State.NOT_APPLICABLE),
        "text for a region's code": (
            data_set(PICTURE, BodyPartExamined=("CS", ""), AnatomicRegionSequence=("SQ", [garden.code()])),
            State.NOT_APPLICABLE,
        ),
        "text for a UID": (data_set(PICTURE, SOPInstanceUID=("UI", None)), State.REJECTED),
        "no data set": (b"\x08\x00\x05\x00XX" + garden.value("garbage").encode() * 9, State.REJECTED),
        "text for a photometric interpretation": (
            data_set(PICTURE, PhotometricInterpretation=("CS", None)),
            State.REJECTED,
        ),
        "text for a number of frames": (data_set(PICTURE, NumberOfFrames=("IS", None)), State.REJECTED),
        "text for a window's function": (
            data_set(PICTURE, VOILUTFunction=("CS", None), WindowCenter=("DS", "127"), WindowWidth=("DS", "255")),
            State.REJECTED,
        ),
        "a step that raises": (data_set(PICTURE), State.FAILED),
    }


@pytest.fixture(scope="module")
def garden() -> Garden:
    return Garden()


@pytest.fixture(scope="module")
def sent(way: Way, garden: Garden) -> dict[str, Any]:
    """Send everything through the whole stack, wait for the ends, and return the rows by what was sent."""
    sender = Sender(way.stack.ports.listener, garden.value("calling AE title"), garden)
    uids: dict[str, str] = {}
    objects = planted_objects(garden)
    with way.without("read"):
        for what, (content, _) in objects.items():
            named = isinstance(content, Dataset) and what != "text for a UID"
            uids[what] = str(content.SOPInstanceUID) if named else generate_uid()  # type: ignore[union-attr]
            answer = sender.send(content, uids[what])
            assert answer is not None
            assert answer.Status == SUCCESS
        raising = _named(uids["a step that raises"])
        way.wait_until(lambda: bool(way.radiographs([raising])), "the row of the one that will raise")
        sha256 = way.radiographs([raising])[0]["sha256"]
        # A folder where its standard radiograph should be: an error that nobody foresaw.
        (way.stack.store / "standard" / sha256[:2] / f"{uids['a step that raises']}.1.npy" / "x").mkdir(parents=True)
    rows = way.wait_for_ends([_named(uid) for uid in uids.values()])
    return dict(zip(uids, rows, strict=True))


def _named(uid: str) -> Dataset:
    data_set = Dataset()
    data_set.SOPInstanceUID = uid
    return data_set


def written(way: Way) -> Iterator[tuple[Path, bytes]]:
    """Yield every file of the stack but the stored objects."""
    store = way.stack.store
    objects = {store / folder for folder in ("objects", "inbox", "incoming")}
    for path in way.stack.home.rglob("*"):
        if path.is_file() and not objects & set(path.parents):
            try:
                yield path.relative_to(way.stack.home), path.read_bytes()
            except FileNotFoundError:  # PostgreSQL's own come and go
                continue


def found(content: bytes) -> set[str]:
    return {match.decode().upper() for match in PLANTED.findall(content)}


def chunks(png: bytes) -> Iterator[bytes]:
    """Yield the type of each part of a PNG."""
    place = 8
    while place < len(png):
        size_bytes, kind = struct.unpack_from(">L4s", png, place)
        yield kind
        place += 12 + size_bytes


def test_every_object_ended_as_it_should(sent: dict[str, Any]) -> None:
    expected = {what: state.value for what, (_, state) in planted_objects(Garden()).items()}
    assert {what: row["state"] for what, row in sent.items()} == expected


def test_everything_that_text_can_be_put_in_was_planted(garden: Garden, sent: dict[str, Any]) -> None:
    assert len(garden.values) > 2500
    assert {"PatientName", "OtherPatientIDs", "PatientComments", "OverlayLabel", "private element"} <= set(
        garden.values
    )


def test_only_the_columns_made_for_it_hold_what_a_sender_wrote(way: Way, garden: Garden, sent: dict[str, Any]) -> None:
    columns = way.sql(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    holding: dict[str, set[str]] = {}
    for column in columns:
        table, name = column["table_name"], column["column_name"]
        texts = way.sql(f"SELECT {name}::text AS text FROM {table} WHERE {name}::text ~* 'plnt|2013-?04-?17'")
        if texts:
            holding[f"{table}.{name}"] = {value for row in texts for value in found(row["text"].encode())}
    assert set(holding) == set(ALLOWED)
    for column_name, place in ALLOWED.items():
        assert holding[column_name] <= set(garden.values[place]), column_name


def decoded(encoded: bytes) -> bytes:
    """Decode what looks like Base64; it may be a path, and have a character too many."""
    letters = encoded.rstrip(b"=")
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return b64decode(whole + b"=" * (-len(whole) % 4))


def test_no_file_holds_it_but_the_database_s_own_and_the_calling_title_in_the_log(
    way: Way, garden: Garden, sent: dict[str, Any]
) -> None:
    allowed = {value for place in ALLOWED.values() for value in garden.values[place]}
    in_database: set[str] = set()
    for path, content in written(way):
        assert not BIRTH_DATE.search(content), path
        values = found(content)
        for encoded in _BASE64.findall(content) if path.parts[0] == "redis" else ():
            values |= found(decoded(encoded))
        if path.parts[:2] == ("postgres", "data"):
            in_database |= values
        elif path == Path("log/listener.log"):
            assert values == set(garden.values["calling AE title"])
        else:
            assert values == set(), path
    # A value may go on in the next page of the write-ahead log.
    assert [value for value in in_database if not any(whole.startswith(value) for whole in allowed)] == []
    assert in_database & set(garden.values["PatientID"])


def test_the_contact_sheet_shows_and_holds_none_of_it(way: Way, sent: dict[str, Any], tmp_path: Path) -> None:
    names = {row["sop_instance_uid"]: f"{number}.dcm" for number, row in enumerate(sent.values())}
    shown = [one for one in followed.fetch(way.stack.postgres.libpq_url, names) if one.is_completed]
    sheet, without = tmp_path / "sheet.png", tmp_path / "without.png"
    assert contact_sheet.write(shown, way.stack.store, starter_folder(), sheet) == 3
    assert set(chunks(sheet.read_bytes())) == {b"IHDR", b"IDAT", b"IEND"}  # no text, no time, no metadata
    # It is the same where nobody knows what the sender wrote, so that none of it is in the picture either.
    anonymous = [
        replace(one, columns={name: value for name, value in one.columns.items() if not found(str(value).encode())})
        for one in shown
    ]
    assert all("patient_id" in one.columns for one in shown)
    assert not any("patient_id" in one.columns for one in anonymous)
    contact_sheet.write(anonymous, way.stack.store, starter_folder(), without)
    assert sheet.read_bytes() == without.read_bytes()


def test_flower_holds_none_of_it(way: Way, sent: dict[str, Any]) -> None:
    login = b64encode(way.stack.flower_login.encode()).decode()
    for page in ("api/tasks?limit=5000", "api/workers?refresh=1", "tasks", "workers"):
        address = f"http://127.0.0.1:{way.stack.ports.flower}/{page}"
        request = urllib.request.Request(address, headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            content = response.read()
        assert found(content) == set(), page
        if page.startswith("api/tasks"):
            assert len(json.loads(content)) >= 8


@pytest.mark.parametrize(
    ("sop_class_uid", "status"), [(None, 0xC000), (ComputedRadiographyImageStorage, 0xA900), ("text", None)]
)
def test_a_refused_sender_is_not_told_its_own_words(
    way: Way, garden: Garden, sop_class_uid: str | None, status: int | None
) -> None:
    sender = Sender(way.stack.ports.listener, "MODALITY", garden)
    wrong = garden.value("command's UID")
    answer = sender.send(garden.radiograph(PICTURE), wrong, wrong if sop_class_uid == "text" else sop_class_uid)
    if status is None:
        assert answer is None  # pynetdicom itself ends the association
    else:
        assert answer is not None
        assert (answer.Status, found(answer.ErrorComment.encode())) == (status, set())
        assert answer.ErrorComment
    assert found((way.stack.logs / "listener.log").read_bytes()) <= set(garden.values["calling AE title"])


def test_a_forgotten_patient_is_in_no_file_but_the_database_s_own(
    way: Way, garden: Garden, sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = sent["assessed"]
    values = found((way.stack.store / row["object_path"]).read_bytes()) - set(garden.values["calling AE title"])
    assert len(values) > 2500
    monkeypatch.setenv("CARPUS_HOME", str(way.stack.home))
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    said = CliRunner().invoke(app, ["forget", row["patient_id"], "--issuer", row["patient_id_issuer"], "--yes"])
    assert "removed: rows: 1 radiographs, 1 assessments" in said.output
    assert "files: 1 objects, 1 standard, 0 inbox, 0 incoming" in said.output
    assert way.sql("SELECT 1 FROM radiograph WHERE id = %s", row["id"]) == []
    for path in way.stack.home.rglob("*"):
        relative = path.relative_to(way.stack.home)
        if path.is_file() and relative.parts[:2] != ("postgres", "data"):
            assert not values & found(path.read_bytes()), relative
    others = [_named(other["sop_instance_uid"]) for what, other in sent.items() if what != "assessed"]
    assert len(way.wait_for_ends(others)) == len(sent) - 1
