"""A site's correction where it is kept, the table ``site_calibration``, and on the screen.

Before it: `training.site_calibration` fitted it. After it: `worker.correction` reads it back.
"""

import math

from rich.console import Group, RenderableType
from rich.table import Table
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from db.tables import ModelVersion, SiteCalibration
from training import calibrated_card
from training.site_calibration import WORDS, Fitted, SexFit


def keep(session: Session, model_version_id: int, fitted: Fitted) -> int:
    """Let a correction take the place of a version's former one, also where it corrects nothing.

    Parameters
    ----------
    session
        An open transaction; both happen in it or neither.
    model_version_id
        The version whose answers it was fitted on.
    fitted
        The correction.

    Returns
    -------
    int
        Its row's id.
    """
    # Two that are kept at once wait for each other here; who only names the version in a row does not wait.
    version = select(ModelVersion.id).where(ModelVersion.id == model_version_id)
    session.execute(version.with_for_update(key_share=True)).one()
    session.execute(
        update(SiteCalibration)
        .where(SiteCalibration.model_version_id == model_version_id, SiteCalibration.retired_at.is_(None))
        .values(retired_at=func.clock_timestamp())
    )
    values = {
        "model_version_id": model_version_id,
        "correction": fitted.correction.model_dump(mode="json"),
        "figures": fitted.figures,
    }
    if fitted.calibration is not None:  # else NULL, which a None given here would not be: it would be JSON's null
        values["calibration"] = fitted.calibration.model_dump(mode="json")
    return session.scalars(insert(SiteCalibration).values(values).returning(SiteCalibration.id)).one()


def on_screen(fitted: Fitted) -> RenderableType:
    """Return a correction as tables: the lines with what they change, and the intervals.

    Parameters
    ----------
    fitted
        Of one version.
    """
    lines = Table(
        *("", "n", "expected reference, months", "MAE before", "MAE after", "change, under (95%)", "applied"),
        title=f"{fitted.figures['model']}: linear correction, cross-validated by patient",
        caption=f"intervals: {fitted.intervals}",
    )
    for one in fitted.fits:
        lines.add_row(WORDS[one.sex], f"{one.radiographs:,}", *_numbers(one), "; ".join(one.why_not) or "yes")
    return lines if fitted.calibration is None else Group(lines, calibrated_card.on_screen(fitted.calibration))


def _numbers(one: SexFit) -> tuple[str, ...]:
    if math.isnan(one.before_months):
        return ("", "", "", "")
    line = f"{one.intercept_months:+.1f} {one.slope:+.3f} × answer"
    change = f"{one.change_months:+.2f}, under {one.upper_months:+.2f}"
    return line, f"{one.before_months:.2f}", f"{one.after_months:.2f}", change
