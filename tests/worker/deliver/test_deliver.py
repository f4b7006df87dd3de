"""One delivery from the row to an archive on loopback: what arrives, what is charged, and what is tried again."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid
from sqlalchemy import func, text, update

from carpus.ports import free_port
from db import deliveries
from db.session import transaction
from db.tables import Assessment
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.delivering import add_result, due_now, planned, rows
from tests.dicom_listener.authorities import Authority
from tests.objects import hand_radiograph
from tests.pacs import AE_TITLE, Pacs, running
from worker.deliver.deliver import deliver

# pynetdicom leaves the socket of a connection that nobody took to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def pacs(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pacs]:
    """An archive that results go to; it does not run yet."""
    chosen = Pacs(free_port())
    monkeypatch.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{chosen.port}")
    monkeypatch.setenv("CARPUS_ATTEMPTS", "2")
    forget_process_state()
    yield chosen
    gc.collect()  # sockets that pynetdicom left, while that is still forgiven


@pytest.fixture
def store(carpus_env: CarpusEnvironment) -> Path:
    return carpus_env.store


def states() -> list[tuple[str, str, str | None]]:
    return [(row.object, row.state, row.last_error) for row in rows()]


def test_both_objects_arrive_and_the_archive_commits_by_the_same_association(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    with running(pacs):
        deliver(named)
        deliver(named)  # a message that comes twice
    assert states() == [("report", "DELIVERED", None), ("picture", "DELIVERED", None)]
    assert (len(pacs.reports), len(pacs.pictures), len(pacs.asked)) == (1, 1, 1)
    assert pacs.report_answers == [0]
    assert all(row.committed_at is not None for row in rows())
    assert {row.sop_instance_uid for row in rows()} == {one.SOPInstanceUID for one in pacs.received}


def test_an_archive_that_offers_no_commitment_is_not_asked(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    with running(pacs, commits=False):
        deliver(named)
    assert states() == [("report", "DELIVERED", None), ("picture", "DELIVERED", None)]
    assert {row.commitment_uid for row in rows()} == {None}


def test_what_an_attempt_that_died_had_stored_is_asked_for_too(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    with transaction() as session:  # as whoever was killed between the two objects left it
        deliveries.delivered(session, rows()[0].id)
    with running(pacs):
        deliver(named)
    (asked,) = pacs.asked
    assert [item.ReferencedSOPInstanceUID for item in asked.ReferencedSOPSequence] == [
        row.sop_instance_uid for row in rows()
    ]
    assert len(pacs.received) == 1
    assert all(row.committed_at is not None for row in rows())


def test_what_an_archive_does_not_keep_is_sent_again_under_the_same_uids(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    pacs.failure_reason = 0x0110
    with running(pacs):
        deliver(named)
        assert {state for _, state, _ in states()} == {"WAITING"}
        pacs.failure_reason = None
        due_now()
        deliver(named)
    assert {state for _, state, _ in states()} == {"DELIVERED"}
    first, again = pacs.reports
    assert first == again  # element by element
    assert pacs.pictures[0] == pacs.pictures[1]
    assert pacs.asked[0].TransactionUID != pacs.asked[1].TransactionUID


def test_an_archive_that_is_away_costs_no_attempt(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    for _ in range(4):
        due_now()
        deliver(named)
    assert [(row.state, row.attempts, row.refusals) for row in rows()] == [("WAITING", 4, 0)] * 2
    assert f"nobody answers at 127.0.0.1:{pacs.port}" in str(rows()[0].last_error)
    with running(pacs):
        due_now()
        deliver(named)
    assert {state for _, state, _ in states()} == {"DELIVERED"}
    assert len(pacs.received) == 2


def test_an_archive_without_room_is_as_good_as_away(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    pacs.statuses = [0xA700]
    with running(pacs):
        deliver(named)
    assert [(row.state, row.refusals) for row in rows()] == [("WAITING", 0)] * 2
    assert "0xA700" in str(rows()[0].last_error)


def test_what_is_refused_is_charged_and_the_other_object_arrives(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    pacs.statuses = [0xA900]
    with running(pacs):
        deliver(named)
        assert [state for _, state, _ in states()] == ["WAITING", "DELIVERED"]
        pacs.statuses = [0xC000]
        due_now()
        deliver(named)
    assert [state for _, state, _ in states()] == ["FAILED", "DELIVERED"]
    assert "0xC000" in str(rows()[0].last_error)
    with transaction() as session:
        (reason,) = session.scalars(text("SELECT state_reason FROM worklist"))
    assert reason.startswith("the report was not delivered to PACS: it answered status 0xC000")


def test_an_archive_that_takes_no_reports_gets_the_picture(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    with running(pacs, commits=False, kinds=(SecondaryCaptureImageStorage,)):
        deliver(named)
    assert [state for _, state, _ in states()] == ["WAITING", "DELIVERED"]
    assert "accepts no Comprehensive SR" in str(rows()[0].last_error)


def test_who_calls_it_by_another_title_is_told(pacs: Pacs, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (named,) = planned(add_result(store), "OTHER")
    monkeypatch.setenv("CARPUS_DESTINATIONS", f"OTHER=127.0.0.1:{pacs.port}")
    forget_process_state()
    with running(pacs):
        deliver(named)
    assert [(row.state, row.refusals) for row in rows()] == [("WAITING", 0)] * 2
    assert "rejected the association" in str(rows()[0].last_error)


def test_a_destination_that_is_no_longer_named_waits_for_its_name(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store), "GONE")
    deliver(named)
    assert {(row.state, row.last_error) for row in rows()} == {("WAITING", "CARPUS_DESTINATIONS names it no more")}


def test_tls_without_authorities_says_which_setting_is_missing(
    pacs: Pacs, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{pacs.port}+tls")
    forget_process_state()
    (named,) = planned(add_result(store))
    deliver(named)
    assert "CARPUS_DESTINATION_CA: missing" in str(rows()[0].last_error)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda store: next((store / "objects").iterdir()).unlink(), "cannot be read"),
        (lambda store: next((store / "objects").iterdir()).write_bytes(b"nonsense"), "not a readable DICOM file"),
        (lambda store: next((store / "standard").rglob("*.npy")).unlink(), "is missing"),
    ],
)
def test_what_cannot_be_made_is_charged_with_its_reason(
    pacs: Pacs, store: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    (named,) = planned(add_result(store))
    spoil(store)
    with running(pacs):
        for _ in range(2):
            due_now()
            deliver(named)
    assert {row.state for row in rows()} == {"FAILED"}
    assert all(reason in str(row.last_error) for row in rows())
    assert pacs.received == []


def test_a_radiograph_without_a_study_has_nowhere_to_go(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store, hand_radiograph(StudyInstanceUID=None)))
    deliver(named)
    assert "Study Instance UID (0020,000D)" in str(rows()[0].last_error)
    assert {row.refusals for row in rows()} == {1}


def test_a_radiograph_that_is_on_its_way_again_waits_at_no_cost(pacs: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store, state="READING", due_at=func.now(), ended_at=None))
    deliver(named)
    assert [(row.state, row.refusals) for row in rows()] == [("WAITING", 0)] * 2


def test_a_later_assessment_names_the_report_before_it(pacs: Pacs, store: Path) -> None:
    source = hand_radiograph()
    first = add_result(store, source)
    with running(pacs):
        deliver(*planned(first))
        with transaction() as session:
            session.execute(text("UPDATE radiograph SET superseded_at = now()"))
            session.execute(update(Assessment).values(superseded_at=func.now()))
        deliver(*planned(add_result(store, source, revision=2, sha256="1" * 64)))
    earlier, later = pacs.reports
    (study,) = later.PredecessorDocumentsSequence
    named = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == earlier.SOPInstanceUID != later.SOPInstanceUID
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == earlier.SeriesInstanceUID


def test_each_destination_gets_the_same_bytes(pacs: Pacs, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Pacs(free_port())
    both = ",".join(f"{name}=127.0.0.1:{port}" for name, port in ((AE_TITLE, pacs.port), ("PACS2", second.port)))
    monkeypatch.setenv("CARPUS_DESTINATIONS", both)
    forget_process_state()
    ids = planned(add_result(store), AE_TITLE, "PACS2")
    with running(pacs), running(second, ae_title="PACS2"):
        for named in ids:
            deliver(named)
    assert pacs.received == second.received
    assert len(pacs.received) == 2


@pytest.fixture
def by_tls(pacs: Pacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pacs]:
    """The archive behind TLS, with a certificate of an authority that the setting names."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=localhost:{pacs.port}+tls")
    monkeypatch.setenv("CARPUS_DESTINATION_CA", str(authority.certificate))
    forget_process_state()
    with running(pacs, tls=authority.server_context()):
        yield pacs


def test_tls_reaches_an_archive_whose_authority_is_known(by_tls: Pacs, store: Path) -> None:
    (named,) = planned(add_result(store))
    deliver(named)
    assert {state for _, state, _ in states()} == {"DELIVERED"}


def test_tls_does_not_reach_an_archive_of_another_authority(
    by_tls: Pacs, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("CARPUS_DESTINATION_CA", str(Authority(tmp_path / "other").certificate))
    forget_process_state()
    (named,) = planned(add_result(store))
    deliver(named)
    assert [(row.state, row.refusals) for row in rows()] == [("WAITING", 0)] * 2
    assert "by TLS with a certificate that can be verified" in str(rows()[0].last_error)
    assert by_tls.received == []


def test_the_study_is_that_of_the_source_whatever_its_character_set(pacs: Pacs, store: Path) -> None:
    named = hand_radiograph(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Zoë", StudyID="7")
    named.StudyInstanceUID = generate_uid()
    with running(pacs):
        deliver(*planned(add_result(store, named)))
    for made in pacs.received:
        assert (made.PatientName, made.SpecificCharacterSet) == ("Müller^Zoë", "ISO_IR 100")
        assert (made.StudyInstanceUID, made.StudyID, made.PatientID) == (named.StudyInstanceUID, "7", "P1")
