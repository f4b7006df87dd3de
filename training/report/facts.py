"""What a bundle says of itself, as a report needs it.

Before it: `worker.bundle` checked the folder. After it: the pages.
"""

from dataclasses import dataclass

from worker.bundle import SAVED_MODEL, Bundle
from worker.card import Card, TrainingCost


@dataclass(frozen=True)
class Facts:
    """A bundle's card, its digest, and what it takes on disk.

    Attributes
    ----------
    exported_bytes
        Of the graph that an engine loads.
    bundle_bytes
        Of the whole folder, with the network to train on.
    """

    card: Card
    digest: str
    exported_bytes: int
    bundle_bytes: int

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self.card.name} {self.card.version}"

    @property
    def cost(self) -> TrainingCost | None:
        """What training took; None where it was not measured."""
        return self.card.training_cost


def facts(bundle: Bundle) -> Facts:
    """Return the facts of a bundle.

    Parameters
    ----------
    bundle
        From `worker.bundle.load`.
    """
    sizes = {path: path.stat().st_size for path in bundle.folder.rglob("*") if path.is_file()}
    exported = sum(size for path, size in sizes.items() if bundle.folder / SAVED_MODEL in path.parents)
    return Facts(bundle.card, bundle.digest, exported, sum(sizes.values()))
