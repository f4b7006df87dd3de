"""How a model goes on learning from a site's own reads, and what it must prove before it takes the old one's place.

Before it: `training.recipe`. After it: `training.gate` judges by its margins.

References
----------
Piaggio et al., Reporting of noninferiority and equivalence randomized trials, 2012, doi:10.1001/jama.2012.87802
(margins that are set beforehand, and intervals that are held against them).
"""

from typing import Annotated

from pydantic import Field, PositiveInt

from training.fitting import RecipePart

# A margin of more than a year would let through what no reader would.
MarginMonths = Annotated[float, Field(ge=0, le=12)]


class RefreshRecipe(RecipePart):
    """How a site's reads change a model; each margin is held against a one-sided 95% bound, not an estimate.

    Attributes
    ----------
    epochs
        In which the candidate learns.
    learning_rate_factor
        Its learning rate, of the recipe's.
    base_cases, base_share
        At most so many of the base set are learned from beside the site's reads, and at most such a share of all: where
        the site reads by another standard, each of them says otherwise. At most as many others guard.
    min_test_reads
        Of the site; with fewer the bounds lie too far from the estimates for a candidate to be judged.
    min_new_reads
        Since the last time; fewer teach too little to try again.
    uses_of_a_split
        So many candidates are judged by the same test reads: with each, they are less blind to what is chosen by them.
    mae_margin_months
        The mean absolute error may be so much larger where the gap between girls and boys is smaller, and else not.
    gap_margin_months
        So much larger may be the gap between girls' and boys' mean absolute error.
    coverage_margin
        So much smaller, as a fraction of the references, may be the coverage of the 90% intervals.
    age_margin_months
        So much larger may be the mean absolute error in an age group.
    base_margin_months
        So much larger may be the mean absolute error on the base set.
    """

    epochs: PositiveInt = 8
    learning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    base_cases: PositiveInt = 1000
    base_share: Annotated[float, Field(gt=0, lt=1)] = 0.33
    min_test_reads: Annotated[int, Field(ge=50)] = 300
    min_new_reads: PositiveInt = 100
    uses_of_a_split: PositiveInt = 10
    mae_margin_months: MarginMonths = 0.5
    gap_margin_months: MarginMonths = 1.0
    coverage_margin: Annotated[float, Field(ge=0, le=0.2)] = 0.05
    age_margin_months: MarginMonths = 2.0
    base_margin_months: MarginMonths = 3.0
