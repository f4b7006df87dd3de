"""A site's correction in the registry: one current row a version, and the way from the engine to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import NoResultFound

from db.session import transaction
from db.tables import SiteCalibration
from db.vocabulary import Sex
from tests.conftest import CarpusEnvironment
from tests.narrow_bundle import card
from tests.rows import add_model_version
from training.calibrate import CalibrationError
from training.cases import Case
from training.commands import site_calibration as command
from training.predictions import Predictions
from training.site_calibration import Fitted, fit
from training.site_record import keep
from worker import correction
from worker.bundle import Bundle
from worker.engines import Float32
from worker.engines import Predictions as EnginePredictions


def _fitted(girls_shift_months: float, each: int = 230) -> Fitted:
    rng = np.random.default_rng(7)
    predicted, is_male = rng.uniform(20, 220, 2 * each), np.arange(2 * each) >= each
    reference = predicted + rng.normal(0, 8, 2 * each) + np.where(is_male, 0, girls_shift_months)
    return fit(Predictions("mine 1.0.0", reference, predicted, is_male))


def _rows() -> list[SiteCalibration]:
    with transaction() as session:
        return list(session.scalars(select(SiteCalibration).order_by(SiteCalibration.id)))


@pytest.fixture
def version(carpus_env: CarpusEnvironment) -> int:
    with transaction() as session:
        return add_model_version(session)


def test_what_is_kept_is_what_the_worker_reads(version: int) -> None:
    fitted = _fitted(6)
    with transaction() as session:
        row = keep(session, version, fitted)
    with transaction() as session:
        found = correction.of_version(session, version)
    assert found == correction.SiteCalibration(row, fitted.correction, fitted.calibration)
    assert list(found.correction.root) == ["F"]
    assert found.calibration is not None
    assert _rows()[0].figures == fitted.figures


def test_a_later_one_retires_the_former_and_leaves_other_versions_alone(version: int) -> None:
    with transaction() as session:
        other = add_model_version(session, "b" * 64)
        kept = [keep(session, one, _fitted(6)) for one in (other, version, version)]
    assert [(row.id, row.model_version_id, row.retired_at is None) for row in _rows()] == [
        (kept[0], other, True),
        (kept[1], version, False),
        (kept[2], version, True),
    ]


def test_one_that_corrects_nothing_takes_its_place_and_says_why(version: int) -> None:
    with transaction() as session:
        keep(session, version, _fitted(6))
        keep(session, version, _fitted(0, each=60))
    with transaction() as session:
        assert correction.of_version(session, version) is None
        assert session.scalar(text("SELECT count(*) FROM site_calibration WHERE calibration IS NULL")) == 1
    former, current = _rows()
    assert former.retired_at is not None
    assert (current.correction, current.calibration, current.retired_at) == ({}, None, None)
    assert current.figures["by_sex"]["F"]["why_not"] == ["60 radiographs, expected 100 or more"]


def test_where_it_fails_the_former_one_stays(version: int) -> None:
    with transaction() as session:
        keep(session, version, _fitted(6))
    with pytest.raises(ZeroDivisionError), transaction() as session:
        keep(session, version, _fitted(0))
        raise ZeroDivisionError
    (row,) = _rows()
    assert row.retired_at is None
    with pytest.raises(NoResultFound), transaction() as session:
        keep(session, version + 1, _fitted(0))


class _Engine:
    """Answers what the picture's first pixel says, in months."""

    def warm_up(self) -> None:
        raise AssertionError("nothing is warmed up here")

    def predict(self, image: Float32, sex: Float32) -> EnginePredictions:
        months = (image[:, 0, 0, 0] * 255).astype(np.float32)
        return EnginePredictions(months, months, months, np.zeros((len(image), 1, 1), np.float32), months[:, None])


class _NoPicture:
    def standard_radiograph(self, rows: int = 0) -> np.ndarray:
        raise AssertionError("the pictures are given")


def _cases(count: int) -> tuple[list[Case], np.ndarray]:
    """Return radiographs that the engine answers evenly from 40 to 200 months; girls' reads are 12 months more."""
    months = np.linspace(40, 200, count).round().astype(np.uint8)
    sexes = [Sex.FEMALE if number % 2 else Sex.MALE for number in range(count)]
    noise = np.random.default_rng(2).normal(0, 5, count)
    cases = [
        Case(str(number), f"patient {number}", sex, float(one) + 12 * (sex is Sex.FEMALE) + off, None, _NoPicture())
        for number, (one, sex, off) in enumerate(zip(months, sexes, noise, strict=True))
    ]
    return cases, np.tile(months[:, np.newaxis, np.newaxis], (1, 4, 4))


def test_the_way_from_the_engine_to_the_row(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, images = _cases(240)
    monkeypatch.setattr(command, "asked", lambda checked, *_: (checked, _Engine(), images))
    bundle = Bundle(tmp_path, card(), "a" * 64)
    assert command.run(bundle, version, cases, tmp_path, is_dry=True) is None
    assert "narrow 0.0.1: linear correction" in capsys.readouterr().out
    assert _rows() == []
    kept = command.run(bundle, version, cases, tmp_path, is_dry=False)
    (row,) = _rows()
    assert (row.id, list(row.correction)) == (kept, ["F"])
    line = row.correction["F"]
    assert 120 * line["slope"] + line["intercept_months"] == pytest.approx(132, abs=2)


def test_a_network_that_answers_stages_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    stages = replace(Bundle(tmp_path, card(), "a" * 64), card=card().model_copy(update={"answers": "stages"}))
    with pytest.raises(CalibrationError, match=r"narrow 0\.0\.1: answers stages"):
        command.run(stages, 1, [], tmp_path, is_dry=False)
