"""What every engine holds a bundle and its callers to: the shapes, the sexes and the outputs that are promised.

Before it: `worker.bundle` has checked the files. After it: the engines, whose own work is only to run the graph.
"""

from abc import ABC, abstractmethod
from dataclasses import fields

import numpy as np

from db.errors import BundleError
from worker.bundle import Bundle
from worker.engines import Float32, Predictions

_STAGE_PROBABILITIES = "stage_probabilities"


class ContractedEngine(ABC):
    """What engines have in common; see `worker.engines.Engine`.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    given
        Names of what its graph gives.

    Raises
    ------
    BundleError
        If the graph lacks an output that the card promises.
    """

    def __init__(self, bundle: Bundle, given: set[str]) -> None:
        preprocessing = bundle.card.preprocessing
        self._image_shape = (preprocessing.rows, preprocessing.columns, 1)
        self._outputs = _outputs(bundle, given)

    def warm_up(self) -> None:
        """Run once on an empty radiograph, so that the first real one does not pay for the set-up."""
        self.predict(np.zeros((1, *self._image_shape), np.float32), np.zeros(1, np.float32))

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        """Assess n radiographs; may be called from several threads at once.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1], bone bright. Not changed.
        sex
            (n,) float32: 1 male, 0 female, NaN unknown. Not changed.

        Returns
        -------
        Predictions
            In the same order.

        Raises
        ------
        ValueError
            If the shapes are not those of the card, or a sex is another number.
        """
        if image.shape != (len(sex), *self._image_shape):
            raise ValueError(f"expected images {(len(sex), *self._image_shape)}, received {image.shape}")
        if not np.all(np.isnan(sex) | (sex == 0) | (sex == 1)):
            raise ValueError("expected sex as 1 (male), 0 (female) or NaN (unknown), received another number")
        return Predictions(**dict(zip(self._outputs, self._run(image, sex), strict=True)))

    @abstractmethod
    def _run(self, image: Float32, sex: Float32) -> list[Float32]:
        """Run the graph, and return its outputs in the order of ``_outputs``."""


def _outputs(bundle: Bundle, given: set[str]) -> list[str]:
    """Return the outputs to take; only networks that answer stages must give stage probabilities."""
    names = [field.name for field in fields(Predictions)]
    is_needed = bundle.card.answers == "stages"
    missing = [name for name in names if name not in given and (is_needed or name != _STAGE_PROBABILITIES)]
    if missing:
        raise BundleError(f"{bundle.folder}: the exported function lacks {', '.join(missing)}; export it again")
    return [name for name in names if name in given]
