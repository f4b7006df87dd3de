"""Candidates that are promoted, refused, or not judged, each for a reason worked out by hand or made on purpose."""

import json
import math

import numpy as np
import pytest

from db.vocabulary import Sex
from tests.training.versions import AGES, COUNT, IS_MALE, RULES, answers, pair, simulated
from training.criteria import Criterion
from training.gate import Judgement, Pair, Verdict, enough, judge
from training.refreshing import RefreshRecipe


def the(name: str, judgement: Judgement) -> Criterion:
    (found,) = (one for one in judgement.criteria if one.name == name)
    return found


def missed(judgement: Judgement) -> set[str]:
    return {one.name for one in judgement.criteria if not one.is_met}


@pytest.mark.parametrize("seed", range(20))
def test_an_equal_candidate_is_always_promoted(seed: int) -> None:
    rng, error, active = simulated(seed)
    again = answers(error + rng.uniform(-1e-3, 1e-3, COUNT), covered=active.is_covered)
    judgement = judge(Pair(active, again), Pair(active, again) if seed < 3 else None, RULES, seed)
    assert (judgement.verdict, judgement.reasons) == (Verdict.PROMOTED, ())


def test_a_candidate_worse_by_three_months_is_refused() -> None:
    _, error, _ = simulated(1)
    judgement = judge(pair(error, error + 3 * np.sign(error)), None, RULES)
    assert judgement.verdict == Verdict.REFUSED
    # The same 3 months for all: they are the bound too.
    assert the("mae", judgement).difference.bound == 3
    before = the("mae", judgement).active
    assert judgement.reasons[0] == (
        f"Mean absolute error: {before + 3:.2f} months of the candidate, {before:.2f} months of the active version; "
        "with 95% confidence it may be 3.00 months more, where 0.00 is allowed."
    )


def test_a_candidate_that_learned_from_shuffled_labels_is_refused() -> None:
    rng, _, active = simulated(2)
    shuffled = answers(rng.permutation(AGES) - AGES, covered=active.is_covered)
    judgement = judge(Pair(active, shuffled), None, RULES)
    assert judgement.verdict == Verdict.REFUSED
    assert judgement.reasons[0].startswith("Mean absolute error: ")
    assert the("mae", judgement).difference.value > 40


def test_a_candidate_that_is_better_for_girls_is_promoted() -> None:
    _, error, active = simulated(3)
    better = answers(np.where(IS_MALE, error, 0.7 * error), covered=active.is_covered)
    judgement = judge(Pair(active, better), None, RULES)
    assert judgement.verdict == Verdict.PROMOTED
    assert the("sex_gap", judgement).difference.bound < 0


def test_a_candidate_that_is_better_for_boys_only_is_refused_for_the_gap() -> None:
    _, error, active = simulated(3)
    better = answers(np.where(IS_MALE, 0.7 * error, error), covered=active.is_covered)
    assert missed(judge(Pair(active, better), None, RULES)) == {"sex_gap"}


def test_a_candidate_that_is_worse_in_one_age_group_only_is_refused_by_its_name() -> None:
    is_young = AGES == 30
    judgement = judge(pair(10, np.where(is_young, 12.01, 9)), None, RULES)
    assert judgement.verdict == Verdict.REFUSED
    assert judgement.reasons == (
        "Mean absolute error from 0 to 71 months of bone age: 12.01 months of the candidate, 10.00 months of the "
        "active version; with 95% confidence it may be 2.01 months more, where 2.00 is allowed.",
    )
    assert judge(pair(10, np.where(is_young, 12.0, 9)), None, RULES).verdict == Verdict.PROMOTED


@pytest.mark.parametrize(("candidate", "is_met"), [(9.99, True), (10, True), (10.004, True), (10.01, False)])
def test_the_error_may_be_as_large_and_no_hundredth_larger(candidate: float, is_met: bool) -> None:
    judgement = judge(pair(10, candidate), None, RULES)
    assert (judgement.verdict == Verdict.PROMOTED) is is_met
    assert the("mae", judgement).is_met is is_met


def test_where_the_gap_is_smaller_the_error_may_be_larger_by_the_margin() -> None:
    site = pair(np.where(IS_MALE, 10, 14), np.where(IS_MALE, 10.8, 13.6))  # from 12 to 12.2, the gap from 4 to 2.8
    found = the("mae", judge(site, None, RULES))
    assert (found.active, found.candidate) == pytest.approx((12, 12.2))
    assert 0.2 < found.difference.bound < 0.5
    for margin, is_met in ((found.difference.bound, True), (found.difference.bound - 0.01, False)):
        again = judge(site, None, RefreshRecipe(mae_margin_months=margin))
        assert the("mae", again).is_met is is_met
        assert the("mae", again).limit == margin


def test_where_the_gap_is_the_same_the_error_may_not_be_larger() -> None:
    judgement = judge(pair(np.where(IS_MALE, 10, 14), np.where(IS_MALE, 10.2, 14.2)), None, RULES)
    assert missed(judgement) == {"mae"}
    assert the("mae", judgement).limit == 0


@pytest.mark.parametrize(("boys", "is_met"), [(9.0, True), (8.99, False)])
def test_the_gap_may_be_larger_by_the_margin_and_no_hundredth_more(boys: float, is_met: bool) -> None:
    judgement = judge(pair(10, np.where(IS_MALE, boys, 9.5)), None, RULES)  # girls less boys: from 0 to 0.5, or 0.51
    assert (judgement.verdict == Verdict.PROMOTED) is is_met
    assert the("sex_gap", judgement).difference.bound == pytest.approx(9.5 - boys)


def test_a_gap_counts_by_its_size_whichever_sex_is_worse() -> None:
    active = np.where(IS_MALE, 9, 10)  # girls less boys: 1
    turned = judge(pair(active, np.where(IS_MALE, 9, 8)), None, RULES)  # -1
    assert (turned.verdict, the("sex_gap", turned).difference.bound) == (Verdict.PROMOTED, 0)
    wider = judge(pair(active, np.where(IS_MALE, 9, 7)), None, RULES)  # -2
    assert (missed(wider), the("sex_gap", wider).difference.bound) == ({"sex_gap"}, 1)


def test_a_gap_that_is_smaller_by_its_estimate_only_allows_no_larger_error() -> None:
    change = np.random.default_rng(7).normal(0, 3, COUNT)
    for sex, mean in ((IS_MALE, 0.0), (~IS_MALE, -0.1)):
        change[sex] += mean - change[sex].mean()
    judgement = judge(pair(np.where(IS_MALE, 20, 25), np.where(IS_MALE, 20, 25) + change), None, RULES)
    gap = the("sex_gap", judgement).difference
    assert gap.value == pytest.approx(-0.1)
    assert gap.bound > 0
    assert the("mae", judgement).limit == 0


@pytest.mark.parametrize(("candidate", "is_met"), [(13.0, True), (13.01, False)])
def test_the_base_set_guards_what_was_learned_before(candidate: float, is_met: bool) -> None:
    judgement = judge(pair(10, 9), pair(10, candidate), RULES)
    assert (judgement.verdict == Verdict.PROMOTED) is is_met
    assert missed(judgement) == (set() if is_met else {"base_mae"})
    assert judgement.not_asked == ("Neither version gives intervals.",)
    assert "No base set guards what was learned before." in judge(pair(10, 9), None, RULES).not_asked


def test_a_candidate_that_lost_its_intervals_is_refused() -> None:
    _, error, active = simulated(4)
    judgement = judge(Pair(active, answers(error)), None, RULES)
    assert judgement.verdict == Verdict.REFUSED
    assert judgement.reasons == ("References in the 90% intervals: the candidate gives none, the active version does.",)
    (row,) = (one for one in judgement.as_json()["criteria"] if one["name"] == "interval_coverage")
    assert (row["candidate"], row["difference"], row["bound"], row["is_met"]) == (None, None, None, False)
    assert json.loads(json.dumps(judgement.as_json(), allow_nan=False))["verdict"] == "refused"


def test_without_boys_nobody_can_tell_the_gap() -> None:
    girls = pair(10, 9).where(~IS_MALE)
    judgement = judge(girls, None, RULES)
    assert judgement.verdict == Verdict.NOT_ENOUGH_DATA
    assert judgement.reasons == (
        "Gap between the mean absolute errors of girls and boys: cannot be told of 0 patients, expected 20 or more.",
    )
    assert the("sex_gap", judgement).is_met is None
    # What is known to be worse is refused all the same.
    assert judge(pair(10, 11).where(~IS_MALE), None, RULES).verdict == Verdict.REFUSED


def test_a_candidate_without_a_number_is_refused_and_an_active_version_without_one_is_an_error() -> None:
    silent = np.full(COUNT, 9.0)
    silent[:3] = math.nan
    judgement = judge(pair(10, silent), pair(10, np.where(AGES == 30, math.inf, 9)), RULES)
    assert judgement.verdict == Verdict.REFUSED
    assert judgement.reasons == (
        "The candidate gives no bone age for 3 of 240 radiographs of the site's test.",
        "The candidate gives no bone age for 60 of 240 radiographs of the base set.",
    )
    with pytest.raises(ValueError, match="the active version gives no bone age for 3 of 240 radiographs"):
        judge(pair(silent, 10), None, RULES)


def test_the_same_answers_are_judged_alike() -> None:
    _, error, active = simulated(6)
    site = Pair(active, answers(0.9 * error, covered=active.is_covered))
    assert judge(site, None, RULES) == judge(site, None, RULES)


def test_without_enough_reads_the_counts_are_told() -> None:
    found = enough({Sex.FEMALE: 200, Sex.MALE: 12}, 40, RULES)
    assert found is not None
    assert found.verdict == Verdict.NOT_ENOUGH_DATA
    assert found.reasons == ("212 of 300 test reads", "12 of 20 test reads of boys", "40 of 100 new reads")
    few = enough({Sex.FEMALE: 150, Sex.MALE: 150}, 99, RULES)
    assert few is not None
    assert few.reasons == ("99 of 100 new reads",)
    assert enough({Sex.FEMALE: 280, Sex.MALE: 20}, 100, RULES) is None


def test_what_one_refresh_may_lose_many_do_not_lose_together() -> None:
    rng = np.random.default_rng(5)
    chosen = rng.normal(0, 10, COUNT)
    active = chosen + np.sign(chosen) * np.where(AGES == 30, 1.8, -0.5)  # by earlier refreshes
    candidate = chosen + np.sign(chosen) * np.where(AGES == 30, 3.4, -3)
    site = pair(active, candidate)
    assert judge(site, None, RULES).verdict == Verdict.PROMOTED
    held = judge(site, None, RULES, anchor=(pair(chosen, candidate), None))
    assert held.verdict == Verdict.REFUSED
    assert all(name.endswith("_since_chosen") for name in missed(held))
    assert "beside the version last chosen by a person" in held.reasons[0]
