"""What every engine holds a bundle and its callers to: the shapes, the sexes and the outputs that are promised.

Before it: `worker.bundle` has checked the files. After it: the engines, whose own work is only to run the graph.
"""

from dataclasses import fields

import numpy as np

from db.errors import BundleError
from worker.bundle import Bundle
from worker.engines import Float32, Predictions

_STAGE_PROBABILITIES = "stage_probabilities"


class Contract:
    """What a bundle's exported function takes and gives.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    given
        Names of what its graph gives.

    Attributes
    ----------
    outputs
        Those of them to take.

    Raises
    ------
    BundleError
        If the graph lacks an output that the card promises.
    """

    def __init__(self, bundle: Bundle, given: set[str]) -> None:
        preprocessing = bundle.card.preprocessing
        self._image_shape = (preprocessing.rows, preprocessing.columns, 1)
        self.outputs = _outputs(bundle, given)

    def nothing(self) -> tuple[Float32, Float32]:
        """Return one empty radiograph and a sex, to warm up by."""
        return np.zeros((1, *self._image_shape), np.float32), np.zeros(1, np.float32)

    def check(self, image: Float32, sex: Float32) -> None:
        """Refuse what `worker.engines.Engine.predict` does not take.

        Parameters
        ----------
        image
            Should be (n, rows, columns, 1) float32.
        sex
            Should be (n,) float32: 1 male, 0 female, NaN unknown.

        Raises
        ------
        ValueError
            If the shapes are not those of the card, or a sex is another number.
        """
        if image.shape != (len(sex), *self._image_shape):
            raise ValueError(f"expected images {(len(sex), *self._image_shape)}, received {image.shape}")
        if not np.all(np.isnan(sex) | (sex == 0) | (sex == 1)):
            raise ValueError("expected sex as 1 (male), 0 (female) or NaN (unknown), received another number")


def _outputs(bundle: Bundle, given: set[str]) -> list[str]:
    """Return the outputs to take; only networks that answer stages must give stage probabilities."""
    names = [field.name for field in fields(Predictions)]
    is_needed = bundle.card.answers == "stages"
    missing = [name for name in names if name not in given and (is_needed or name != _STAGE_PROBABILITIES)]
    if missing:
        raise BundleError(f"{bundle.folder}: the exported function lacks {', '.join(missing)}; export it again")
    return [name for name in names if name in given]
