"""The demonstration's own radiographs: a dozen hands drawn on the spot, of either sex, from infancy to maturity.

After it: ``carpus.wrap`` makes DX images of them, one at a time.
"""

from functools import partial

from pydicom.dataset import Dataset

from carpus.outgoing import Outgoing, Reference, wrapped
from carpus.wrap import wrap
from db.vocabulary import DRAWN_READER, Sex

ROWS = 1_000
AGES_MONTHS = (12, 30, 48, 66, 84, 102, 120, 138, 156, 174, 192, 216)
FIRST_SEED = 4_000_000_000  # beyond those of every part that a model is made with, see `training.sources.phantoms`
ISSUER = "Carpus demonstration"


def hands() -> list[Outgoing]:
    """Return the drawn hands, female and male in turn; each is drawn when its turn to be sent comes."""
    return [
        wrapped(
            f"drawn hand {number}",
            partial(_draw, number, age_months),
            Reference(DRAWN_READER, "the age that the hand was drawn at", age_months),
        )
        for number, age_months in enumerate(AGES_MONTHS, start=1)
    ]


def _draw(number: int, bone_age_months: float) -> Dataset:
    from training.hand import draw

    sex = Sex.FEMALE if number % 2 else Sex.MALE
    image = draw(bone_age_months, sex, FIRST_SEED + number, rows=ROWS).image
    return wrap(image, f"DRAWN-{number}", ISSUER, sex)
