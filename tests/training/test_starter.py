"""The shipped starter: what its card claims, and that it does it, on hands drawn on the spot."""

from pathlib import Path

from tests import heat
from training import cache, recipe
from training.cases import Case, Part
from training.report.evaluation import of_bundle
from training.sources.phantoms import phantoms
from worker import bundle
from worker.engines import tensorflow

HELD_OUT = 60  # of the card's 1,000: enough to tell a model that works from one that does not


def held_out(shipped: bundle.Bundle) -> list[Case]:
    made_by = recipe.of_bundle(shipped.folder)
    assert made_by is not None
    return phantoms(Part.TEST, HELD_OUT, made_by.phantoms.drawing)


def test_the_card_claims_at_most_12_months_on_a_thousand_held_out_hands() -> None:
    metrics = bundle.load(bundle.starter_folder()).card.metrics
    assert metrics.overall.radiographs == 1000
    for summary in (metrics.overall, *metrics.by_sex.values()):
        assert summary.mae_months is not None
        assert 0 < summary.mae_months.low < summary.mae_months.value < summary.mae_months.high <= 12


def test_the_starter_does_what_its_card_claims(tmp_path: Path) -> None:
    shipped = bundle.load(bundle.starter_folder())
    hands = held_out(shipped)
    images = cache.images(hands, shipped.card.preprocessing, tmp_path, processes=1)
    found = of_bundle(shipped, tensorflow.load(shipped), images, hands, stressed=0)
    measured = found.analysis.overall.figures["mae"]
    claimed = shipped.card.metrics.overall.mae_months
    assert claimed is not None
    assert measured.low <= claimed.value <= measured.high
    assert {one.band for one in found.gallery} == {
        band for band, of in found.analysis.by_age_band.items() if of.radiographs
    }
    assert found.ms_per_radiograph is not None
    assert found.ms_per_radiograph > 0


def test_the_starter_looks_at_growth_plates_and_carpal_bones() -> None:
    shipped = bundle.load(bundle.starter_folder())
    found = heat.on_bones_that_tell(tensorflow.load(shipped), held_out(shipped), shipped.card.preprocessing)
    assert found.empty < HELD_OUT / 10
    assert found.ratio > 1
