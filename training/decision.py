"""What a refresh begins with, what it makes, and how its decision is kept: a row, a page, and perhaps another version.

Before it: `training.refresh`, and `training.gate` has judged. After it: `db.model_decisions`, by which the workers take
up another version, and a page among the models (`training.report.refresh`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db import fault, model_decisions, model_versions
from db.model_decisions import Grounds
from db.model_versions import Served
from db.session import transaction
from db.vocabulary import Decision, Sex
from training.base import Base
from training.cases import Part
from training.gate import Judgement, Verdict
from training.pairs import Pair
from training.recipe import Recipe
from training.report import refresh as report
from training.report.refresh import Page
from training.sources.site import Site
from training.turns import RefreshError
from worker.active import facts_of
from worker.bundle import Bundle
from worker.model_store import model_store

_OF_VERDICT = {
    Verdict.PROMOTED: Decision.REFRESHED,
    Verdict.REFUSED: Decision.REFUSED,
    Verdict.NOT_ENOUGH_DATA: Decision.NOT_ENOUGH_DATA,
}


@dataclass(frozen=True)
class Refreshed:
    """What came of a refresh.

    Attributes
    ----------
    decision_id
        Its row in ``model_decision``.
    page
        Where the page about it lies.
    """

    decision_id: int
    judgement: Judgement
    page: Path


@dataclass(frozen=True)
class Begun:
    """What a refresh begins with."""

    active: Served
    parent: Bundle
    recipe: Recipe
    site: Site
    base: Base | None
    folder: Path


@dataclass(frozen=True)
class Made:
    """A candidate, and what it and others say of the site's test reads and of the base set.

    Attributes
    ----------
    beside_active
        It and the active version.
    beside_chosen
        It and the version that a person chose last, where that is another.
    """

    bundle: Bundle
    beside_active: tuple[Pair, Pair | None]
    beside_chosen: tuple[Pair, Pair | None] | None


def decide(begun: Begun, made: Made | None, judgement: Judgement) -> Refreshed:
    """Keep a decision with its page, and change the active version if that was decided, all or nothing.

    Parameters
    ----------
    begun
        What the refresh began with.
    made
        The candidate; None where none was made.
    judgement
        Of the gate.

    Raises
    ------
    RefreshError
        When the active version is another than the candidate was compared with; nothing was changed.
    OutageError
        When the store or the database is away.
    """
    kept = model_store().put(made.bundle) if made else None
    page = _page(begun, made, judgement)
    path = model_store().write_report(f"refresh-{datetime.now(UTC):%Y%m%d-%H%M%S}.html", report.html(page))
    grounds = Grounds(judgement.reasons, judgement.as_json() | _figures(begun), f"{path.parent.name}/{path.name}")
    with transaction() as session:
        row = model_decisions.register(session, facts_of(kept), begun.active.id) if kept else None
        if row is not None and judgement.verdict is Verdict.PROMOTED:
            if model_versions.active(session) != begun.active:
                raise RefreshError(
                    "another version was promoted, or another site calibration kept, which the candidate was not "
                    "compared with; begin again"
                )
            decision_id = model_decisions.promote(session, row, grounds, Decision.REFRESHED)
        else:
            decision_id = model_decisions.decide(session, _OF_VERDICT[judgement.verdict], row, grounds)
        fault.point("refresh_uncommitted")
    return Refreshed(decision_id, judgement, path)


def _page(begun: Begun, made: Made | None, judgement: Judgement) -> Page:
    counts, rules = begun.site.counts, begun.recipe.refresh
    parent = f"{begun.parent.card.name} {begun.parent.card.version}"
    return Page(
        title=f"Refresh: {parent} → {made.bundle.card.version if made else 'no candidate'}",
        judgement=judgement,
        counts={
            "new reads": f"{counts.new_reads:,}",
            **{f"radiographs for {part}": f"{len(begun.site.parts[part]):,}" for part in Part},
            "use of the test reads": f"{counts.uses + (made is not None)} of {rules.uses_of_a_split}",
        },
        facts={
            "active version": f"{parent}, SHA-256 {begun.parent.digest}",
            **({"candidate": f"{made.bundle.card.version}, SHA-256 {made.bundle.digest}"} if made else {}),
            "learned from": made.bundle.card.training_data.description if made else "nothing",
            "the site has": begun.site.description,
            "decided at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        },
        site=made.beside_active[0] if made else None,
        base=made.beside_active[1] if made else None,
    )


def _figures(begun: Begun) -> dict[str, Any]:
    counts = begun.site.counts
    return {
        "counts": {
            "radiographs": {
                str(part): {str(sex): of_sex.get(sex, 0) for sex in (Sex.FEMALE, Sex.MALE)}
                for part, of_sex in counts.radiographs.items()
            },
            "left_out": dict(counts.left_out),
            "new_reads": counts.new_reads,
            "uses_before": counts.uses,
        },
        "last_read_id": counts.last_read_id,
        "rules": begun.recipe.refresh.model_dump(mode="json"),
    }
