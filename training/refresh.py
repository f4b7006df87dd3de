"""One refresh: from a site's reads to a decision about the active version, kept with its numbers and a page.

Before it: readers have read what `carpus reads sample` asked for. On the way: `training.sources.site`,
`training.fine_tune`, `training.served`, `training.gate`. After it: a row of ``model_decision``, a page among the
models, and perhaps another active version, which the workers take up. Only the last transaction changes anything that
counts: a run that ends before it leaves all as it was, and the next one goes on from its checkpoints.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from db import fault, log, model_versions, settings
from db.errors import PermanentError
from db.model_versions import Grounds
from db.session import engine, transaction
from db.vocabulary import Decision, Sex
from training import base as bases
from training import gate, recipe, registry
from training.base import Base
from training.cases import Part
from training.fine_tune import fine_tune, next_version
from training.gate import Judgement, Verdict
from training.pairs import Pair
from training.recipe import Recipe
from training.report import refresh as report
from training.report.refresh import Page
from training.served import answers
from training.sources import open_source
from training.sources.database import IN_DATABASE
from training.sources.site import Site, open_site
from worker import correction
from worker.active import facts_of
from worker.bundle import Bundle
from worker.model_store import model_store

FOLDER = "refresh"
PHANTOMS, DATABASE, NOTHING = "phantoms", "database", "none"

_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended('refresh', 0))")
_OF_VERDICT = {
    Verdict.PROMOTED: Decision.REFRESHED,
    Verdict.REFUSED: Decision.REFUSED,
    Verdict.NOT_ENOUGH_DATA: Decision.NOT_ENOUGH_DATA,
}

_log = log.get(__name__)


class RefreshError(PermanentError):
    """The active version cannot be refreshed; the message says why and what to do."""


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
class _Begun:
    """What a refresh begins with."""

    active_id: int
    parent: Bundle
    recipe: Recipe
    site: Site
    base: Base | None
    folder: Path


@dataclass(frozen=True)
class _Made:
    """A candidate, and what both versions say of the site's test reads and of the base set."""

    bundle: Bundle
    judged: Pair
    guard: Pair | None


def refresh(base: str, folder: Path | None = None) -> Refreshed:
    """Fine-tune the active version on the site's reads, and let the candidate take its place if the gate allows it.

    Parameters
    ----------
    base
        What is not to be forgotten meanwhile: ``phantoms`` as in the recipe, ``none``, or as ``--data`` names it.
    folder
        Keeps pictures and checkpoints until there is a decision; None: ``refresh`` in the store.

    Raises
    ------
    RefreshError
        When another refresh is running, or the active version says by no recipe how it was made.
    CarpusError
        When anything on the way cannot be; the active version stays.
    """
    with _alone():
        begun = _begin(base, folder or settings.shared().store / FOLDER)
        counts = begun.site.counts
        _log.info("refresh_begun", model=begun.parent.card.version, new_reads=counts.new_reads, uses=counts.uses)
        fault.point("refresh_begun")
        missing = gate.enough(len(begun.site.parts[Part.TEST]), counts.new_reads, begun.recipe.refresh)
        made = _candidate(begun) if missing is None else None
        judgement = missing or _judged(begun, made)
        fault.point("refresh_judged")
        refreshed = _decide(begun, made, judgement)
        fault.point("refresh_committed")
        shutil.rmtree(begun.folder, ignore_errors=True)
        _log.info("refresh_decided", verdict=str(judgement.verdict), reasons=list(judgement.reasons))
        return refreshed


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock that ends with this process's connection, whatever happens to it."""
    with engine().connect() as connection:
        if not connection.scalar(_LOCK):
            raise RefreshError("another refresh is running; wait for its decision (`python -m training list`)")
        connection.commit()
        try:
            yield
        finally:
            connection.invalidate()  # not back to the pool, where the lock would live on


def _begin(base: str, folder: Path) -> _Begun:
    active_id, parent = registry.active()
    made_by = recipe.of_bundle(parent.folder)
    if made_by is None:
        raise RefreshError(
            f"{parent.card.name} {parent.card.version} holds no {recipe.IN_BUNDLE} that says how it was made: fit it "
            "again, register and promote it"
        )
    if IN_DATABASE in parent.card.training_data.description:
        raise RefreshError(
            f"{parent.card.name} {parent.card.version} has learned from any patient of the database, so that no reads "
            "are left to judge it by; promote one that was fitted to other data"
        )
    if made_by.head.answers == "stages":
        raise RefreshError(f"{parent.card.name} answers stages and no bone age, which reads could correct")
    return _Begun(active_id, parent, made_by, _site(made_by.refresh.uses_of_a_split), _base(base, made_by), folder)


def _site(most_uses: int) -> Site:
    """Return the site's reads, by a new split where the present one has judged enough candidates."""
    site = open_site()
    if site.counts.uses < most_uses:
        return site
    with transaction() as session:
        words = f"the test reads have judged {site.counts.uses} candidates; patients who arrive from now on judge more"
        model_versions.decide(session, Decision.NEW_SPLIT, grounds=Grounds([words]))
    return open_site()


def _base(named: str, made_by: Recipe) -> Base | None:
    if named == NOTHING:
        return None
    if named == DATABASE:
        raise RefreshError("the base set cannot be the database itself, whose test reads it would learn from")
    return bases.drawn_base(made_by) if named == PHANTOMS else bases.base_of(open_source(named), made_by)


def _candidate(begun: _Begun) -> _Made:
    """Make a candidate, and ask both versions about what neither has learned from."""
    card, folder = begun.parent.card, begun.folder
    with transaction() as session:
        version = next_version(card.version, model_versions.versions_of(session, card.name))
        corrects = correction.of_version(session, begun.active_id)
    made = fine_tune(
        begun.parent, begun.site, begun.base, version=version, folder=folder / "candidate", work_folder=folder
    )
    fault.point("refresh_fitted")
    pairs = [
        Pair(answers(begun.parent, corrects, cases, folder), answers(made, None, cases, folder))
        for cases in (begun.site.parts[Part.TEST], *([begun.base.test] if begun.base else []))
    ]
    return _Made(made, pairs[0], pairs[1] if begun.base else None)


def _judged(begun: _Begun, made: _Made | None) -> Judgement:
    assert made is not None
    return gate.judge(made.judged, made.guard, begun.recipe.refresh)


def _decide(begun: _Begun, made: _Made | None, judgement: Judgement) -> Refreshed:
    """Keep the decision with its page, and change the active version if that was decided, all or nothing."""
    kept = model_store().put(made.bundle) if made else None
    page = _page(begun, made, judgement)
    path = model_store().write_report(f"refresh-{datetime.now(UTC):%Y%m%d-%H%M%S}.html", report.html(page))
    grounds = Grounds(judgement.reasons, judgement.as_json() | _figures(begun), f"{path.parent.name}/{path.name}")
    with transaction() as session:
        row = model_versions.register(session, facts_of(kept), begun.active_id) if kept else None
        if row is not None and judgement.verdict is Verdict.PROMOTED:
            if model_versions.active(session).id != begun.active_id:
                raise RefreshError("another version was promoted meanwhile, which the candidate was not compared with")
            decision_id = model_versions.promote(session, row, grounds, Decision.REFRESHED)
        else:
            decision_id = model_versions.decide(session, _OF_VERDICT[judgement.verdict], row, grounds)
        fault.point("refresh_uncommitted")
    return Refreshed(decision_id, judgement, path)


def _page(begun: _Begun, made: _Made | None, judgement: Judgement) -> Page:
    counts, rules = begun.site.counts, begun.recipe.refresh
    parent = f"{begun.parent.card.name} {begun.parent.card.version}"
    return Page(
        title=f"Refresh: {parent} → {made.bundle.card.version if made else 'no candidate'}",
        judgement=judgement,
        counts={
            "new reads": f"{counts.new_reads:,}",
            **{f"radiographs for {part}": f"{len(begun.site.parts[part]):,}" for part in Part},
            "use of the test reads": f"{counts.uses + 1} of {rules.uses_of_a_split}",
        },
        facts={
            "active version": f"{parent}, SHA-256 {begun.parent.digest}",
            **({"candidate": f"{made.bundle.card.version}, SHA-256 {made.bundle.digest}"} if made else {}),
            "learned from": made.bundle.card.training_data.description if made else "nothing",
            "the site has": begun.site.description,
            "decided at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        },
        site=made.judged if made else None,
        base=made.guard if made else None,
    )


def _figures(begun: _Begun) -> dict[str, Any]:
    counts = begun.site.counts
    return {
        "counts": {
            "radiographs": {
                str(part): {str(sex): of_sex.get(sex, 0) for sex in (Sex.FEMALE, Sex.MALE)}
                for part, of_sex in counts.radiographs.items()
            },
            "unknown_sex": counts.unknown_sex,
            "not_counted": counts.not_counted,
            "new_reads": counts.new_reads,
            "uses": counts.uses + 1,
        },
        "last_read_id": counts.last_read_id,
        "rules": begun.recipe.refresh.model_dump(mode="json"),
    }
