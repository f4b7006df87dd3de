"""Learning rates and stops, worked out by hand from histories."""

from pathlib import Path
from typing import Any

import pytest

from training import recipe
from training.checkpoint import read_history, write_history
from training.fitting import FitRecipe
from training.schedule import EpochResult, best, learning_rate, should_stop


def fit(*changes: str) -> FitRecipe:
    plain = ["fit.optimizer={name='adam', learning_rate=0.1}", "fit.phases=[{epochs=10}]", "fit.schedule={}"]
    return recipe.load("starter", [*plain, *changes]).fit


def history(*validation_losses: float, **facts: Any) -> list[EpochResult]:
    known = {"loss": 1.0, "validation_mae_months": None, "learning_rate": 0.1, "seconds": 30.0, "ms_per_step": 1.0}
    return [
        EpochResult(epoch=number, validation_loss=loss, **(known | facts))
        for number, loss in enumerate(validation_losses, start=1)
    ]


def test_the_rate_rises_in_a_line_and_then_falls_along_a_cosine() -> None:
    cosine = fit("fit.schedule={name='cosine', warm_up_epochs=2.0}")
    assert learning_rate(cosine, [], 0.5) == pytest.approx(0.025)
    assert learning_rate(cosine, history(1), 0.5) == pytest.approx(0.075)
    assert learning_rate(cosine, history(1, 1), 0.0) == pytest.approx(0.1)
    assert learning_rate(cosine, history(*[1] * 6), 0.0) == pytest.approx(0.05)  # half of the eight that are left
    assert learning_rate(cosine, history(*[1] * 9), 1.0) == pytest.approx(0)


def test_a_constant_rate_stays() -> None:
    assert {learning_rate(fit(), history(*[3] * epochs), 0.5) for epochs in range(5)} == {0.1}


def test_on_a_plateau_the_rate_falls_after_each_time_of_patience() -> None:
    plateau = fit("fit.schedule={name='plateau', factor=0.5, patience_epochs=2}")
    rates = [learning_rate(plateau, history(*[5, 4, 4, 4, 6, 6, 3, 3][:epochs]), 0) for epochs in range(9)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025])


def test_a_run_ends_with_its_last_epoch() -> None:
    assert not should_stop(fit(), history(*[1] * 9))
    assert should_stop(fit(), history(*[1] * 10))


def test_a_run_ends_when_patience_does() -> None:
    patient = fit("fit.stopping={patience_epochs=2}")
    assert not should_stop(patient, [])
    assert [should_stop(patient, history(*[5, 4, 4, 3, 3, 3][:epochs])) for epochs in range(1, 7)] == [False] * 5 + [
        True
    ]


def test_a_run_ends_when_the_threshold_was_held() -> None:
    held = fit("fit.stopping={held_loss=1.0, held_epochs=2}")
    assert not should_stop(held, history(0.9))
    assert not should_stop(held, history(0.9, 1.1, 1.0))
    assert should_stop(held, history(0.9, 1.1, 1.0, 0.8))


def test_a_run_ends_when_its_time_is_up() -> None:
    short = fit("fit.stopping={minutes=1.5}")
    assert not should_stop(short, history(1, 1))
    assert should_stop(short, history(1, 1, 1))


def test_the_best_epoch_is_the_first_of_the_least_and_never_one_that_broke() -> None:
    assert best([3, 1, 1, 2]) == 1
    assert best([float("nan"), 5]) == 1
    assert should_stop(fit("fit.stopping={patience_epochs=1}"), history(1, float("nan")))


def test_a_history_with_an_epoch_that_broke_is_read_back(tmp_path: Path) -> None:
    broken = history(1, float("nan"))
    write_history(broken, tmp_path / "history.json")
    found = read_history(tmp_path / "history.json")
    assert [one.epoch for one in found] == [1, 2]
    assert found[1].validation_loss != found[1].validation_loss
    assert found[0] == broken[0]
