"""The page of one model: everything in it, nothing fetched, and the same numbers as the JSON."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from db.vocabulary import CalibratedOn, Sex
from tests.training.report.answering import COST, HANDS, IMAGES, KnownEngine, bundle_in
from training.report import evaluation, history, plots
from training.report.evaluation import Evaluation
from training.report.history import HistoryError
from training.report.page import write_evaluation
from training.tables import on_screen
from worker.calibration import Calibration, Coverage, MeasuredCoverage, ResidualGroup

HISTORY = [{"epoch": 1, "loss": 2.5, "validation_mae_months": 20.0, "learning_rate": 0.001}, {"epoch": 2, "loss": None}]
VOID = {"meta", "link", "img", "br", "hr", "input", "path", "use", "rect", "circle"}


class Page(HTMLParser):
    """Collects what a page consists of, and fails where an element is not closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.headings, self.fetched = text, list[str](), list[str]()
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.fetched += [value or "" for name, value in attributes if name in {"src", "href", "srcset"}]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)


def page_of(found: Evaluation, path: Path) -> Page:
    write_evaluation([found], "36 hands", ["Drawn."], path)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    bundle = bundle_in(tmp_path_factory.mktemp("bundles") / "narrow", cost=COST)
    (bundle.folder / "history.json").write_text(json.dumps(HISTORY), encoding="utf-8")
    return evaluation.of_bundle(bundle, KnownEngine(3.0), IMAGES, HANDS, stressed=16)


@pytest.fixture(scope="module")
def page(found: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(found, tmp_path_factory.mktemp("pages") / "page.html")


def test_a_bundles_page_has_every_chapter_and_fetches_nothing(page: Page) -> None:
    assert page.headings == [
        "Published targets",
        "The model",
        "Predicted and reference bone age",
        "Girls and boys",
        "Age groups",
        "Stages",
        "Clinically significant errors",
        "The most difficult radiographs",
        "Stress table",
        "Training history",
        "How the figures are made",
    ]
    assert {one.partition(":")[0] for one in page.fetched if not one.startswith("#")} == {"data"}
    assert not re.search(r"url\((?!#)|@import", page.text)
    assert page.text.count("<svg") == 6
    assert "hand &lt;35&gt;" in page.text  # a name is text, whatever it holds
    assert "hand <35>" not in page.text
    assert "has learned nothing" in page.text
    assert "1 h 30 min for 8 epochs on 2 cores, 80 ms a step, at most 2,000.0 MB of memory" in page.text


def test_the_same_figures_give_the_same_plot(found: Evaluation) -> None:
    assert plots.training_history(found.history) == plots.training_history(found.history)


def test_the_json_says_what_the_page_says(found: Evaluation) -> None:
    written = json.loads(json.dumps(evaluation.as_json(found), allow_nan=False))
    assert written["overall"]["mae"] == pytest.approx({"value": 3, "low": 3, "high": 3})
    assert written["bland_altman"]["bias"]["value"] == pytest.approx(3)
    errors = written["clinically_significant_errors"]
    # In the table are 15 girls of 14, 26 … 182 months (it ends at 192) and 16 boys of 20, 32 … 200 (it ends at 204).
    assert (errors["overall"]["judged"], errors["without_chronological_age"], errors["outside_table"]) == (31, 0, 5)
    assert written["bundle"]["training_cost"]["initial_weights"] == "none"
    assert written["bundle"]["bundle_bytes"] > 1000
    assert written["history"][1] == {"epoch": 2, "loss": None, "validation_mae_months": None, "learning_rate": None}
    assert len(written["stress"]["variants"]) == 33
    assert written["stress"]["radiographs"] == 16


def test_the_intervals_of_a_calibrated_bundle_are_tried_on_these_radiographs(tmp_path: Path) -> None:
    """Girls' intervals reach 2.5 months, boys' 3.5, and every answer is 3 too high."""
    groups = tuple(
        ResidualGroup(
            sex=sex,
            from_months=0,
            to_months=300,
            cases=500,
            half_width_months=width,
            residual_quantiles_months=(-width, width),
        )
        for sex, width in (("F", 2.5), ("M", 3.5))
    )
    measured = MeasuredCoverage(test="others", overall=Coverage(cases=500, covered=0.9, low=0.87, high=0.92), by_sex={})
    calibration = Calibration(
        calibrated_on=CalibratedOn.DRAWN_HANDS, data="drawn hands", cases=1000, groups=groups, coverage=measured
    )
    bundle = bundle_in(tmp_path / "narrow")
    card = bundle.card.model_copy(update={"calibration": calibration})
    found = evaluation.of_bundle(replace(bundle, card=card), KnownEngine(3.0), IMAGES, HANDS, stressed=0)
    written = json.loads(json.dumps(evaluation.as_json(found), allow_nan=False))["interval_coverage"]
    assert {sex: share["covered"]["value"] for sex, share in written["by_sex"].items()} == {"F": 0, "M": 1}
    assert (written["overall"]["covered"]["value"], written["caveat"]) == (0.5, "not calibrated on radiographs")
    shown = page_of(found, tmp_path / "page.html")
    assert "Intervals" in shown.headings
    assert shown.text.count("not calibrated on radiographs") == 2


def test_the_gallery_shows_three_of_each_age_group_the_worst_first(tmp_path: Path) -> None:
    class Worse(KnownEngine):
        def predict(self, image: np.ndarray, sex: np.ndarray) -> object:
            answered = super().predict(image, sex)
            answered.bone_age_months *= 1.1  # the older, the worse
            return answered

    shown = evaluation.of_bundle(bundle_in(tmp_path / "narrow"), Worse(), IMAGES, HANDS, stressed=0).gallery
    oldest = [one for one in shown if one.band == "120-167"]
    assert [one.reference_months for one in oldest] == [162, 156, 150]
    assert [one.sex for one in oldest] == [Sex.MALE, Sex.FEMALE, Sex.MALE]
    assert oldest[0].answer == "178.2 months (+16.2)"
    assert oldest[0].difficulty == pytest.approx(16.2, abs=0.01)
    assert all(one.picture.startswith("data:image/jpeg;base64,") and one.overlay != one.picture for one in shown)


def test_a_model_of_stages_has_stages_and_no_months(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "narrow")
    staged = evaluation.of_bundle(bundle, KnownEngine(6.0, gives_stages=True), IMAGES, HANDS, stressed=12)
    page = page_of(staged, tmp_path / "page.html")
    assert page.headings == ["The model", "Stages", "The most difficult radiographs", "How the figures are made"]
    written = json.loads(json.dumps(evaluation.as_json(staged), allow_nan=False))
    assert written["overall"]["mae"] is None
    assert written["overall"]["within_12"] is None
    assert written["targets"] == []
    assert written["stress"] is None
    # 6 months too high, 114 and 210 fall into the next stage: one child of 18, one adolescent of 16, no adult of 2.
    assert written["overall"]["stages"]["confusion"] == [[17, 1, 0], [0, 15, 1], [0, 0, 2]]
    assert [one["difficulty"] for one in written["most_difficult"] if one["band"] == "168-215"] == [1, 0, 0]


def test_a_network_that_came_to_nothing_has_a_page_too(tmp_path: Path) -> None:
    found = evaluation.of_bundle(bundle_in(tmp_path / "narrow"), KnownEngine(np.nan), IMAGES, HANDS, stressed=12)
    page = page_of(found, tmp_path / "page.html")
    assert "no bone age for some radiographs" in page.text
    Console(file=StringIO()).print(on_screen(found.analysis))
    assert json.loads(json.dumps(evaluation.as_json(found), allow_nan=False))["overall"]["mae"] is None


def test_a_history_beside_the_bundle_is_read_and_a_malformed_one_named(tmp_path: Path) -> None:
    folder = tmp_path / "narrow"
    folder.mkdir()
    assert history.load(folder) == ()
    (tmp_path / "narrow.history.json").write_text(json.dumps(HISTORY), encoding="utf-8")
    assert [epoch.loss for epoch in history.load(folder)] == [2.5, None]
    (folder / "history.json").write_text('[{"epoch": -1}]', encoding="utf-8")
    with pytest.raises(HistoryError, match=r"history\.json: expected a list of epochs"):
        history.load(folder)
