"""Which radiographs an epoch shows, how they are weighed, and how a batch is shared out."""

from collections import Counter

import numpy as np
import pytest

from db.vocabulary import Sex
from training import recipe
from training.batches import Epoch, Labelled
from training.cases import Case
from training.recipe import Recipe
from training.sources.phantoms import Phantom

SMALL = ["preprocessing.rows=16", "preprocessing.columns=8", "fit.batch_size=4", "augmentation={}"]


def small(*changes: str) -> Recipe:
    return recipe.load("starter", [*SMALL, *changes])


def labelled(*months: float) -> Labelled:
    images = np.stack([np.full((16, 8), number, np.uint8) for number in range(len(months))])
    picture = Phantom(100.0, Sex.MALE, 0)
    return Labelled(images, [Case(f"{age}", f"{age}", Sex.MALE, age, None, picture) for age in months])


def shown(epoch: Epoch) -> list[float]:
    return [months for number in range(len(epoch)) for months in epoch.batch(number)[2]]


def test_an_epoch_shows_every_radiograph_once_in_an_order_of_its_own() -> None:
    months = [float(age) for age in range(10, 20)]
    orders = [shown(Epoch(small(), labelled(*months), epoch)) for epoch in (0, 1, 0)]
    assert sorted(orders[0]) == sorted(orders[1]) == months
    assert orders[0] == orders[2] != orders[1]


def test_a_batch_has_its_size_and_weighs_one_together() -> None:
    phases = "fit.phases=[{epochs=1, shrink=2}, {epochs=1}]"
    epoch = Epoch(small(phases), labelled(*range(10, 20)), 0)
    assert [epoch.size_of(number) for number in range(len(epoch))] == [4, 4, 2]
    image, sex, reference, weight = epoch.batch(2)
    assert image.shape == (2, 8, 4, 1)
    assert sex.tolist() == [1, 1]
    assert image[:, 0, 0, 0] * 255 + 10 == pytest.approx(reference)
    assert weight.tolist() == [0.5, 0.5]


def test_parts_of_a_batch_are_the_batch() -> None:
    varied = small("augmentation={rotation_degrees=10.0, noise=0.1}")
    epoch = Epoch(varied, labelled(*range(10, 20)), 0)
    whole, parts = epoch.batch(1), [epoch.batch(1, part, 3) for part in range(3)]
    for number, name in enumerate(("image", "sex", "reference", "weight")):
        joined = np.concatenate([part[number] for part in parts])
        assert np.array_equal(joined[np.argsort([0, 3, 1, 2])], whole[number]), name


def test_rare_stages_are_shown_as_often_as_others() -> None:
    months = [60.0] * 10 + [150.0] * 85 + [220.0] * 5
    sampled = small("fit.class_balancing='sampling'", "fit.phases=[{epochs=30}]")
    counts = Counter(age for epoch in range(30) for age in shown(Epoch(sampled, labelled(*months), epoch)))
    assert all(900 < counts[age] < 1100 for age in (60.0, 150.0, 220.0))  # of 3,000


def test_rare_stages_weigh_as_much_as_others() -> None:
    months = [60.0] * 10 + [150.0] * 85 + [220.0] * 5
    epoch = Epoch(small("fit.class_balancing='weights'", "fit.batch_size=100"), labelled(*months), 0)
    _, _, reference, weight = epoch.batch(0)
    assert weight.sum() == pytest.approx(1)
    assert [weight[reference == age].sum() for age in (60, 150, 220)] == pytest.approx([1 / 3] * 3)
