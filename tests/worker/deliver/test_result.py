"""What is said of a result, word by word, and what is withheld."""

from typing import Any

import pytest

from tests.worker.deliver.telling import UNKNOWN_SEX, result
from worker.deliver.result import about_model, headline, in_words, lines, other_sex


def said(**columns: Any) -> dict[str, str]:
    return {line.label: line.words for line in lines(result(**columns))}


@pytest.mark.parametrize(
    ("months", "words"),
    [
        (0.0, "0 years 0 months"),
        (11.49, "0 years 11 months"),
        (11.51, "1 year 0 months"),
        (13.0, "1 year 1 month"),
        (228.0, "19 years 0 months"),
    ],
)
def test_an_age_is_rounded_before_it_is_put_in_words(months: float, words: str) -> None:
    assert in_words(months) == words


def test_everything_is_said_of_a_bone_age_that_needs_no_review() -> None:
    assert headline(result()) == "Bone age 10 years 0 months (120 months)"
    assert said() == {
        "90% interval": "9 y 2 mo to 11 y 0 mo (110 to 132 months), not calibrated on radiographs",
        "Stage": "adolescent (child 45%, adolescent 55%, adult 0%)",
        "Chronological age": "9 years 0 months (108 months)",
        "Standard deviations": "+1.2 (+0.2 to +2.3); Brush Foundation, unverified against the atlas",
        "For that age": "normal (delayed 0%, normal 90%, advanced 10%)",
    }


def test_an_imprecise_age_is_said_with_its_span() -> None:
    stated = {"chronological_age_source": "PatientAge", "chronological_age_span_months": 12.0}
    assert said(**stated)["Chronological age"] == "9 y 0 mo to 10 y 0 mo, as stated"
    unit_unknown = stated | {"chronological_age_span_months": None}
    assert said(**unit_unknown)["Chronological age"] == "9 y 0 mo to 10 y 0 mo, as stated"


def test_a_calibration_on_radiographs_has_no_caveat_and_none_is_said_to_be_none() -> None:
    assert said(interval_caveat=None)["90% interval"].endswith("(110 to 132 months)")
    without = {"bone_age_low_months": None, "bone_age_high_months": None}
    assert said(**without)["90% interval"] == "none: the model is not calibrated"


def test_what_needs_review_says_why_and_no_number_of_the_estimate() -> None:
    review = {"review_reasons": ["the hand is cut off", "hardly any contrast"], "notes": ["came as a negative"]}
    assert headline(result(**review)) == "Needs review: the estimate is withheld"
    told = lines(result(**review))
    assert [(line.label, line.words) for line in told] == [
        ("Why", "the hand is cut off"),
        ("Why", "hardly any contrast"),
        ("Note", "came as a negative"),
    ]
    assert other_sex(result(**review)) == []
    assert result(**review).told_months is None
    assert result(**review).told_stage is None


def test_where_the_site_corrects_that_is_said_below_the_model() -> None:
    model = ["Model", "Intended use", "Limitations"]
    assert [line.label for line in about_model(result())] == model
    told = about_model(result(is_site_calibrated=True))
    assert [line.label for line in told] == [model[0], "Site", *model[1:]]
    assert told[1].words == "bone ages and intervals corrected by reads of this site, by sex, where that helps"


def test_an_unknown_sex_has_both_estimates_for_the_picture_and_no_headline() -> None:
    unknown = result(**UNKNOWN_SEX, stage=None)
    assert headline(unknown) == "No bone age: the sex is not known"
    assert [(line.label, line.words) for line in other_sex(unknown)] == [
        ("Estimate if female", "10 years 0 months (120 months)"),
        ("Estimate if male", "11 years 1 month (133 months)"),
    ]
    told = {line.label: line.words for line in lines(unknown)}
    assert told["Stage"] == "none: another under either sex"
    assert told["Standard deviations"] == "none: the sex is not known"
    assert "90% interval" not in told


def test_the_other_sex_is_told_only_where_the_network_takes_it() -> None:
    assert [line.label for line in other_sex(result())] == ["Estimate if male"]
    assert other_sex(result(bone_age_if_male_months=120.4)) == []


def test_a_network_without_sex_gives_an_unknown_sex_its_number() -> None:
    blind = result(**UNKNOWN_SEX | {"bone_age_months": 120.4, "bone_age_if_male_months": 120.4})
    assert headline(blind) == "Bone age 10 years 0 months (120 months)"
    assert other_sex(blind) == []


def test_a_network_that_answers_stages_has_its_stage_for_a_headline() -> None:
    none = dict.fromkeys(("bone_age_months", "bone_age_if_female_months", "bone_age_if_male_months"))
    assert headline(result(**none)) == "Stage by bone age: adolescent"
    assert headline(result(**none, stage=None)) == "No stage: the sex is not known"
