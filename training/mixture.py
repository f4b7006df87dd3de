"""A site's reads and the base set together, with their pictures, by what they are for in a fine-tuning.

Before it: `training.sources.site` and `training.base`. After it: `training.fine_tune`.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from training import cache
from training.base import Base
from training.batches import Labelled
from training.calibrate import has_enough
from training.cases import Case, DataError, Part, some
from training.embeddings import LEARNED_AT_MOST, Described
from training.measure import Unseen, kind_of
from training.sources.site import JUDGED_BY, LEARNED, Site
from training.sources.source import counted
from training.split import check_for_leaks
from worker.bundle import Bundle

# One in so many of the base set's patients is watched where the site has nobody for validation, which chooses nothing.
_WATCHED_ONE_IN = 20


class Mixture:
    """The cases of a fine-tuning; the pictures of the base set are cached by themselves, for they are asked for again.

    Parameters
    ----------
    parent
        Whose network input they become.
    site, base
        What there is; no base set for None.
    kept
        Folder of the cache.
    processes
        How many make pictures at once; None takes one a core.

    Attributes
    ----------
    learned, watched
        What is learned from, and what validation is done on.
    tested
        The site's test part.
    words
        What is learned from.

    Raises
    ------
    DataError
        When there is nothing to learn from or to be measured on, or a patient or a picture is in two parts.
    """

    def __init__(self, parent: Bundle, site: Site, base: Base | None, kept: Path, processes: int | None) -> None:
        self._parent, self._base, self._kept, self._processes = parent, base, kept, processes
        _check_not_empty(site)
        learned, watched = _shared_out(site, base)
        of_site = {part: site.parts[part] for part in (Part.CALIBRATION, Part.TEST)}
        _check_patients({Part.TRAINING: [*chain(*learned)], Part.VALIDATION: watched, **of_site}, base)
        self.learned, self.watched = self._labelled(*learned), self._labelled(watched)
        self._calibration, test = (self._labelled(cases) for cases in of_site.values())
        labelled = dict(zip(Part, (self.learned, self.watched, self._calibration, test), strict=True))
        images = {part: one.images for part, one in labelled.items()}
        check_for_leaks({part: one.cases for part, one in labelled.items()}, images)
        self.tested, self.words = Unseen(JUDGED_BY, test, kind_of(are_radiographs=True)), _words(*learned, base)

    @property
    def for_novelty(self) -> int:
        """How many cases draw the line of a novelty check."""
        return len(self._calibration.cases) + len(self._base.calibration if self._base else [])

    def spared(self) -> Unseen:
        """Return what gives the intervals: of the site, or of the base set where only that has enough."""
        base = self._base
        if base is None or has_enough(self._calibration.cases) or not has_enough(base.calibration):
            return Unseen(JUDGED_BY, self._calibration, kind_of(are_radiographs=True))
        words = f"of {base.description}" if base.are_radiographs else base.description
        return Unseen(words, self._labelled(base.calibration), kind_of(are_radiographs=base.are_radiographs))

    def for_checking(self) -> tuple[Described, Described, Described]:
        """Return some of what was learned from, what draws the line of a novelty check, and what that is tried on."""
        places = some([*range(len(self.learned.cases))], LEARNED_AT_MOST)
        cases = [self.learned.cases[place] for place in places]
        learned = Described(f"{len(cases):,} of {self.words}", Labelled(self.learned.images[places], cases))
        spared, base = self._calibration.cases, self._base.calibration if self._base else []
        valid = Described(_words(spared, base, self._base, JUDGED_BY), self._labelled(spared, base))
        test = self.tested.labelled
        return learned, valid, Described(f"{len(test.cases):,} {JUDGED_BY}", test)

    def _labelled(self, *groups: Sequence[Case]) -> Labelled:
        """Return the pictures of groups of cases, each kept by itself."""
        preprocessing, folder = self._parent.card.preprocessing, self._parent.folder
        images = [
            cache.images(cases, preprocessing, self._kept, self._processes, folder=folder)
            for number, cases in enumerate(groups)
            if cases or not number
        ]
        return Labelled(images[0] if len(images) == 1 else np.concatenate(images), [*chain(*groups)])


def _check_not_empty(site: Site) -> None:
    for part, purpose in ((Part.TRAINING, "learn from"), (Part.TEST, "be measured on")):
        if not site.parts[part]:
            raise DataError(f"the site has no radiographs to {purpose}: {site.description}; wait for more reads")


def _shared_out(site: Site, base: Base | None) -> tuple[tuple[list[Case], list[Case]], list[Case]]:
    """Return what is learned from of the site and of the base set, and what validation is done on."""
    known, learned, watched = base.training if base else [], site.parts[Part.TRAINING], site.parts[Part.VALIDATION]
    if watched:
        return (learned, known), watched
    patients = list(dict.fromkeys(case.patient for case in known))
    held_back = set(patients[::_WATCHED_ONE_IN])
    if len(held_back) == len(patients):
        raise DataError(f"no radiographs for validation: {site.description}; wait for more reads, or take a base set")
    left = [case for case in known if case.patient not in held_back]
    return (learned, left), [case for case in known if case.patient in held_back]


def _check_patients(parts: dict[Part, Sequence[Case]], base: Base | None) -> None:
    """Refuse a patient who is for two purposes, also of the base set's parts whose pictures are not needed yet."""
    if base is not None:
        others = {Part.CALIBRATION: base.calibration, Part.TEST: base.test}
        parts = parts | {part: [*parts[part], *cases] for part, cases in others.items()}
    check_for_leaks(parts)


def _words(of_site: Sequence[Case], of_base: Sequence[Case], base: Base | None, named: str = LEARNED) -> str:
    """Return in words how many cases of the site and of the base set there are."""
    words = f"{len(of_site):,} {named}"
    if base is None or not of_base:
        return words
    return f"{words}, and {counted(of_base, base).partition(';')[0]}"  # what follows is said of the base set alone
