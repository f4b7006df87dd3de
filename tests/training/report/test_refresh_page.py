"""The page of a refresh: the verdict and all its figures, nothing fetched; also where there was no candidate."""

import math
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from db.vocabulary import Sex
from tests.training.report.test_page import Page as Parsed
from training.gate import Answers, Judgement, Pair, Verdict, enough, judge
from training.predictions import Predictions
from training.refreshing import RefreshRecipe
from training.report import refresh_plots
from training.report.refresh import Page, figures_by_sex, html, write
from training.report.refresh_text import cells, on_screen

RULES = RefreshRecipe()
COUNTS = {"test reads": "200", "new reads": "140", "use of this split": "3 of 10"}
TITLE = "Refresh: starter 0.1.1 → candidate <0.1.2>"
AGES = np.tile([30.0, 100.0, 140.0, 200.0], 50)
IS_MALE = np.arange(200) // 4 % 2 == 1


def pair(active: float, candidate: float, *, is_covered: bool | None = None) -> Pair:
    """Return answers that are off by so many months, girls' too high and boys' too low."""
    covered = None if is_covered is None else np.full(200, is_covered)
    sign = np.where(IS_MALE, -1, 1)
    return Pair(
        *(Answers(Predictions("starter", AGES, AGES + sign * off, IS_MALE), covered) for off in (active, candidate))
    )


def judged(site: Pair, base: Pair | None = None) -> Page:
    return Page(TITLE, judge(site, base, RULES), COUNTS, {"Active version": "starter 0.1.1"}, site, base)


def printed(judgement: Judgement) -> str:
    console = Console(file=StringIO(), width=200)
    console.print(on_screen(judgement))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def promoted() -> Page:
    return judged(pair(10, 9, is_covered=True), pair(8, 9.25))


def test_a_candidates_page_has_every_chapter_and_fetches_nothing(promoted: Page, tmp_path: Path) -> None:
    write(promoted, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text == html(promoted)
    page = Parsed(text)
    assert page.headings == ["What there is", "What was asked", "The site's test reads", "The base set"]
    assert page.fetched == []
    assert not re.search(r"url\((?!#)|@import", text)
    assert text.count("<svg") == 3  # what was asked, and the errors on each set
    assert "✓ promoted" in text
    assert 'class="warning"' not in text
    assert "candidate &lt;0.1.2&gt;" in text
    assert "<b>3 of 10</b>use of this split" in text
    assert text.count("✓ pass") == len(promoted.judgement.criteria) == 8
    assert "<td>8.00</td><td>9.25</td><td>+1.25</td><td>+1.25</td><td>≤ +3.00</td>" in text  # on the base set


def test_a_refused_candidates_page_says_why_up_front() -> None:
    page = judged(pair(10, 12, is_covered=True))
    text = Parsed(html(page)).text
    assert text.index("✗ refused") < text.index(page.judgement.reasons[0]) < text.index("What there is")
    assert "No base set guards what was learned before." in text
    assert "The base set" not in text


def test_figures_are_of_each_sex_and_of_all_the_active_versions_first(promoted: Page) -> None:
    assert promoted.site is not None
    rows = figures_by_sex(promoted.site)
    assert [(one.group, one.version, one.errors.radiographs) for one in rows] == [
        ("girls", "active", 100),
        ("girls", "candidate", 100),
        ("boys", "active", 100),
        ("boys", "candidate", 100),
        ("all", "active", 200),
        ("all", "candidate", 200),
    ]
    assert [one.errors.figures["mean_error"].value for one in rows] == [10, 9, -10, -9, 0, 0]
    assert [one.covered and one.covered.value for one in rows] == [1] * 6


def test_without_a_candidate_the_page_has_the_counts_only() -> None:
    judgement = enough({Sex.FEMALE: 112, Sex.MALE: 100}, 40, RULES)
    assert judgement is not None
    page = Parsed(html(Page("Refresh: starter 0.1.1", judgement, {"test reads": "212 of 300"})))
    assert page.headings == ["What there is"]
    assert "not enough data" in page.text
    assert "40 of 100 new reads" in page.text
    assert "<svg" not in page.text
    assert "212 of 300 test reads" in printed(judgement)


def test_a_candidate_without_a_number_has_a_page_too() -> None:
    site = pair(10, 9)
    months = site.candidate.predictions.predicted_months.copy()
    months[0] = math.nan
    silent = replace(site.candidate, predictions=replace(site.candidate.predictions, predicted_months=months))
    page = Parsed(html(judged(Pair(site.active, silent))))
    assert page.headings == ["What there is", "The site's test reads"]
    assert "gives no bone age for 1 of 200 radiographs" in page.text
    assert "<svg" not in page.text


def test_what_cannot_be_told_is_neither_met_nor_missed() -> None:
    page = judged(pair(10, 9).where(~IS_MALE))
    assert page.judgement.verdict == Verdict.NOT_ENOUGH_DATA
    assert "cannot be told" in Parsed(html(page)).text
    assert "cannot be told" in printed(page.judgement)


def test_the_table_on_the_screen_has_every_criterion_and_the_reasons() -> None:
    site = pair(10, 12.5, is_covered=True)
    found = printed(judge(Pair(site.active, replace(site.candidate, is_covered=np.full(200, False))), None, RULES))
    found = " ".join(found.split())
    assert "│ Mean absolute error, months │ 200 │ 10.00 │ 12.50 │ +2.50 │ +2.50 │ ≤ 0.00 │ no │" in found
    assert "│ References in the 90% intervals, % │ 200 │ 100.0 │ 0.0 │ −90.0 │ −90.0 │ ≥ −5.0 │ no │" in found
    assert "refresh: refused" in found
    assert "it may be 90.0 percentage points fewer than asked, where 5.0 is allowed" in found


def test_a_difference_that_is_rounded_to_nothing_has_no_sign() -> None:
    judgement = judge(pair(10, 9.999), None, RULES)
    assert cells(judgement.criteria[0]).difference == "0.00"


def test_the_same_judgement_gives_the_same_plot(promoted: Page) -> None:
    assert refresh_plots.forest(promoted.judgement.criteria) == refresh_plots.forest(promoted.judgement.criteria)
