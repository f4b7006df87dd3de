"""The figures of predictions against values worked out without the module, by hand and on real radiographs."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist, correlation, fmean, stdev, variance

import numpy as np
import pytest
from typer.testing import CliRunner

from db.vocabulary import Sex
from training.__main__ import app
from training.analysis import Errors, analyse, weighted_kappa
from training.predictions import Predictions, load

Pairs = list[tuple[float, float]]


def of(*pairs: tuple[float, float], is_male: bool = False) -> Predictions:
    reference, predicted = np.array(pairs, np.float64).reshape(-1, 2).T
    return Predictions("mine", reference, predicted, np.full(len(pairs), is_male))


def test_figures_of_four_radiographs_are_those_worked_out_by_hand() -> None:
    figures = Errors(of((100, 104), (110, 105), (120, 135), (130, 114))).figures  # off by 4, -5, 15, -16
    assert {name: figure.value for name, figure in figures.items()} == pytest.approx(
        {
            "mae": 10,
            "rmse": math.sqrt((16 + 25 + 225 + 256) / 4),
            "r2": 1 - 522 / 500,  # squares about the mean of 115: 225 + 25 + 25 + 225
            "mean_error": -0.5,
            "within_12": 0.5,
            "under_5": 0.25,
            "from_5_to_15": 0.5,
            "over_15": 0.25,
        }
    )


def test_stages_of_five_radiographs_are_those_worked_out_by_hand() -> None:
    errors = Errors(of((60, 60), (119.9, 120), (150, 215.9), (216, 200), (230, 230)))
    assert errors.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 1]]
    found = {name: figure.value for name, figure in errors.stage_figures.items()}
    # Disagreements are one stage each: 2 of 5. By chance: rows 2, 1, 2 times columns 1, 3, 1, over 5.
    by_chance = (2 * 3 + 4 * 2 * 1 + 1 * 1 + 1 * 1 + 4 * 2 * 1 + 2 * 3) / 5
    expected = {"accuracy": 0.6, "kappa": 1 - 2 / by_chance, "recall_child": 0.5, "recall_adolescent": 1}
    assert found == pytest.approx(expected | {"recall_adult": 0.5})


def test_the_interval_is_that_of_a_mean_of_coin_tosses() -> None:
    figure = Errors(of(*[(100, 100), (100, 102)] * 200)).figures["mae"]  # mean 1, SD 1: 95% within 1.96 / sqrt(400)
    assert (figure.low, figure.high) == pytest.approx((0.902, 1.098), abs=0.015)


def test_several_radiographs_of_a_patient_count_as_one() -> None:
    pairs = [(100, 100), (100, 102), (150, 149), (200, 215), (60, 62)]
    alone = Errors(of(*pairs))
    thrice = Errors(replace(of(*[one for one in pairs for _ in range(3)]), patients=np.repeat(np.arange(5), 3)))
    assert thrice.radiographs == 15
    for figures, others in ((alone.figures, thrice.figures), (alone.stage_figures, thrice.stage_figures)):
        assert {name: vars(one) for name, one in others.items()} == {
            name: pytest.approx(vars(one), nan_ok=True) for name, one in figures.items()
        }


def test_a_fraction_has_wilsons_interval_also_where_all_are_right() -> None:
    figure = Errors(of(*[(60, 60)] * 10)).figures["within_12"]
    z_squared = 1.959964**2  # of n of n: n / (n + z²) to 1
    assert (figure.value, figure.low, figure.high) == pytest.approx((1, 10 / (10 + z_squared), 1))


def test_of_agreement_kappa_is_one_and_of_chance_zero() -> None:
    assert weighted_kappa(np.diag([3.0, 2.0, 1.0])) == 1
    assert weighted_kappa(np.full((3, 3), 2.0)) == 0
    assert math.isnan(weighted_kappa(np.diag([3.0, 0.0, 0.0])))


def test_nothing_is_known_of_nobody_and_no_r2_of_one() -> None:
    analysis = analyse(of((60, 66)))
    assert analysis.overall.figures["mae"].value == 6
    assert math.isnan(analysis.overall.figures["mae"].low)
    assert math.isnan(analysis.overall.figures["r2"].value)
    assert analysis.by_sex[Sex.MALE].radiographs == 0
    assert math.isnan(analysis.by_sex[Sex.MALE].figures["mae"].value)
    assert math.isnan(analysis.gap["mae"].value)
    assert [target.is_met for target in analysis.targets] == [None, True, None, None, None]
    assert [target.is_proven for target in analysis.targets] == [None, False, None, None, None]


def real(shared_data: Path, model: str) -> dict[str, Pairs]:
    """Read reference and prediction of the real radiographs by sex, without the module."""
    with (shared_data / "reference_predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        sex: [
            (float(row["reference_bone_age_months"]), float(row[f"{model}_bone_age_months"]))
            for row in rows
            if row["sex"] == sex
        ]
        for sex in ("F", "M")
    }


def mae(pairs: Pairs) -> float:
    return fmean(abs(predicted - reference) for reference, predicted in pairs)


def rmse(pairs: Pairs) -> float:
    return math.sqrt(fmean((predicted - reference) ** 2 for reference, predicted in pairs))


def r2(pairs: Pairs) -> float:
    references = [reference for reference, _ in pairs]
    return 1 - rmse(pairs) ** 2 * len(pairs) / (variance(references) * (len(pairs) - 1))


def within_a_year(pairs: Pairs) -> float:
    return fmean(abs(predicted - reference) <= 12 for reference, predicted in pairs)


def kappa(pairs: Pairs) -> float:
    """Quadratic weighted kappa as a correlation of stages, corrected for their means and spreads."""
    one, other = (
        [float((months >= 120) + (months >= 216)) for months in values] for values in zip(*pairs, strict=True)
    )
    spreads = [variance(values) * (len(values) - 1) / len(values) for values in (one, other)]
    covariance = correlation(one, other) * math.sqrt(spreads[0] * spreads[1])
    return 2 * covariance / (sum(spreads) + (fmean(one) - fmean(other)) ** 2)


@pytest.mark.parametrize("number", [0, 1])
def test_on_real_radiographs_they_are_what_others_make_of_them(shared_data: Path, number: int) -> None:
    analysis = analyse(load(shared_data / "reference_predictions.csv")[number])
    assert analysis.name == ("xception_500", "densenet169_500")[number]
    by_sex = real(shared_data, analysis.name)
    groups = {None: by_sex["F"] + by_sex["M"], Sex.FEMALE: by_sex["F"], Sex.MALE: by_sex["M"]}
    assert len(groups[None]) == 2135
    for sex, pairs in groups.items():
        errors = analysis.by_sex[sex] if sex else analysis.overall
        expected = {"mae": mae(pairs), "rmse": rmse(pairs), "r2": r2(pairs), "within_12": within_a_year(pairs)}
        assert {name: errors.figures[name].value for name in expected} == pytest.approx(expected, abs=1e-9)
        assert errors.stage_figures["kappa"].value == pytest.approx(kappa(pairs), abs=1e-9)
    girls, boys = ([abs(predicted - reference) for reference, predicted in by_sex[sex]] for sex in ("F", "M"))
    gap, half = fmean(girls) - fmean(boys), NormalDist().inv_cdf(0.975)
    half *= math.sqrt(stdev(girls) ** 2 / len(girls) + stdev(boys) ** 2 / len(boys))
    found = analysis.gap["mae"]
    assert found.value == pytest.approx(gap, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((gap - half, gap + half), abs=0.05)


def test_the_command_prints_them_and_writes_them_down(tmp_path: Path) -> None:
    path, written = tmp_path / "predictions.csv", tmp_path / "figures.json"
    rows = [f"{number},{'FM'[number % 2]},{number},{number + 3 * (number % 2)}" for number in range(24, 224, 2)]
    rows += [f"x{number},M,{number},{number + 3}" for number in range(24, 224, 2)]
    path.write_text("id,sex,reference_bone_age_months,mine_bone_age_months\n" + "\n".join(rows), encoding="utf-8")
    result = CliRunner().invoke(
        app, ["evaluate", "--predictions", str(path), "--output", str(written)], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    assert "1.50 (" in result.output
    assert "-3.00 (-3.00 to -3.00)" in result.output  # girls less boys
    (found,) = json.loads(written.read_text(encoding="utf-8"))["models"]
    assert found["overall"]["mae"]["value"] == 1.5
    assert found["by_age_band_months"]["0-35"]["radiographs"] == 12
    assert found["by_sex"]["F"]["mae"] == {"value": 0, "low": 0, "high": 0}
    assert {one["target"]: one["is_met"] for one in found["targets"]}["gap of the MAE under 2 months"] is False


def test_a_bundle_or_predictions_are_expected_and_not_both(tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path), "--predictions", str(tmp_path / "a.csv")]):
        result = CliRunner().invoke(app, ["evaluate", *arguments])
        assert result.exit_code == 2
        assert "either a BUNDLE or --predictions" in " ".join(result.output.split())
