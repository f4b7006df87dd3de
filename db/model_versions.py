"""Which model versions there are, and which of them assess: questions, that change nothing.

The database holds that exactly one is active (:mod:`db.tables.model`). Workers ask :func:`serving` every few seconds
and take up what it says. What changes it is :mod:`db.model_decisions`.
"""

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.errors import PermanentError
from db.tables import ModelDecision, ModelVersion, SiteCalibration
from db.vocabulary import Decision, ModelStatus

_DIGITS = 6  # of a digest, at least, to name a version by


class ModelVersionError(PermanentError):
    """No such model version, or what is wanted of it cannot be; the message says what there is."""


@dataclass(frozen=True)
class Served:
    """A version that workers shall have loaded, with the site's calibration of it, if there is one."""

    id: int
    sha256: str
    site_calibration_id: int | None


def serving(session: Session) -> dict[ModelStatus, Served]:
    """Return the active version and the shadow, those that there are."""
    current = (
        select(SiteCalibration.id)
        .where(SiteCalibration.model_version_id == ModelVersion.id, SiteCalibration.retired_at.is_(None))
        .scalar_subquery()
    )
    rows = session.execute(
        select(ModelVersion.status, ModelVersion.id, ModelVersion.sha256, current).where(
            ModelVersion.status.in_((ModelStatus.ACTIVE, ModelStatus.SHADOW))
        )
    )
    return {ModelStatus(status): Served(*columns) for status, *columns in rows}


def active(session: Session) -> Served:
    """Return the active version.

    Raises
    ------
    ModelVersionError
        When there is none yet.
    """
    served = serving(session).get(ModelStatus.ACTIVE)
    if served is None:
        raise ModelVersionError("no model version is active yet: start an assess worker, or register and promote one")
    return served


def find(session: Session, named: str) -> ModelVersion:
    """Return the registered version that a person named.

    Parameters
    ----------
    session
        An open transaction.
    named
        Name and version, such as ``starter 0.1.1``, or the first six digits or more of its digest.

    Raises
    ------
    ModelVersionError
        When there is none, or more than one, called so; the message lists them.
    """
    is_named = ModelVersion.name + " " + ModelVersion.version == named
    if len(named) >= _DIGITS:
        is_named = or_(is_named, ModelVersion.sha256.startswith(named, autoescape=True))
    of_bundles = select(ModelVersion).where(ModelVersion.status.is_not(None)).order_by(ModelVersion.id)
    found = session.scalars(of_bundles.where(is_named)).all()
    if len(found) == 1:
        return found[0]
    known = ", ".join(map(described, found or session.scalars(of_bundles))) or "none"
    what = "several registered versions are" if found else "no registered version is"
    raise ModelVersionError(f"{what} called {named!r}; name one by its version or digest: {known}")


def versions_of(session: Session, name: str) -> set[str]:
    """Return the versions that there are, or were, of a name."""
    return set(session.scalars(select(ModelVersion.version).where(ModelVersion.name == name)))


def described(row: ModelVersion) -> str:
    """Return a version in words, with as much of its digest as names it."""
    return f"{row.name} {row.version} ({row.sha256[:12]})"


def is_chosen(session: Session) -> bool:
    """Return whether the active version was ever chosen, and is not just what the workers were started with."""
    chosen = (Decision.PROMOTED, Decision.REFRESHED, Decision.ROLLED_BACK)
    return session.scalar(select(ModelDecision.id).where(ModelDecision.decision.in_(chosen)).limit(1)) is not None


def last_chosen(session: Session) -> ModelVersion | None:
    """Return the version that was made active last by a person, or as the first, and not by a refresh."""
    chosen = (Decision.FIRST, Decision.PROMOTED, Decision.ROLLED_BACK)
    by_whom = select(ModelDecision.active_id).where(ModelDecision.decision.in_(chosen))
    last = session.scalar(by_whom.order_by(ModelDecision.id.desc()).limit(1))
    return None if last is None else session.get_one(ModelVersion, last)
