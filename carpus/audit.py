"""``carpus audit``: whether a model judges girls and boys alike, by the reads that were sampled and blinded.

Before it: the views ``gender_audit`` and ``gender_audit_gap``, which hold all the arithmetic. After it: a row of
``audit_run`` for each model version, tables on the screen (`carpus.audit_tables`) and pages (`training.report.audit`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from carpus import database
from carpus.audit_tables import Found, on_screen
from carpus.requeue import engine_of
from carpus.settings import StackSettings
from db import settings
from db.errors import CarpusError
from db.roles import Role
from db.session import transaction
from db.tables import AuditRun
from db.vocabulary import AuditVerdict

PASSED, FAILED, UNDECIDED = 0, 1, 2
SHOWN_AT_MOST = 5000  # radiographs in a page's plots; more make it too large to open, and show no more
_PAGE_NEEDS = {"jinja2", "markupsafe", "matplotlib", "scipy"}

_BY_SEX = text(
    "SELECT * FROM gender_audit WHERE CAST(:model AS text) IS NULL OR model_name = :model"
    " OR starts_with(model_sha256, :model)"
    " ORDER BY model_version_id, sex"
)
_GAPS = text(
    "SELECT * FROM gender_audit_gap WHERE model_version_id = ANY(:ids)"
    " ORDER BY model_version_id, is_standardised DESC, figure"
)
_PAST = text(
    "SELECT run_at, figures -> 'gender_audit_gap' AS gaps FROM audit_run WHERE model_version_id = :id ORDER BY run_at"
)
# By a digest of the id, so that the same radiographs are shown each time, and no kind of them more often.
_RADIOGRAPHS = text(
    "SELECT radiograph_id, patient_sex, patient, reference_months, bone_age_months FROM gender_audit_radiograph"
    " WHERE model_version_id = :id AND patient_sex IN ('M', 'F') ORDER BY md5(radiograph_id::text) LIMIT :most"
)


class AuditError(CarpusError):
    """No such model version, or the database is not of this version; the message says what to do."""


def run(model: str | None, output: Path | None, console: Console, *, is_fail_only: bool) -> int:
    """Audit model versions, keep what was found, and show it.

    Parameters
    ----------
    model
        Name, or the first digits of the digest; None: every version that has assessed something.
    output
        Folder of the pages; None: ``audit`` in that of the one-machine stack.
    console
        Where the operator reads.
    is_fail_only
        Whether *not enough data* ends as *pass* does.

    Returns
    -------
    int
        The exit status: 0 where all pass, 1 where one fails, 2 where none fails and for one there is not enough data.

    Raises
    ------
    AuditError
        When nothing is called so, or the database lacks the views.
    """
    with database.available(Role.WRITER) as url, _asked(url) as session:
        # All queries see the same rows, however many come meanwhile.
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        found = _found(session, model)
        for one in found:
            session.add(AuditRun(model_version_id=one.model_version_id, figures=one.figures(), verdict=one.verdict))
        session.flush()
        for one in found:
            console.print(*on_screen(one), sep="\n")
        _write_pages(session, found, output or settings.load(StackSettings).home / "audit", console)
    if not found:
        console.print("nothing has been assessed yet, so that there is nothing to audit", highlight=False)
    return _status([one.verdict for one in found] or [AuditVerdict.NOT_ENOUGH_DATA], is_fail_only=is_fail_only)


@contextmanager
def _asked(url: str) -> Iterator[Session]:
    engine = engine_of(url)
    try:
        with transaction(engine) as session:
            yield session
    except ProgrammingError as error:
        reason = str(error.orig).partition("\n")[0]
        raise AuditError(f"the database did not let it be audited ({reason}): run `python -m db.migrate`") from error
    finally:
        engine.dispose()


def _found(session: Session, model: str | None) -> list[Found]:
    by_sex = [dict(row) for row in session.execute(_BY_SEX, {"model": model}).mappings()]
    if model is not None and not by_sex:
        raise AuditError(f"no model version that has assessed anything is called {model}, by name or by digest")
    ids = list(dict.fromkeys(row["model_version_id"] for row in by_sex))
    gaps = [dict(row) for row in session.execute(_GAPS, {"ids": ids}).mappings()]
    return [
        Found(
            [row for row in by_sex if row["model_version_id"] == one],
            [row for row in gaps if row["model_version_id"] == one],
        )
        for one in ids
    ]


def _status(verdicts: Sequence[AuditVerdict], *, is_fail_only: bool) -> int:
    if AuditVerdict.FAIL in verdicts:
        return FAILED
    is_undecided = AuditVerdict.NOT_ENOUGH_DATA in verdicts and not is_fail_only
    return UNDECIDED if is_undecided else PASSED


def _write_pages(session: Session, found: Sequence[Found], folder: Path, console: Console) -> None:
    try:
        from training.report import audit
    except ModuleNotFoundError as error:
        if error.name not in _PAGE_NEEDS:
            raise
        console.print(
            f"no page was written, for {error.name} is missing: install carpus[training]", highlight=False, markup=False
        )
        return
    for one in found:
        radiographs = session.execute(_RADIOGRAPHS, {"id": one.model_version_id, "most": SHOWN_AT_MOST}).all()
        past = session.execute(_PAST, {"id": one.model_version_id}).all()
        page = audit.Page(
            title=f"Gender audit: {one.name}",
            sha256=one.sha256,
            verdict=one.verdict,
            by_sex=one.by_sex,
            gaps=one.gaps,
            past=[audit.Past(row.run_at, row.gaps) for row in past],
            predictions=audit.predictions(one.name, radiographs),
        )
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"audit-{one.sha256[:12]}.html"
        audit.write(page, path)
        console.print(f"page: {path}", highlight=False, markup=False, soft_wrap=True)
