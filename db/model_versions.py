"""Which model version assesses: one function makes each transition, inside the caller's transaction.

The database holds that exactly one is active (:mod:`db.tables.model`); every change of it is a row of
``model_decision`` that says why. Whoever changes it takes turns, so that each decides on what is there. Workers ask
:func:`serving` every few seconds and take up what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.errors import PermanentError
from db.tables import ModelDecision, ModelVersion, SiteCalibration
from db.vocabulary import Decision, ModelStatus

_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('model_version', 0))")
_DIGITS = 6  # of a digest, at least, to name a version by


class ModelVersionError(PermanentError):
    """No such model version, or what is wanted of it cannot be; the message says what there is."""


@dataclass(frozen=True)
class Facts:
    """What the registry keeps of a bundle.

    Attributes
    ----------
    sha256
        Of its card, and so of everything in it.
    recipe
        That it was made by; None where the bundle does not say.
    """

    name: str
    version: str
    sha256: str
    card: dict[str, Any]
    recipe: dict[str, Any] | None = None


@dataclass(frozen=True)
class Served:
    """A version that workers shall have loaded, with the site's calibration of it, if there is one."""

    id: int
    sha256: str
    site_calibration_id: int | None


@dataclass(frozen=True)
class Grounds:
    """Why something was decided.

    Attributes
    ----------
    reasons
        In sentences.
    figures
        What JSON can hold.
    report
        Path of its page among the models.
    """

    reasons: Sequence[str] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    report: str | None = None


NO_GROUNDS = Grounds()


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


def add(session: Session, facts: Facts) -> ModelVersion:
    """Return the row of a version, made if it is new; the same bundle has one row whoever comes first.

    Parameters
    ----------
    session
        An open transaction; nothing is remembered beyond it, for it may be rolled back.
    facts
        Of its bundle, which need not be kept: the row of a new one has no status.
    """
    columns = {"name": facts.name, "version": facts.version, "sha256": facts.sha256, "card": facts.card}
    session.execute(insert(ModelVersion).values(columns).on_conflict_do_nothing(index_elements=["sha256"]))
    return session.scalars(select(ModelVersion).where(ModelVersion.sha256 == facts.sha256)).one()


def register(session: Session, facts: Facts, parent_id: int | None = None) -> ModelVersion:
    """Register a version whose bundle is kept, as a candidate; one that is registered already stays as it is.

    Parameters
    ----------
    session
        An open transaction.
    facts
        Of its bundle.
    parent_id
        The version that it was fine-tuned from.
    """
    session.execute(_TURNS)
    row = add(session, facts)
    if row.status is None:
        row.status, row.recipe, row.parent_id = ModelStatus.CANDIDATE, facts.recipe, parent_id
        session.flush()
    return row


def begin_with(session: Session, facts: Facts) -> bool:
    """Register the bundle that a worker was started with, and make it active unless anybody ever promoted another.

    Parameters
    ----------
    session
        An open transaction.
    facts
        Of its bundle.

    Returns
    -------
    bool
        Whether the active version is another now.
    """
    row = register(session, facts)
    # One that was active before is an earlier Carpus' on another machine; going back to it is for a person to decide.
    if row.status in {ModelStatus.ACTIVE, ModelStatus.RETIRED} or is_chosen(session):
        return False
    _activate(session, row)
    decide(session, Decision.FIRST, row, Grounds(["the bundle that the workers were started with"]))
    return True


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


def promote(
    session: Session, row: ModelVersion, grounds: Grounds = NO_GROUNDS, decision: Decision = Decision.PROMOTED
) -> int:
    """Make a version active; the one before is retired. Return the decision's row.

    Parameters
    ----------
    session
        An open transaction.
    row
        The version.
    grounds
        Why.
    decision
        Who decided, in a word.

    Raises
    ------
    ModelVersionError
        When no bundle of it is kept, or it is active already.
    """
    session.execute(_TURNS)
    session.refresh(row)
    if row.status is None:
        raise ModelVersionError(f"{described(row)}: no bundle of it is kept; register one")
    if row.status == ModelStatus.ACTIVE:
        raise ModelVersionError(f"{described(row)} is active already")
    _activate(session, row)
    return decide(session, decision, row, grounds)


def roll_back(session: Session, grounds: Grounds = NO_GROUNDS) -> ModelVersion:
    """Make the version active that was so before the present one; doing it twice leads back to the present one.

    Parameters
    ----------
    session
        An open transaction.
    grounds
        Why.

    Raises
    ------
    ModelVersionError
        When no other one was active before.
    """
    session.execute(_TURNS)
    active_id = session.scalar(select(ModelVersion.id).where(ModelVersion.status == ModelStatus.ACTIVE))
    before_id = session.scalar(
        select(ModelDecision.active_id)
        .where(ModelDecision.active_id != active_id)
        .order_by(ModelDecision.id.desc())
        .limit(1)
    )
    if before_id is None:
        raise ModelVersionError("no other version was active before, so that there is nothing to go back to")
    row = session.get_one(ModelVersion, before_id)
    promote(session, row, grounds, Decision.ROLLED_BACK)
    return row


def let_shadow(session: Session, row: ModelVersion) -> None:
    """Let a version assess beside the active one, in the place of another shadow, which is retired.

    Raises
    ------
    ModelVersionError
        When no bundle of it is kept, or it is the active one.
    """
    session.execute(_TURNS)
    session.refresh(row)
    if row.status in {None, ModelStatus.ACTIVE}:
        why = "is active, and no shadow of itself" if row.status else "has no bundle that is kept; register one"
        raise ModelVersionError(f"{described(row)} {why}")
    _retire(session, ModelStatus.SHADOW)
    row.status = ModelStatus.SHADOW
    session.flush()
    decide(session, Decision.SHADOWED, row)


def retire(session: Session, row: ModelVersion) -> None:
    """Take a shadow or a candidate out of use.

    Raises
    ------
    ModelVersionError
        When it is the active one.
    """
    session.execute(_TURNS)
    session.refresh(row)
    if row.status in {None, ModelStatus.ACTIVE}:
        raise ModelVersionError(f"{described(row)} is active or not registered; promote another one instead")
    row.status = ModelStatus.RETIRED
    session.flush()
    decide(session, Decision.RETIRED, row)


def decide(session: Session, decision: Decision, row: ModelVersion | None = None, grounds: Grounds = NO_GROUNDS) -> int:
    """Keep a decision, after what it changed, and return its row's id.

    Parameters
    ----------
    session
        An open transaction.
    decision
        What was decided.
    row
        Whom it is about.
    grounds
        Why.
    """
    active_id = session.scalar(select(ModelVersion.id).where(ModelVersion.status == ModelStatus.ACTIVE))
    made = ModelDecision(
        decision=decision,
        model_version_id=row.id if row else None,
        active_id=active_id,
        reasons=list(grounds.reasons),
        figures=grounds.figures,
        report=grounds.report,
        decided_at=func.clock_timestamp(),
    )
    session.add(made)
    session.flush()
    return made.id


def _activate(session: Session, row: ModelVersion) -> None:
    _retire(session, ModelStatus.ACTIVE)
    row.status = ModelStatus.ACTIVE
    session.flush()


def _retire(session: Session, status: ModelStatus) -> None:
    session.execute(update(ModelVersion).where(ModelVersion.status == status).values(status=ModelStatus.RETIRED))
