"""The model that assesses: its bundle, its engine, and its row in ``model_version``."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import model_decisions
from db.errors import BundleError
from db.model_decisions import Facts
from db.tables import ModelVersion
from worker.bundle import RECIPE, Bundle
from worker.calibration import Calibration
from worker.correction import Correction, SiteCalibration
from worker.engines import Engine
from worker.novelty import NoveltyCheck, UsualEmbeddings


@dataclass(frozen=True)
class Active:
    """A bundle that is loaded and can be named in an assessment.

    Attributes
    ----------
    views
        Over how many views of a radiograph `engine` averages.
    novelty
        The check that the bundle carries, if it does.
    site
        What the site corrects of its answers, if it does.
    """

    bundle: Bundle
    engine: Engine
    engine_name: str
    views: int = 1
    novelty: NoveltyCheck | None = None
    site: SiteCalibration | None = None

    @property
    def applied_site(self) -> SiteCalibration | None:
        """That of the site, if its answers come over as many views as those that it was fitted on: the card's."""
        return self.site if self.views == self.bundle.card.views else None

    @property
    def correction(self) -> Correction:
        """That of the site, if it applies; else an empty one."""
        return Correction({}) if self.applied_site is None else self.applied_site.correction

    @property
    def calibration(self) -> Calibration | None:
        """That of the site or else of the card, if its answers come over as many views as those it was measured on."""
        if self.views != self.bundle.card.views:
            return None
        return (self.site and self.site.calibration) or self.bundle.card.calibration


def novelty_check(bundle: Bundle, views: int) -> NoveltyCheck | None:
    """Return the check that a bundle carries, read from its folder; None where it has none.

    Parameters
    ----------
    bundle
        The bundle.
    views
        Over how many its answers are averaged; the check holds for those of the card only.

    Raises
    ------
    BundleError
        When its file is not what it should be.
    """
    facts = bundle.card.novelty
    if facts is None or views != bundle.card.views:
        return None
    return NoveltyCheck(UsualEmbeddings.load(bundle.folder), facts.threshold)


def facts_of(bundle: Bundle) -> Facts:
    """Return what the registry keeps of a bundle.

    Raises
    ------
    BundleError
        When its recipe is no JSON.
    """
    path, card = bundle.folder / RECIPE, bundle.card
    try:
        recipe = json.loads(path.read_bytes()) if path.exists() else None
    except ValueError as error:
        raise BundleError(f"{path}: expected the recipe that the bundle was made by, as JSON: {error}") from error
    return Facts(card.name, card.version, bundle.digest, card.model_dump(mode="json"), recipe)


def model_version_id(session: Session, bundle: Bundle) -> int:
    """Return the row of a bundle, made if it is new.

    Parameters
    ----------
    session
        The transaction that names the row; nothing is remembered beyond it, for it may be rolled back.
    bundle
        The bundle.
    """
    found = session.scalar(select(ModelVersion.id).where(ModelVersion.sha256 == bundle.digest))
    return model_decisions.add(session, facts_of(bundle)).id if found is None else found
