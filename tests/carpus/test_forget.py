"""``carpus forget``: everything of one patient goes, and nothing of another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_listener.pseudonym import pseudonym
from dicom_listener.store import Arrival
from tests.carpus.conftest import arrived, count, forget, left, revisions
from tests.objects import as_file, hand_radiograph
from tests.rows import DIGEST
from training.turns import alone

KEY = "0123456789abcdef" * 2


def test_rows_results_and_files_of_the_patient_go_and_nothing_of_another(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    keep("1.10")
    keep("2.1", patient_id="P2")
    keep("3.1", issuer="Clinic")
    (store / "standard/00/.1.1.1.npy.x7k2").write_text("P1, of a process that was killed")
    (store / f"objects/00/1.1.{DIGEST}.dcm").write_text("P1, of a database that was restored")
    waiting = arrived(store, "4.1", PatientID="P1")
    part = as_file(hand_radiograph(PatientID="P1"), store / "incoming" / "a.part")
    other = arrived(store, "5.1", PatientID="P2")
    linked = store / f"objects/00/5.1.{DIGEST}.dcm"  # as by a registrar that was killed before the row
    linked.hardlink_to(other)
    pictures = store / "refresh" / "cache" / "images.npy"
    pictures.parent.mkdir(parents=True)
    pictures.write_text("P1 among others, of a refresh that was killed")
    said = forget("P1", "--yes")
    assert said.exit_code == 0, said.output
    assert "with the pictures of a refresh" in said.output
    assert not pictures.exists()
    numbers = "rows: 2 radiographs, 2 assessments, 2 reference reads; "
    assert f"removed: {numbers}files: 3 objects, 3 standard, 1 inbox, 1 incoming" in said.output
    assert "1 radiographs with this ID are of another issuer: see --issuer" in said.output
    assert "backups" in said.output
    assert revisions() == [("2.1", 1), ("3.1", 1)]
    assert (count("assessment"), count("reference_read")) == (2, 2)
    assert not waiting.exists()
    assert not part.exists()
    of_others = {f"{folder}/00/{uid}.{end}" for uid in ("2.1", "3.1") for folder, end in _ENDS.items()}
    assert left(store) == of_others | {f"inbox/{other.name}", f"objects/00/{linked.name}"}
    assert "nothing found of this patient" in forget("P1", "--yes").output


_ENDS = {"objects": f"00{1:062}.dcm", "standard": "1.npy"}


def test_nobody_is_forgotten_while_a_refresh_has_pictures_of_its_own(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    with alone():
        said = forget("P1", "--yes")
    assert said.exit_code == 1
    assert "a refresh is running" in said.output
    assert revisions() == [("1.1", 1)]
    assert forget("P1", "--yes").exit_code == 0


def test_another_issuer_s_patient_is_another_patient(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    keep("3.1", issuer="Clinic")
    arrived(store, "4.1", PatientID="P1")
    arrived(store, "5.1", PatientID="P1", IssuerOfPatientID="Clinic")
    assert forget("P1", "--issuer", "Clinic", "--yes").exit_code == 0
    assert revisions() == [("1.1", 1)]
    assert [Arrival.of(path).sop_instance_uid for path in (store / "inbox").iterdir()] == ["4.1"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("arguments", "answer", "exit_code"), [(("--dry-run",), "", 0), ((), "n\n", 1), ((), "", 1)])
def test_it_only_shows_or_asks_first(
    store: Path, keep: Callable[..., int], arguments: tuple[str, ...], answer: str, exit_code: int
) -> None:
    keep("1.1")
    before = left(store)
    said = forget("P1", *arguments, answer=answer)
    assert "found: rows: 1 radiographs, 1 assessments" in said.output
    assert "removed" not in said.output
    assert said.exit_code == exit_code
    assert (revisions(), left(store)) == ([("1.1", 1)], before)


def test_a_yes_removes(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    assert forget("P1", answer="y\n").exit_code == 0
    assert (revisions(), left(store)) == ([], set())


def test_of_an_image_that_was_corrected_to_another_patient_only_what_was_before_goes(
    store: Path, keep: Callable[..., int]
) -> None:
    keep("1.1", 1, "P1", superseded_at="now()")
    keep("1.1", 2, "P2")
    assert forget("P1", "--yes").exit_code == 0
    assert revisions() == [("1.1", 2)]
    assert [(store / name).read_text() for name in left(store)] == ["P2 local"] * 2


def test_of_an_image_that_was_corrected_to_the_patient_all_revisions_go(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1", 1, "P2", superseded_at="now()")
    keep("1.1", 2, "P1")
    keep("2.1", 1, "P2")
    assert forget("P1", "--yes").exit_code == 0
    assert revisions() == [("2.1", 1)]
    assert [(store / name).read_text() for name in left(store)] == ["P2 local"] * 2


def test_a_correction_that_has_no_row_yet_is_not_lost(store: Path, keep: Callable[..., int]) -> None:
    keep("1.1")
    correction = arrived(store, "1.1", PatientID="P2")
    assert forget("P1", "--yes").exit_code == 0
    assert left(store) == {f"inbox/{correction.name}"}


def test_a_pseudonymous_patient_is_found_by_the_id_and_by_the_pseudonym_also_in_older_plain_rows(
    store: Path, keep: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_PATIENT_ID", "hmac")
    monkeypatch.setenv("CARPUS_PATIENT_ID_KEY", KEY)
    theirs = pseudonym(KEY, "local", "P1")
    for asked in ("P1", theirs):
        keep("1.1", patient_id=theirs)
        keep("3.1", patient_id=pseudonym(KEY, "local", "P2"))
        arrived(store, "4.1", PatientID="P1")
        if asked == "P1":
            keep("2.1")
        assert forget(asked, "--yes").exit_code == 0
        assert revisions() == [("3.1", 1)]
        assert list((store / "inbox").iterdir()) == []
        assert forget(pseudonym(KEY, "local", "P2"), "--yes").exit_code == 0


@pytest.mark.parametrize("arguments", [("--yes",), ("--dry-run",)])
def test_without_the_key_nobody_is_told_that_a_pseudonymous_patient_is_not_there(
    store: Path, keep: Callable[..., int], arguments: tuple[str, ...]
) -> None:
    keep("1.1", patient_id=pseudonym(KEY, "local", "P1"))
    keep("2.1")
    said = forget("P1", *arguments)
    assert said.exit_code == 1
    assert "1 radiographs have a pseudonym for the patient ID" in said.output
    assert "CARPUS_PATIENT_ID_KEY" in said.output
    is_removed = "--yes" in arguments
    assert revisions() == [("1.1", 1), ("2.1", 1)][: 1 if is_removed else 2]
    assert "1 radiographs have a pseudonym" in forget("P3", *arguments).output


def test_a_pseudonym_needs_no_key_but_does_not_tell_whose_an_object_without_a_row_is(
    store: Path, keep: Callable[..., int]
) -> None:
    theirs = pseudonym(KEY, "local", "P1")
    keep("1.1", patient_id=theirs)
    keep("3.1", patient_id=pseudonym(KEY, "local", "P2"))
    waiting = arrived(store, "4.1", PatientID="P1")
    said = forget(theirs, "--yes")
    assert said.exit_code == 0, said.output
    assert revisions() == [("3.1", 1)]
    assert "1 files in inbox and incoming have a header that does not tell whose they are" in said.output
    assert waiting.exists()


@pytest.mark.parametrize(("elements", "is_told"), [("5000", True), ("1000", False)])
def test_headers_are_read_within_the_site_s_bounds(
    store: Path, monkeypatch: pytest.MonkeyPatch, elements: str, is_told: bool
) -> None:
    monkeypatch.setenv("CARPUS_MAX_ELEMENTS", elements)
    many = hand_radiograph(SOPInstanceUID="4.1")
    for number in range(4_000):
        many.add_new((0x0009, 0x1000 + number), "LO", "")
    waiting = as_file(many, store / "inbox" / Arrival("4.1", DIGEST, 1).file_name)
    assert ("does not tell whose" in forget("P1", "--yes").output) == (not is_told)
    assert waiting.exists() == (not is_told)
