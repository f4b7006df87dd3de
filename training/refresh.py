"""One refresh: from a site's reads to a decision about the active version, kept with its numbers and a page.

Before it: readers have read what `carpus reads sample` asked for. On the way: `training.sources.site`,
`training.fine_tune`, `training.served`, `training.gate`. After it: a row of ``model_decision``, a page among the
models, and perhaps another active version, which the workers take up. Only the last transaction changes anything that
counts: a run that ends before it leaves all as it was, and the next one goes on from its checkpoints.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from db import fault, log, model_decisions, model_versions, settings
from db.errors import CarpusError
from db.model_decisions import Grounds
from db.session import transaction
from db.vocabulary import Decision
from training import base as bases
from training import gate, recipe, registry
from training.base import Base
from training.cases import Part
from training.decision import Begun, Made, Refreshed, decide
from training.fine_tune import fine_tune, next_version
from training.gate import Judgement
from training.pairs import Answers, Pair
from training.recipe import Recipe
from training.served import answers
from training.sources import open_source
from training.sources.database import IN_DATABASE
from training.sources.site import Site, open_site
from training.turns import FOLDER, RefreshError, alone
from training.unseen import check_unseen
from worker import correction
from worker.bundle import OPENVINO, Bundle
from worker.correction import SiteCalibration
from worker.model_store import model_store
from worker.settings import worker

PHANTOMS, DATABASE, NOTHING = "phantoms", "database", "none"

_log = log.get(__name__)


def refresh(base: str, folder: Path | None = None) -> Refreshed:
    """Fine-tune the active version on the site's reads, and let the candidate take its place if the gate allows it.

    Parameters
    ----------
    base
        What is not to be forgotten meanwhile: ``phantoms`` as in the recipe, ``none``, or as ``--data`` names it.
    folder
        In a folder of its own there, pictures and checkpoints are kept until there is a decision; None: in the store.

    Raises
    ------
    RefreshError
        When another refresh is running, or the active version cannot be refreshed.
    CarpusError
        When anything on the way cannot be; the active version stays, and a decision says why.
    """
    kept = (folder or settings.shared().store) / FOLDER / "run"
    with alone() as is_alone:
        try:
            refreshed = _refresh(base, kept, is_alone)
        except CarpusError as error:
            with suppress(CarpusError), transaction() as session:  # such as where the database is what is away
                model_decisions.decide(session, Decision.FAILED, grounds=Grounds([str(error)]))
            raise
        shutil.rmtree(kept, ignore_errors=True)
        return refreshed


def _refresh(base: str, kept: Path, is_alone: Callable[[], None]) -> Refreshed:
    begun = _begin(base, kept)
    counts, test = begun.site.counts, Counter(case.sex for case in begun.site.parts[Part.TEST])
    _log.info("refresh_begun", model=begun.parent.card.version, new_reads=counts.new_reads, uses=counts.uses)
    fault.point("refresh_begun")
    missing = gate.enough(test, counts.new_reads, begun.recipe.refresh)
    made = _candidate(begun) if missing is None else None
    judgement = missing or _judged(begun, made)
    fault.point("refresh_judged")
    is_alone()
    refreshed = decide(begun, made, judgement)
    fault.point("refresh_committed")
    _log.info("refresh_decided", verdict=str(judgement.verdict), reasons=list(judgement.reasons))
    return refreshed


def _begin(base: str, folder: Path) -> Begun:
    active, parent = registry.active()
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
    if worker().views not in {None, parent.card.views}:
        raise RefreshError(
            f"CARPUS_VIEWS: {worker().views}, but a version is judged over as many views as its card says, which are "
            f"{parent.card.views}; unset it"
        )
    site = _site(made_by.refresh.uses_of_a_split)
    beside = _base(base, made_by, parent, folder)
    if beside is not None:
        beside = bases.beside(beside, len(site.parts[Part.TRAINING]), made_by.refresh.base_share)
    return Begun(active, parent, made_by, site, beside, folder)


def _site(most_uses: int) -> Site:
    """Return the site's reads, by a new split where the present one has judged enough candidates."""
    site = open_site()
    if site.counts.uses < most_uses:
        return site
    with transaction() as session:
        words = f"the test reads have judged {site.counts.uses} candidates; patients who arrive from now on judge more"
        model_decisions.decide(session, Decision.NEW_SPLIT, grounds=Grounds([words]))
    return open_site()


def _base(named: str, made_by: Recipe, parent: Bundle, folder: Path) -> Base | None:
    if named == NOTHING:
        return None
    if named == DATABASE:
        raise RefreshError("the base set cannot be the database itself, whose test reads it would learn from")
    if named == PHANTOMS:
        return bases.drawn_base(made_by)
    source = open_source(named)
    learned = source.parts(made_by.split.fractions, made_by.fit.seed)[Part.TRAINING]
    check_unseen(parent, source, learned, folder, RefreshError)
    return bases.base_of(source, made_by)


def _candidate(begun: Begun) -> Made:
    """Make a candidate, and ask it and the versions that it is held against about what none has learned from."""
    card, folder = begun.parent.card, begun.folder
    with transaction() as session:
        version = next_version(card.version, model_versions.versions_of(session, card.name))
        corrects = correction.of_version(session, begun.active.id)
        chosen = model_versions.last_chosen(session)
    made = fine_tune(
        begun.parent, begun.site, begun.base, version=version, folder=folder / "candidate", work_folder=folder
    )
    fault.point("refresh_fitted")
    if (begun.parent.folder / OPENVINO).exists() and not (made.folder / OPENVINO).exists():
        raise RefreshError(f"{card.name} {version} has no graph for OpenVINO, which workers without TensorFlow need")
    candidate = _asked(begun, made)
    active, anchor = _asked(begun, begun.parent, corrects), None
    if chosen is not None and chosen.id != begun.active.id:
        anchor = _pairs(_asked(begun, model_store().fetch(chosen.sha256)), candidate)
    return Made(made, _pairs(active, candidate), anchor)


def _asked(begun: Begun, version: Bundle, corrects: SiteCalibration | None = None) -> list[Answers]:
    """Return what a version says of the site's test reads and, where there is one, of the base set.

    What the site corrects is for its own reads; the base set is read as it always was.
    """
    said = [answers(version, corrects, begun.site.parts[Part.TEST], begun.folder)]
    return said + ([answers(version, None, begun.base.test, begun.folder)] if begun.base else [])


def _pairs(before: Sequence[Answers], after: Sequence[Answers]) -> tuple[Pair, Pair | None]:
    site, *base = map(Pair, before, after)
    return site, base[0] if base else None


def _judged(begun: Begun, made: Made | None) -> Judgement:
    assert made is not None
    site, base = made.beside_active
    return gate.judge(site, base, begun.recipe.refresh, anchor=made.beside_chosen)
