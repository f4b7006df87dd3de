"""A worker loads what the registry says, takes up another version beside its work, and keeps what it has in trouble."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, update

from db import model_decisions, model_versions
from db.errors import BundleError
from db.model_decisions import Facts
from db.session import transaction
from db.tables import ModelDecision, ModelVersion, SiteCalibration
from db.vocabulary import ModelStatus
from tests.card_bundles import write_bundle
from tests.conftest import CarpusEnvironment
from tests.worker.working import wait_until
from training import registry
from worker import serving, settings
from worker.active import Active
from worker.bundle import NETWORK, Bundle
from worker.engines import Float32, Predictions
from worker.model_store import model_store


class _Engine:
    def warm_up(self) -> None:
        raise AssertionError("loading warms up, and no network is loaded here")

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        return Predictions(*(np.zeros((len(sex), 1, 1), np.float32) for _ in range(5)))


@pytest.fixture
def bundles(carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Bundle]]:
    """Three bundles, of which the first is that of the settings; loading one needs no TensorFlow."""
    made = [write_bundle(tmp_path / str(number), f"0.0.{number}") for number in (1, 2, 3)]
    monkeypatch.setenv("CARPUS_BUNDLE", str(made[0].folder))
    monkeypatch.setenv("CARPUS_MODEL_SECONDS", "0.05")
    monkeypatch.setattr(serving, "load", lambda checked: Active(checked, _Engine(), "test"))
    settings.worker.cache_clear()
    yield made
    if serving._following.cache_info().currsize:
        serving._following().end()
    serving._following.cache_clear()


def versions() -> tuple[str, str | None]:
    now = serving.serving()
    return now.active.bundle.card.version, now.shadow.bundle.card.version if now.shadow else None


def promoted(made: Bundle) -> None:
    registry.register(made.folder)
    registry.promote(made.digest, "a test")


def test_without_a_choice_the_bundle_of_the_settings_is_registered_and_active(bundles: list[Bundle]) -> None:
    assert versions() == ("0.0.1", None)
    assert model_store().fetch(bundles[0].digest).folder != bundles[0].folder
    with transaction() as session:
        row = session.scalars(select(ModelVersion)).one()
        assert (row.status, row.recipe) == (ModelStatus.ACTIVE, {"name": "none"})
        assert session.scalars(select(ModelDecision.decision)).all() == ["first"]


def test_a_choice_outlives_the_setting(bundles: list[Bundle]) -> None:
    promoted(bundles[1])
    assert versions() == ("0.0.2", None)


def test_a_promoted_version_and_a_shadow_are_taken_up_and_a_roll_back_too(bundles: list[Bundle]) -> None:
    serving.begin()
    first = serving.serving()
    promoted(bundles[1])
    wait_until(lambda: versions() == ("0.0.2", None), versions)
    assert first.active.bundle.card.version == "0.0.1", "whoever began by it finishes by it"
    registry.register(bundles[2].folder)
    registry.let_shadow("narrow 0.0.3")
    wait_until(lambda: versions() == ("0.0.2", "0.0.3"), versions)
    engine = serving.serving().active.engine
    registry.roll_back("a test")
    wait_until(lambda: versions() == ("0.0.1", "0.0.3"), versions)
    registry.promote("narrow 0.0.3", "a test")
    wait_until(lambda: versions() == ("0.0.3", None), versions)
    registry.roll_back("a test")
    wait_until(lambda: versions() == ("0.0.1", None), versions)
    assert serving.serving().active.engine is not engine


def test_a_shadow_that_is_promoted_keeps_its_engine(bundles: list[Bundle]) -> None:
    serving.begin()
    registry.register(bundles[1].folder)
    wait_until(lambda: versions() == ("0.0.1", None), versions)
    registry.let_shadow("narrow 0.0.2")
    wait_until(lambda: versions() == ("0.0.1", "0.0.2"), versions)
    shadow = serving.serving().shadow
    assert shadow is not None
    registry.promote("narrow 0.0.2", "a test")
    wait_until(lambda: versions() == ("0.0.2", None), versions)
    assert serving.serving().active.engine is shadow.engine


def test_what_the_site_corrects_is_taken_up_and_let_go(bundles: list[Bundle]) -> None:
    serving.begin()
    engine = serving.serving().active.engine

    def applied() -> float | None:
        site = serving.serving().active.site
        return site.correction.root["F"].intercept_months if site else None

    assert applied() is None
    for intercept_months in (6.0, 4.0, None):
        lines = {} if intercept_months is None else {"F": {"intercept_months": intercept_months, "slope": 1.0}}
        with transaction() as session:
            session.execute(update(SiteCalibration).values(retired_at=func.now()))
            session.add(SiteCalibration(model_version_id=1, correction=lines, figures={}))
        wait_until(lambda expected=intercept_months: applied() == expected, applied)  # type: ignore[misc]
    assert serving.serving().active.engine is engine


def test_a_version_that_cannot_be_loaded_leaves_the_one_before(
    bundles: list[Bundle], told: Callable[[], list[str]]
) -> None:
    serving.begin()
    promoted(bundles[1])
    wait_until(lambda: versions() == ("0.0.2", None), versions)
    registry.register(bundles[2].folder)
    kept = model_store().folder / bundles[2].digest / NETWORK
    whole = kept.read_bytes()
    kept.write_text("another network")
    with pytest.raises(BundleError, match=f"{NETWORK}: changed since export"):
        registry.promote("narrow 0.0.3", "a test")
    with transaction() as session:  # as on another machine, whose copy is whole
        model_decisions.promote(session, model_versions.find(session, "narrow 0.0.3"))
    wait_until(lambda: any(NETWORK in line for line in told()), told)
    assert versions() == ("0.0.2", None)
    kept.write_bytes(whole)
    wait_until(lambda: versions() == ("0.0.3", None), versions)


def test_a_shadow_that_cannot_be_loaded_stops_nobody(bundles: list[Bundle], told: Callable[[], list[str]]) -> None:
    with transaction() as session:
        model_decisions.let_shadow(session, model_decisions.register(session, Facts("lost", "1.0.0", "f" * 64, {})))
    assert versions() == ("0.0.1", None)
    assert any("shadow_not_loaded" in line and "ffffffffffff" in line for line in told())


def test_a_shadow_that_could_not_be_loaded_is_tried_again(bundles: list[Bundle], told: Callable[[], list[str]]) -> None:
    serving.begin()
    registry.register(bundles[1].folder)
    kept, away = model_store().folder / bundles[1].digest, model_store().folder / "away"
    kept.rename(away)
    with transaction() as session:
        model_decisions.let_shadow(session, model_versions.find(session, "narrow 0.0.2"))
    wait_until(lambda: any("shadow_not_loaded" in line for line in told()), told)
    away.rename(kept)
    wait_until(lambda: versions() == ("0.0.1", "0.0.2"), versions)
    assert sum("shadow_not_loaded" in line for line in told()) == 1


def test_a_store_that_is_not_mounted_is_waited_for(
    bundles: list[Bundle], carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = carpus_env.store / "objects"
    objects.rmdir()
    monkeypatch.setattr(serving, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(
        serving.logger, "warning", lambda *_, **told: objects.mkdir(exist_ok="objects" in told["reason"])
    )
    assert versions() == ("0.0.1", None)
    assert objects.is_dir()


def test_a_database_that_is_away_at_the_start_is_waited_for(
    bundles: list[Bundle], carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start_again(event: str, **_: str) -> None:
        assert event == "model_versions_not_known"
        if not carpus_env.servers.postgres.is_alive:
            carpus_env.servers.postgres.start()

    monkeypatch.setattr(serving, "_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(serving.logger, "warning", start_again)
    carpus_env.servers.postgres.stop()
    assert versions() == ("0.0.1", None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was logged, a line an event."""
    lines: list[str] = []
    for level in ("error", "exception", "warning"):
        monkeypatch.setattr(serving.logger, level, lambda event, **facts: lines.append(f"{event} {facts}"))
    return lambda: lines
