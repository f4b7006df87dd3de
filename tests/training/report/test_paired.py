"""Bundles side by side: paired differences, ranks, costs, and one that gives stages only."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from db.vocabulary import Sex
from tests.training.report.answering import COST, HANDS, IMAGES, KnownEngine, bundle_in
from training.report import paired, paired_page, paired_text
from training.report.paired import Entrant
from training.survey import why_not_ours


@pytest.fixture
def entrants(tmp_path: Path) -> list[Entrant]:
    found = []
    for name, engine, note in (
        ("poor", KnownEngine(9.0), ""),
        ("stages", KnownEngine(gives_stages=True), ""),
        ("frozen", KnownEngine(1.0), "random weights, and only the head learned"),
        ("good", KnownEngine(2.0), ""),
    ):
        bundle = bundle_in(tmp_path / name, name, COST if name == "good" else None)
        found.append(paired.measure(bundle, engine, IMAGES, HANDS, note))
    return found


def test_the_best_comes_first_and_who_is_not_ranked_last(entrants: list[Entrant]) -> None:
    found = paired.compare(entrants)
    assert [(one.entrant.facts.card.name, one.rank) for one in found.rows] == [
        ("good", 1),
        ("poor", 2),
        ("frozen", None),
        ("stages", None),
    ]
    assert found.best == "good 0.0.1"
    differences = [one.mae_differences[None] for one in found.rows]
    assert math.isnan(differences[0].value)
    assert (differences[1].value, differences[1].low, differences[1].high) == pytest.approx((7, 7, 7))
    assert found.rows[2].mae_differences[Sex.FEMALE].value == pytest.approx(-1)
    assert math.isnan(differences[3].value)
    assert min(one.ms_ratio for one in found.rows) == 1


def test_differences_are_paired(entrants: list[Entrant]) -> None:
    """Two models with the same large spread of errors, one always a month worse: the difference is certain."""
    noise = np.abs(np.random.default_rng(1).normal(0, 20, len(HANDS)))
    for entrant, more in zip(entrants[::3], (0, 1), strict=True):
        entrant.predictions.predicted_months[:] = entrant.predictions.reference_months + noise + more
    found = paired.compare(entrants[::3])
    for figure in found.rows[1].mae_differences.values():
        assert (figure.value, figure.low, figure.high) == pytest.approx((1, 1, 1))


def test_the_page_and_the_screen_show_all_of_them(entrants: list[Entrant], tmp_path: Path) -> None:
    found = paired.compare(entrants)
    paired_page.write(found, "36 hands", [], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for words in ("random weights, and only the head learned", "gives stages, no bone age", "1 h 30 min", "2 cores"):
        assert words in page
    assert page.count("<svg") == 2
    console = Console(width=200, record=True, file=(tmp_path / "screen").open("w", encoding="utf-8"))
    console.print(paired_page.on_screen(found))
    assert "7.00 (7.00 to 7.00)" in console.export_text()
    console.file.close()
    written = json.loads(json.dumps(paired.as_json(found), allow_nan=False))
    assert [one["rank"] for one in written["bundles"]] == [1, 2, None, None]
    assert written["bundles"][3]["overall"]["stages"]["accuracy"]["value"] == 1
    assert written["bundles"][0]["training_cost"]["ms_per_step"] == 80


def entrant(folder: Path, name: str, months_off: float, crop: str, note: str = "") -> Entrant:
    made = bundle_in(folder / name, name)
    preprocessing = made.card.preprocessing.model_copy(update={"crop": crop})
    card = made.card.model_copy(update={"preprocessing": preprocessing})
    return paired.measure(replace(made, card=card), KnownEngine(months_off), IMAGES, HANDS, note)


@pytest.mark.parametrize(
    ("best", "crop", "told"),
    [
        (5.0, "none", []),
        (3.0, "none", ["`other` is ahead of `carpus_xception` by 1.00 (1.00 to 1.00) months: at this size and after"]),
        (3.0, "hand", ["`other` is ahead of `carpus_xception` by 1.00 (1.00 to 1.00) months: it sees a crop of"]),
    ],
)
def test_where_our_network_is_not_the_best_the_reason_is_told(
    best: float, crop: str, told: list[str], tmp_path: Path
) -> None:
    entrants = [entrant(tmp_path, "carpus_xception", 4.0, "none"), entrant(tmp_path, "other", best, crop)]
    entrants += [entrant(tmp_path, "carpus_xception_crop", 2.0, "hand", "a variant")]
    found = why_not_ours(paired.compare(entrants))
    assert [one[: len(start)] for one, start in zip(found, told, strict=True)] == told
    if crop == "hand":
        assert found[0].endswith("On the same crop `carpus_xception` has 2.00 (2.00 to 2.00).")
    paired_text.write(paired.compare(entrants), "36 hands", [], found, tmp_path / "table.md")
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert all(f"- {one}\n" in written for one in found)
    assert "| – | `carpus_xception_crop` |" in written


def test_models_of_stages_alone_are_compared_without_a_best(entrants: list[Entrant], tmp_path: Path) -> None:
    found = paired.compare(entrants[1:2])
    assert found.best is None
    paired_page.write(found, "36 hands", [], tmp_path / "page.html")
    assert "<svg" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_other_radiographs_are_refused(entrants: list[Entrant], tmp_path: Path) -> None:
    other = paired.measure(bundle_in(tmp_path / "other", "other"), KnownEngine(), IMAGES[1:], HANDS[1:])
    with pytest.raises(ValueError, match=r"other .* was asked about other radiographs than poor"):
        paired.compare([entrants[0], other])
