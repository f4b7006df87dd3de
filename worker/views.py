"""Test-time views: a radiograph asked about turned and mirrored too, and the mean of the answers.

Before it: `worker.preprocess`. After it: an engine, and whoever wants its answer. Ten views take ten times as long.

References
----------
Pan et al., Improving Automated Pediatric Bone Age Estimation Using Ensembles of Models from the 2017 RSNA Machine
Learning Challenge, 2019, doi:10.1148/ryai.2019190053.
"""

import cv2
import numpy as np

from worker.engines import Engine, Float32, Predictions

_MOST_AT_ONCE = 30  # three radiographs
_TURNS_DEGREES = (0, 5, -5, 10, -10)


class ViewingEngine:
    """An engine that is asked about ten views of each radiograph; see `worker.engines.Engine`.

    Parameters
    ----------
    engine
        The one that is asked.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def warm_up(self) -> None:
        """Run once on an empty radiograph."""
        self._engine.warm_up()

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        """Assess n radiographs by ten views of each, in one batch.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1]. Not changed.
        sex
            (n,) float32. Not changed.

        Returns
        -------
        Predictions
            Means over the views; heat maps are turned back before.
        """
        views = [(turn, is_mirrored) for turn in _TURNS_DEGREES for is_mirrored in (False, True)]
        seen = np.stack([_turned(_mirrored(one, is_so=flip), turn) for one in image[..., 0] for turn, flip in views])
        found = self._asked(seen[..., np.newaxis], np.repeat(sex, len(views)))
        heat_maps = np.stack(
            [
                _mirrored(_turned(one, -views[number % len(views)][0]), is_so=views[number % len(views)][1])
                for number, one in enumerate(found.heat_map)
            ]
        )
        shape = (len(image), len(views))
        return Predictions(
            _mean(found.bone_age_months, shape),
            _mean(found.bone_age_if_female_months, shape),
            _mean(found.bone_age_if_male_months, shape),
            _mean(heat_maps, shape),
            _mean(found.embedding, shape),
            None if found.stage_probabilities is None else _mean(found.stage_probabilities, shape),
        )

    def _asked(self, seen: Float32, sex: Float32) -> Predictions:
        """Ask about so many at once as fit into memory at any size of picture."""
        found = [
            self._engine.predict(seen[start : start + _MOST_AT_ONCE], sex[start : start + _MOST_AT_ONCE])
            for start in range(0, len(seen), _MOST_AT_ONCE)
        ]
        stages = [one.stage_probabilities for one in found if one.stage_probabilities is not None]
        return Predictions(
            np.concatenate([one.bone_age_months for one in found]),
            np.concatenate([one.bone_age_if_female_months for one in found]),
            np.concatenate([one.bone_age_if_male_months for one in found]),
            np.concatenate([one.heat_map for one in found]),
            np.concatenate([one.embedding for one in found]),
            np.concatenate(stages) if stages else None,
        )


def with_views(engine: Engine, views: int) -> Engine:
    """Return an engine that is asked about so many views of each radiograph, 1 or 10."""
    return engine if views == 1 else ViewingEngine(engine)


def _mean(values: Float32, shape: tuple[int, int]) -> Float32:
    """Return the means over the views of (n · views, ...) values: (n, ...) float32."""
    return np.asarray(values.reshape(*shape, *values.shape[1:]).mean(axis=1), np.float32)


def _turned(grey: Float32, degrees: float) -> Float32:
    """Turn a picture (rows, columns) about its centre; what comes in from outside is black."""
    if not degrees:
        return grey
    rows, columns = grey.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(grey, matrix, (columns, rows), flags=cv2.INTER_LINEAR), np.float32)


def _mirrored(grey: Float32, *, is_so: bool) -> Float32:
    return np.ascontiguousarray(grey[:, ::-1]) if is_so else grey
