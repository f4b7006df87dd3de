"""The two networks that are timed: the starter, and Xception as published, which ships with nobody's weights."""

from pathlib import Path

from tests.narrow_bundle import card
from worker import bundle
from worker.bundle import Bundle

SIDE_PX = 256


def starter_and_full_width(folder: Path) -> dict[str, Bundle]:
    """Return both by name; the second is made in the folder.

    Parameters
    ----------
    folder
        Is there.
    """
    both = bundle.load(bundle.starter_folder()), _full_width(folder / "full")
    return {f"{made.card.network} × {made.card.width:g}": made for made in both}


def _full_width(folder: Path) -> Bundle:
    """Export Xception as published, with weights that have learned nothing."""
    from training.export import export
    from training.ingredients import HeadRecipe, NetworkRecipe, TargetRecipe
    from training.networks.build import build
    from training.networks.network import ANY_SHAPE

    head = HeadRecipe(pooling="average", dense_units=(1000, 1000), takes_sex=True)
    target = TargetRecipe(unit="months", last_layer_months=127)
    network = build(NetworkRecipe(architecture="xception", width=1.0), head, target, ANY_SHAPE)
    preprocessing = card().preprocessing.model_copy(update={"rows": SIDE_PX, "columns": SIDE_PX})
    return export(network, card().model_copy(update={"width": 1.0, "preprocessing": preprocessing}), folder)
