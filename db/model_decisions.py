"""What is decided about the model versions: one function makes each transition, inside the caller's transaction.

Every change of the active version is a row of ``model_decision`` that says why. Whoever changes it takes turns, so that
each decides on what is there (:mod:`db.model_versions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.model_versions import ModelVersionError, described, is_chosen
from db.tables import ModelDecision, ModelVersion
from db.vocabulary import Decision, ModelStatus

_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('model_version', 0))")


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
