"""What every source of cases gives, and the one that has collected them all beforehand.

Before it: `training.sources.open_source`. After it: `training.split` and `training.cache`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from training.cases import Case, Part
from training.split import split

Counts = Mapping[Part, int]
Fractions = Mapping[Part, float]


class Described(Protocol):
    """What says of cases what they are."""

    @property
    def description(self) -> str:
        """What they are, in words for a card: no path and no patient in it."""

    @property
    def are_radiographs(self) -> bool:
        """Whether they are radiographs of patients; drawn hands are none."""


class Source(Described, Protocol):
    """Where cases come from."""

    def parts(self, fractions: Fractions, seed: int, counts: Counts | None = None) -> dict[Part, list[Case]]:
        """Return the cases by what they are for.

        Parameters
        ----------
        fractions
            Of the patients, for each part. Drawn hands ignore it: each part has its own.
        seed
            Decides which patient goes where. Drawn hands ignore it, too.
        counts
            Of drawn hands for the parts beside training; others ignore it.
        """

    def chosen(self, part: Part | None, fractions: Fractions, seed: int) -> list[Case]:
        """Return the cases for an evaluation: those of a part as `parts` gives them, None for what is usual.

        Usual are the test hands of drawn ones, and all of others.
        """


@dataclass(frozen=True)
class Collected:
    """Radiographs of patients, all known beforehand."""

    description: str
    cases: tuple[Case, ...]
    are_radiographs: bool = True

    def parts(self, fractions: Fractions, seed: int, counts: Counts | None = None) -> dict[Part, list[Case]]:
        """Split them by patient."""
        return split(self.cases, fractions, seed)

    def chosen(self, part: Part | None, fractions: Fractions, seed: int) -> list[Case]:
        """Return all, or those of a part."""
        return list(self.cases) if part is None else self.parts(fractions, seed)[part]


def counted(cases: Sequence[Case], source: Described) -> str:
    """Return in words how many of a source's cases these are; of radiographs the source says how many it has."""
    return f"{len(cases):,} {'of ' if source.are_radiographs else ''}{source.description}"


def pseudonym(issuer: str, patient_id: str) -> str:
    """Return what tells a patient apart from others without being the ID: 32 hexadecimal digits."""
    return hashlib.sha256(f"{issuer}\0{patient_id}".encode()).hexdigest()[:32]
