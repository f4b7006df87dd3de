"""Ten views of a radiograph: what is asked, and how the answers become one."""

import numpy as np
import pytest

from db.errors import SettingsError
from worker import bundle, settings
from worker.bundle import starter_folder
from worker.engines import EngineName, Predictions, choice
from worker.serving import load
from worker.views import with_views

NAN = np.float32("nan")


class Brightest:
    """Gives the place of the brightest pixel as the heat map, and its column as the months."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def warm_up(self) -> None:
        """Nothing to warm."""

    def predict(self, image: np.ndarray, sex: np.ndarray) -> Predictions:
        self.seen += [image, sex]
        grey = image[..., 0]
        peak = grey == grey.max(axis=(1, 2), keepdims=True)
        months = np.array([np.argwhere(one)[0, 1] for one in peak], np.float32)
        return Predictions(months, months, months, peak.astype(np.float32), np.stack([months, -months], axis=1))


def marked() -> np.ndarray:
    image = np.zeros((2, 33, 33, 1), np.float32)
    image[0, 16, 24] = image[1, 16, 16] = 1  # to the right of the centre, and in it
    return image


def test_one_view_is_the_engine_itself() -> None:
    engine = Brightest()
    assert with_views(engine, 1) is engine


def test_ten_views_are_averaged_and_their_heat_maps_turned_back() -> None:
    engine = Brightest()
    found = with_views(engine, 10).predict(marked(), np.array([1, NAN], np.float32))
    image, sex = engine.seen
    assert image.shape == (20, 33, 33, 1)
    assert sex.tolist()[:10] == [1] * 10
    assert np.isnan(sex[10:]).all()
    # Half of the views are mirrored about column 16; a turn of 10 degrees moves column 24 by an eighth of a pixel.
    assert found.bone_age_months == pytest.approx([16, 16], abs=0.3)
    assert found.embedding.shape == (2, 2)
    assert found.stage_probabilities is None
    assert [np.unravel_index(one.argmax(), one.shape) for one in found.heat_map] == [(16, 24), (16, 16)]


@pytest.mark.parametrize(("told", "views"), [(None, 1), ("10", 10)])
def test_the_setting_replaces_the_number_of_the_card(
    told: str | None, views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Brightest()
    monkeypatch.setattr(choice, "load", lambda *_: (engine, EngineName.OPENVINO))
    if told is not None:
        monkeypatch.setenv("CARPUS_VIEWS", told)
    settings.worker.cache_clear()
    active = load(bundle.load(starter_folder()))
    settings.worker.cache_clear()
    assert (active.views, active.engine is engine) == (views, views == 1)
    assert (active.calibration is None) == (views == 10)


def test_another_number_of_views_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_VIEWS", "5")
    with pytest.raises(SettingsError, match=r"CARPUS_VIEWS.*expected 1 or 10"):
        settings.worker.__wrapped__()
