"""A site's radiographs in a real database: which part each is in, by which reads, and what is counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from db.session import engine, transaction
from db.tables import ModelDecision, ReadingList, ReadingListItem, ReferenceRead
from db.vocabulary import DRAWN_READER, Decision, Sex, State
from tests.conftest import CarpusEnvironment
from tests.rows import add_model_version, add_radiograph
from training.cases import Part
from training.site_split import part_of
from training.sources.site import NOT_COUNTED, NOT_THERE, TOO_OLD, TWINS, UNKNOWN_SEX, open_site
from training.sources.source import pseudonym
from worker import radiograph

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDED: dict[str, Any] = {"state": State.COMPLETED, "due_at": None, "ended_at": NOON, "received_at": NOON}
PICTURE = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)


def id_in(part: Part, prefix: str = "P") -> str:
    """Return the first of P0, P1 and so on whose hash says that part."""
    return next(one for one in map(f"{prefix}{{}}".format, count()) if part_of(pseudonym("", one), NOON, None) is part)


@pytest.fixture
def add(carpus_env: CarpusEnvironment) -> Callable[..., int]:
    def added(session: Session, number: int, patient_id: str | None, **columns: Any) -> int:
        sha256 = kept(carpus_env.store, number)
        stored = {"standard_path": f"standard/{number}.npy", "standard_sha256": sha256}
        known = {"patient_sex": "F", "patient_id": patient_id, "patient_id_issuer": "local", **ENDED}
        return add_radiograph(session, f"1.2.{number}", **known | stored | columns)

    return added


def kept(store: Path, number: int) -> str:
    return radiograph.save(PICTURE + np.uint16(number), store / f"standard/{number}.npy", store / "incoming")


def read(session: Session, radiograph_id: int, months: float, hour: int = 0, **columns: Any) -> None:
    """Enter a read that stands by itself: by default one that counts."""
    asked = {"is_blinded": True, "reading_list_id": asked_for(session, radiograph_id)} | columns
    known = {"reader": "A", "method": "GP", "read_at": NOON + hour * HOUR}
    session.add(ReferenceRead(radiograph_id=radiograph_id, bone_age_months=months, **known | asked))
    session.flush()


def asked_for(session: Session, radiograph_id: int) -> int:
    drawn = ReadingList(seed=7)
    session.add(drawn)
    session.flush()
    session.add(ReadingListItem(reading_list_id=drawn.id, radiograph_id=radiograph_id, position=1))
    session.flush()
    return drawn.id


BY_HIMSELF: dict[str, Any] = {"is_blinded": False, "reading_list_id": None}


def decide(session: Session, decision: Decision, hour: int = 0, **figures: Any) -> None:
    session.add(ModelDecision(decision=decision, decided_at=NOON + hour * HOUR, figures=figures))
    session.flush()


def ages() -> dict[Part, list[float]]:
    return {part: [case.bone_age_months for case in cases] for part, cases in open_site().parts.items() if cases}


@pytest.mark.parametrize("part", Part)
def test_what_judges_is_labelled_by_counted_reads_and_what_teaches_by_those_that_stand(
    add: Callable[..., int], part: Part
) -> None:
    with transaction() as session:
        first = add(session, 1, id_in(part))
        read(session, first, 100)
        read(session, first, 160, 1, **BY_HIMSELF)  # the same reader's later one, entered on disagreement
        read(session, first, 110, reader="B")
        read(session, first, 180, reader="C", is_blinded=False)  # asked for, but the estimate was seen
        read(session, first, 240, reader=DRAWN_READER)
    expected = 105 if part in {Part.TEST, Part.CALIBRATION} else 150  # (100 + 110) / 2; (160 + 110 + 180) / 3
    assert ages() == {part: [expected]}


def test_radiographs_without_counted_reads_teach_but_do_not_judge(add: Callable[..., int]) -> None:
    with transaction() as session:
        for number, part in enumerate(Part, start=1):
            read(session, add(session, number, id_in(part)), 60.0 + number, **BY_HIMSELF)
        read(session, add(session, 9, id_in(Part.TRAINING), patient_sex="missing"), 50)
        add(session, 10, id_in(Part.TRAINING))  # no read
    assert ages() == {Part.TRAINING: [61], Part.VALIDATION: [62]}
    site = open_site()
    assert site.counts.left_out == {UNKNOWN_SEX: 1, NOT_COUNTED: 2}
    assert site.counts.radiographs[Part.TRAINING] == {Sex.FEMALE: 1}
    assert site.counts.radiographs[Part.TEST][Sex.FEMALE] == 0
    assert site.description == (
        "2 radiographs of this site with reads: 1 for training, 1 for validation, 0 for calibration, 0 for test;"
        f" left out: 2 {NOT_COUNTED}; left out: 1 {UNKNOWN_SEX}"
    )


def test_a_patient_stays_where_she_is_however_many_radiographs_follow(add: Callable[..., int]) -> None:
    with transaction() as session:
        read(session, add(session, 1, id_in(Part.TEST)), 60)
    before = open_site().parts[Part.TEST]
    with transaction() as session:
        read(session, add(session, 2, id_in(Part.TEST), received_at=NOON + 9 * HOUR), 72)
        read(session, add(session, 3, id_in(Part.TRAINING)), 72)
    after = open_site().parts[Part.TEST]
    assert [case.name for case in after] == ["radiograph 1", "radiograph 2"]
    assert {case.patient for case in after} == {case.patient for case in before}


def test_a_renewed_split_tests_only_on_patients_who_arrive_afterwards(add: Callable[..., int]) -> None:
    old, new = id_in(Part.TEST), id_in(Part.TEST, "Q")
    elsewhere = {"patient_id_issuer": "another hospital"}
    with transaction() as session:
        # Her first radiograph came before, though a later revision of it and a second one came after.
        add(session, 1, old, superseded_at=NOON + 3 * HOUR)
        later = {"received_at": NOON + 3 * HOUR}
        read(session, add(session, 1, old, revision=2, **later), 60)
        read(session, add(session, 2, old, **later), 72)
        read(session, add(session, 3, new, **elsewhere, **later), 84)
        read(session, add(session, 4, id_in(Part.CALIBRATION)), 96)
    assert ages() == {Part.TEST: [60, 72, 84], Part.CALIBRATION: [96]}
    with transaction() as session:
        decide(session, Decision.NEW_SPLIT, 1)
    assert ages() == {Part.TRAINING: [60, 72], Part.TEST: [84], Part.CALIBRATION: [96]}
    with transaction() as session:
        decide(session, Decision.NEW_SPLIT, 4)
    assert ages() == {Part.TRAINING: [60, 72, 84], Part.CALIBRATION: [96]}


def test_without_patient_ids_each_study_is_a_patient_who_arrived_with_its_first_revision(
    add: Callable[..., int],
) -> None:
    numbers = (number for number in count(1) if part_of(pseudonym("study", f"1.2.{number}"), NOON, None) == "test")
    revised, other = next(numbers), next(numbers)
    with transaction() as session:
        decide(session, Decision.NEW_SPLIT, 1)
        later = {"received_at": NOON + 2 * HOUR}
        add(session, revised, None, superseded_at=NOON + 2 * HOUR)
        read(session, add(session, revised, "", revision=2, patient_id_issuer=None, **later), 60)
        read(session, add(session, other, None, **later), 72)
    assert ages() == {Part.TRAINING: [60], Part.TEST: [72]}


def test_what_came_under_another_patients_id_before_does_not_judge(add: Callable[..., int]) -> None:
    with transaction() as session:
        for number, part in enumerate((Part.TEST, Part.TRAINING), start=1):
            add(session, number, f"mistaken {number}", superseded_at=NOON)
            read(session, add(session, number, id_in(part), revision=2), 60)
        read(session, add(session, 3, id_in(Part.TEST, "Q")), 72)
    assert ages() == {Part.TRAINING: [60], Part.TEST: [72]}
    assert open_site().counts.left_out == {NOT_COUNTED: 1}


def test_nobody_judges_of_whom_a_radiograph_was_another_patients(add: Callable[..., int]) -> None:
    """As whom it was learned from nobody knows, and so whether she was."""
    with transaction() as session:
        add(session, 1, id_in(Part.TRAINING), superseded_at=NOON)
        read(session, add(session, 1, id_in(Part.TEST), revision=2), 60)
        read(session, add(session, 2, id_in(Part.TEST)), 72)
        read(session, add(session, 3, id_in(Part.TEST, "Q")), 84)
    assert ages() == {Part.TEST: [84]}


def test_another_issuer_moves_nobody(add: Callable[..., int]) -> None:
    with transaction() as session:
        for number, issuer in enumerate(("local", "sent from now on", None), start=1):
            read(session, add(session, number, id_in(Part.TRAINING), patient_id_issuer=issuer), 60)
    assert ages() == {Part.TRAINING: [60, 60, 60]}
    assert len({case.patient for case in open_site().parts[Part.TRAINING]}) == 1


def test_the_images_of_a_study_without_patient_id_stay_together(add: Callable[..., int]) -> None:
    with transaction() as session:
        for number in range(1, 9):
            read(session, add(session, number, None, study_instance_uid=f"1.9.{number % 2}"), 60)
    assert sorted(len(cases) for cases in open_site().parts.values() if cases) in ([4, 4], [8])


def test_what_cannot_be_used_is_left_out_with_its_reason_and_stops_nothing(
    add: Callable[..., int], carpus_env: CarpusEnvironment
) -> None:
    with transaction() as session:
        read(session, add(session, 1, id_in(Part.TRAINING)), 60)
        read(session, add(session, 2, id_in(Part.TRAINING)), 241)
        read(session, add(session, 3, id_in(Part.TEST)), 270)
        read(session, add(session, 4, id_in(Part.TRAINING)), 60)
        twin = {"standard_sha256": kept(carpus_env.store, 1)}  # of the same picture, under another patient's ID
        read(session, add(session, 5, id_in(Part.TEST), **twin), 60)
        read(session, add(session, 6, id_in(Part.TRAINING), **twin), 72)  # twice of the same patient
    (carpus_env.store / "standard/4.npy").unlink()
    assert ages() == {Part.TRAINING: [60, 72]}
    assert open_site().counts.left_out == {TOO_OLD: 2, NOT_THERE: 1, TWINS: 1}


def test_uses_and_new_reads_are_counted_since_the_last_decisions(add: Callable[..., int]) -> None:
    def counted() -> tuple[int, int, int]:
        counts = open_site().counts
        return counts.uses, counts.new_reads, counts.last_read_id

    assert counted() == (0, 0, 0)
    with transaction() as session:
        first = add(session, 1, id_in(Part.TRAINING))
        for hour in range(3):
            read(session, first, 60, hour)  # of which the last stands
        read(session, first, 60, reader=DRAWN_READER)
        read(session, add(session, 2, id_in(Part.TEST)), 60)  # teaches nothing
    assert counted() == (0, 1, 5)
    with transaction() as session:
        decide(session, Decision.REFRESHED, last_read_id=2)
        decide(session, Decision.NOT_ENOUGH_DATA, last_read_id=3)  # judged no candidate
    assert counted() == (1, 1, 5)
    with transaction() as session:
        candidate = add_model_version(session)
        session.add(
            ModelDecision(decision=Decision.NOT_ENOUGH_DATA, model_version_id=candidate, figures={"last_read_id": 3})
        )
    assert counted() == (2, 0, 5), "a candidate that could not be judged was asked about the test reads all the same"
    with transaction() as session:
        decide(session, Decision.REFUSED, last_read_id=3)
        decide(session, Decision.NEW_SPLIT)
    assert counted() == (0, 0, 5)
    with transaction() as session:
        read(session, first, 60, 4)  # the sixth row
        decide(session, Decision.PROMOTED)
    assert counted() == (0, 1, 6)


@pytest.mark.usefixtures("carpus_env")
def test_nothing_can_be_written_and_all_is_of_one_moment() -> None:
    modes = []

    def ask(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        if statement.startswith("SELECT"):
            raw = cursor.connection
            modes.append([raw.execute(f"SHOW transaction_{name}").fetchone()[0] for name in ("read_only", "isolation")])

    event.listen(engine(), "before_cursor_execute", ask)
    assert not any(open_site().parts.values())
    assert modes
    assert all(mode == ["on", "repeatable read"] for mode in modes)


def test_a_hand_that_the_demonstration_drew_is_none_of_the_site(add: Callable[..., int]) -> None:
    with transaction() as session:
        read(session, add(session, 1, id_in(Part.TEST)), 60, reader=DRAWN_READER)
    assert not ages()
    assert open_site().counts.last_read_id == 0
    with transaction() as session:
        assert session.execute(text("SELECT is_counted FROM reads")).scalar_one()
