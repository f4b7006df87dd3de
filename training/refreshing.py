"""How a model goes on learning from a site's own reads, as a recipe says it.

Before it: `training.recipe`. After it: `training.fine_tune`.
"""

from typing import Annotated

from pydantic import Field, PositiveInt

from training.fitting import RecipePart


class RefreshRecipe(RecipePart):
    """How a site's reads change a model.

    Attributes
    ----------
    epochs
        In which the candidate learns.
    learning_rate_factor
        Its learning rate, of the recipe's.
    base_cases
        So many of the base set are learned from beside the site's reads, and at most as many others guard.
    min_test_reads
        Of the site; with fewer a candidate cannot be judged.
    min_new_reads
        Since the last time; fewer teach too little to try again.
    uses_of_a_split
        So many candidates are judged by the same test reads.
    """

    epochs: PositiveInt = 4
    learning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    base_cases: PositiveInt = 1000
    min_test_reads: Annotated[int, Field(ge=50)] = 300
    min_new_reads: PositiveInt = 100
    uses_of_a_split: PositiveInt = 10
