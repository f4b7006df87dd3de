"""A site's reads become a candidate, and the candidate the active version only where that is proven no worse."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text

from db import fault, model_versions
from db.errors import CarpusError, OutageError
from db.session import engine, transaction
from db.tables import ModelDecision, ModelVersion, SiteCalibration
from db.vocabulary import Sex
from tests.bars import bars
from tests.conftest import CarpusEnvironment
from tests.filled_site import draw_all, enter, girls_older, read_again
from tests.narrow_bundle import KERAS_ON_NUMPY_2
from training import fit, gate, recipe, registry
from training.cases import Part
from training.decision import Refreshed
from training.pairs import Pair
from training.refresh import refresh
from training.refreshing import RefreshRecipe
from training.served import answers
from training.site_split import part_of
from training.sources.site import open_site
from training.sources.source import pseudonym
from training.turns import FOLDER, RefreshError, alone
from worker.bundle import Bundle
from worker.model_store import model_store

pytestmark = KERAS_ON_NUMPY_2

ROOT = Path(__file__).parents[2]
SEEN = bars(0, 1500)
IS_LONG = os.environ.get("REFRESH") == "long"  # of `make refresh`
POINTS = ("refresh_begun", *(("refresh_fitted", "refresh_judged") if IS_LONG else ()), "refresh_uncommitted")
OF_BARS = (
    *("network.architecture='shallow'", "network.width=1.0", "head.dense_units=[32]", "fit.phases=[{epochs=12}]"),
    *("preprocessing.rows=32", "preprocessing.columns=32", "fit.batch_size=16"),
    # A bar is read by its size and grey: what would change these is left out, and nothing of it is hidden.
    *("augmentation.zoom_fraction=0.0", "augmentation.shift_fraction=0.0", "augmentation.rotation_degrees=0.0"),
    *("augmentation.blur_fraction=0.0", "augmentation.sharpening=0.0", "augmentation.hidden_fraction=0.0"),
    *("augmentation.brightness=0.1", "augmentation.contrast_fraction=0.2", "augmentation.gamma_octaves=0.6"),
    *("augmentation.mirrored_fraction=0.0", "augmentation.noise=0.03"),
    *("refresh.epochs=15", "refresh.learning_rate_factor=0.5"),
)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small model that has learned from bars."""
    numbers = {Part.TRAINING: 400, Part.VALIDATION: 50, Part.CALIBRATION: 500, Part.TEST: 100}
    parts = {part: bars(number * 10_000, count) for number, (part, count) in enumerate(numbers.items(), 1)}
    folder = tmp_path_factory.mktemp("parent")
    data = fit.Data(parts, "bars", are_radiographs=False)
    made = fit.fit(recipe.load("starter", OF_BARS), data, folder / "bundle", folder, processes=1)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store with 1,500 bars, and their digests."""
    store = tmp_path_factory.mktemp("stored")
    return store, draw_all(store, SEEN, rows=0)


@pytest.fixture
def site(carpus_env: CarpusEnvironment, parent: Bundle, stored: tuple[Path, list[str]]) -> Path:
    """1,500 radiographs whose reader takes girls for six months older, and a model that does not."""
    store, digests = stored
    shutil.copytree(store / "standard", carpus_env.store / "standard")
    enter(SEEN, digests, girls_older)
    _promote(parent)
    return carpus_env.store


def _promote(made: Bundle) -> None:
    registry.register(made.folder)
    registry.promote(made.digest, "a test")


def decisions() -> list[ModelDecision]:
    with transaction() as session:
        return list(session.scalars(select(ModelDecision).order_by(ModelDecision.id)))


def active() -> str:
    return registry.active()[1].digest


def by_name(refreshed: Refreshed) -> dict[str, Any]:
    return {one.name: one for one in refreshed.judgement.criteria}


def mae_of_girls(checked: Bundle, folder: Path) -> float:
    girls = [case for case in open_site().parts[Part.TEST] if case.sex is Sex.FEMALE]
    said = answers(checked, None, girls, folder).predictions
    return float(np.abs(said.predicted_months - said.reference_months).mean())


def test_a_site_s_standard_is_learned_and_a_candidate_of_shuffled_reads_is_refused(
    site: Path, parent: Bundle, tmp_path: Path
) -> None:
    done = refresh("none")
    assert done.judgement.verdict is gate.Verdict.PROMOTED, done.judgement.reasons
    _, made = registry.active()
    assert (made.card.name, made.card.version) == ("starter", "0.2.1")
    assert mae_of_girls(made, tmp_path) < mae_of_girls(parent, tmp_path)
    assert by_name(done)["mae"].difference.bound <= 0
    with transaction() as session:
        row = session.scalars(select(ModelVersion).where(ModelVersion.sha256 == made.digest)).one()
        assert (row.status, row.recipe["version"]) == ("active", "0.2.1")
        assert session.get_one(ModelVersion, row.parent_id).sha256 == parent.digest
    _assert_kept(done)
    assert not (site / FOLDER / "run").exists()
    again = refresh("none")
    assert again.judgement.verdict is gate.Verdict.NOT_ENOUGH_DATA
    assert again.judgement.reasons == ("0 of 100 new reads",)
    assert active() == made.digest
    _shuffle_what_is_learned_from()
    worse = refresh("none")
    assert worse.judgement.verdict is gate.Verdict.REFUSED
    assert active() == made.digest
    assert [one.decision for one in decisions()] == ["promoted", "refreshed", "not enough data", "refused"]
    refused = decisions()[-1]
    assert "mean absolute error" in refused.reasons[0].lower()
    assert refused.figures["criteria"][0]["is_met"] is False
    with transaction() as session:
        candidate = session.get_one(ModelVersion, refused.model_version_id)
        assert (candidate.status, candidate.version) == ("candidate", "0.2.2")
    _assert_kept(worse)


def _assert_kept(done: Refreshed) -> None:
    page = done.page.read_text(encoding="utf-8")
    kept = decisions()[-1]
    assert kept.id == done.decision_id
    assert model_store().folder / str(kept.report) == done.page
    assert "<svg" in page
    assert kept.figures["counts"]["new_reads"] >= 100
    assert kept.figures["rules"]["min_test_reads"] == 300
    assert sum(kept.figures["counts"]["radiographs"]["test"].values()) >= 300


def _shuffle_what_is_learned_from() -> None:
    """Let the reader read what training learns from once more, each as another radiograph's bone age."""
    with transaction() as session:
        rows = session.execute(
            text(
                "SELECT r.id, r.patient_id_issuer, r.patient_id, r.received_at, d.bone_age_months"
                " FROM radiograph AS r JOIN reference_read AS d ON d.radiograph_id = r.id ORDER BY r.id"
            )
        ).all()
    learned = [row for row in rows if _part(row) in {Part.TRAINING, Part.VALIDATION}]
    shuffled = np.random.default_rng(1).permutation([row.bone_age_months for row in learned])
    read_again([row.id for row in learned], shuffled.tolist())


def _part(row: Any) -> Part:
    return part_of(pseudonym("", row.patient_id), row.received_at, None)


class Killed(BaseException):
    """Ends a refresh where a process would be killed."""


def test_a_refresh_that_ends_anywhere_leaves_the_active_version_and_the_next_goes_on(
    site: Path, parent: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _rows()
    for point in POINTS:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(fault, "point", lambda name, wanted=point: _end(name == wanted))
            refresh("none")
        assert active() == parent.digest
        assert _rows() == before
    assert refresh("none").judgement.verdict is gate.Verdict.PROMOTED
    assert [one.decision for one in decisions()] == ["promoted", "refreshed"]
    assert active() != parent.digest


def _end(is_here: bool) -> None:
    if is_here:
        raise Killed


def _rows() -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text("SELECT * FROM model_versions ORDER BY 1"))]


def test_a_process_that_is_killed_holds_no_lock(site: Path, parent: Bundle, tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    (faults / "refresh_begun").write_text("")
    environment = os.environ | {"CARPUS_FAULTS": str(faults), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "training", "refresh", "--base", "none"], env=environment, check=False
    )
    assert ended.returncode == -SIGKILL
    assert active() == parent.digest
    with engine().connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 0


def test_only_one_refresh_runs_at_a_time_and_a_lost_lock_is_noticed(site: Path) -> None:
    with alone() as is_alone:
        with pytest.raises(RefreshError, match="another refresh or site calibration is running"):
            refresh("none")
        is_alone()
        with engine().connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
        with pytest.raises(OutageError, match="the lock with it"):
            is_alone()
    assert [one.decision for one in decisions()] == ["promoted"], "whoever waits has decided nothing"


def test_what_else_is_in_the_work_folder_stays(carpus_env: CarpusEnvironment, parent: Bundle, tmp_path: Path) -> None:
    _promote(parent)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    assert refresh("none", tmp_path / "mine").judgement.verdict is gate.Verdict.NOT_ENOUGH_DATA
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"


def test_a_site_calibration_that_is_kept_meanwhile_stops_the_promotion_and_the_decision_says_so(
    site: Path, parent: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep_another(point: str) -> None:
        if point == "refresh_judged":
            with transaction() as session:
                version = model_versions.active(session).id
                session.add(SiteCalibration(model_version_id=version, correction={}, figures={}))

    monkeypatch.setattr(fault, "point", keep_another)
    with pytest.raises(RefreshError, match="another site calibration kept"):
        refresh("none")
    assert active() == parent.digest
    assert [one.decision for one in decisions()] == ["promoted", "failed"]
    assert "another site calibration kept" in decisions()[-1].reasons[0]


@pytest.mark.parametrize(
    ("base", "reason"), [("database", "cannot be the database itself"), ("x", "expected phantoms")]
)
def test_a_base_that_cannot_be_is_refused_in_a_row(site: Path, base: str, reason: str) -> None:
    with pytest.raises(CarpusError, match=reason):
        refresh(base)
    assert reason in decisions()[-1].reasons[0]


def test_an_equal_candidate_is_never_refused_by_noise(site: Path, parent: Bundle, tmp_path: Path) -> None:
    cases = open_site().parts[Part.TEST]
    first, rules = answers(parent, None, cases, tmp_path), RefreshRecipe()
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(cases))
        otherwise = answers(parent, None, [cases[place] for place in order], tmp_path / "again")
        said, covered = np.empty(len(cases)), np.empty(len(cases), np.bool_)
        assert otherwise.is_covered is not None
        said[order], covered[order] = otherwise.predictions.predicted_months, otherwise.is_covered
        equal = gate.Answers(replace(first.predictions, predicted_months=said), covered)
        judgement = gate.judge(Pair(first, equal), Pair(first, equal), rules, seed)
        assert judgement.verdict is gate.Verdict.PROMOTED, (seed, judgement.reasons)


def test_with_too_few_reads_nothing_is_fitted(
    carpus_env: CarpusEnvironment, parent: Bundle, stored: tuple[Path, list[str]]
) -> None:
    enter(SEEN[:120], stored[1][:120], girls_older)
    _promote(parent)
    done = refresh("none")
    assert done.judgement.verdict is gate.Verdict.NOT_ENOUGH_DATA
    assert done.judgement.reasons[0].endswith("of 300 test reads")
    assert "not enough data" in done.page.read_text(encoding="utf-8")
    (_, kept) = decisions()
    assert (kept.decision, kept.reasons) == ("not enough data", list(done.judgement.reasons))
    assert kept.model_version_id is None
    assert active() == parent.digest


def test_after_ten_uses_the_split_is_renewed(site: Path, parent: Bundle) -> None:
    with transaction() as session:
        session.add_all(ModelDecision(decision="refused", figures={"last_read_id": 0}) for _ in range(10))
    done = refresh("none")
    assert done.judgement.reasons[0] == "0 of 300 test reads"
    assert [one.decision for one in decisions()][-2:] == ["new split", "not enough data"]
    assert len(open_site().parts[Part.TEST]) == 0
