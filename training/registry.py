"""The registry as people use it: bundles go in, versions become active, shadow or retired.

Before it: a bundle that `training.fit` or `training.refresh` made. After it: `db.model_decisions`, by which the workers
take it up (`worker.serving`). A bundle is put into the model store before the database knows of it, so that what is
registered can be loaded.
"""

from pathlib import Path
from typing import Any

from rich.table import Column, Table
from sqlalchemy import text

from db import model_decisions, model_versions
from db.model_decisions import Grounds
from db.model_versions import Served
from db.session import transaction
from db.tables import ModelVersion
from worker import bundle
from worker.active import facts_of
from worker.bundle import Bundle
from worker.model_store import model_store

_ALL = text("SELECT * FROM model_versions WHERE status IS NOT NULL ORDER BY model_version_id")
_DECISIONS = text("SELECT * FROM model_decisions ORDER BY decision_id DESC LIMIT :most")


def register(folder: Path, parent_id: int | None = None) -> ModelVersion:
    """Keep a bundle in the model store and register it as a candidate; one that is registered stays as it is.

    Parameters
    ----------
    folder
        The bundle.
    parent_id
        The version that it was fine-tuned from.

    Raises
    ------
    BundleError
        When it is not what its card says.
    OutageError
        When the store or the database is away.
    """
    kept = model_store().put(bundle.load(folder))
    with transaction() as session:
        return model_decisions.register(session, facts_of(kept), parent_id)


def promote(named: str, reason: str) -> ModelVersion:
    """Make a registered version active, after its bundle was loaded and found whole.

    Parameters
    ----------
    named
        Name and version, or the first digits of the digest.
    reason
        Why.

    Raises
    ------
    ModelVersionError
        When none is called so, or it is active already.
    BundleError
        When its bundle is missing or changed.
    OutageError
        When the store or the database is away.
    """
    with transaction() as session:
        row = model_versions.find(session, named)
        model_store().fetch(row.sha256)
        model_decisions.promote(session, row, Grounds([reason]))
        return row


def roll_back(reason: str) -> ModelVersion:
    """Make the version active that was so before, after its bundle was loaded and found whole.

    Parameters
    ----------
    reason
        Why.

    Raises
    ------
    ModelVersionError
        When no other one was active before.
    BundleError
        When its bundle is missing or changed; the present version stays.
    OutageError
        When the store or the database is away.
    """
    with transaction() as session:
        row = model_decisions.roll_back(session, Grounds([reason]))
        model_store().fetch(row.sha256)
        return row


def let_shadow(named: str) -> ModelVersion:
    """Let a registered version assess beside the active one.

    Raises
    ------
    ModelVersionError, BundleError, OutageError
        As in :func:`promote`.
    """
    with transaction() as session:
        row = model_versions.find(session, named)
        model_store().fetch(row.sha256)
        model_decisions.let_shadow(session, row)
        return row


def retire(named: str) -> ModelVersion:
    """Take a shadow or a candidate out of use.

    Raises
    ------
    ModelVersionError
        When none is called so, or it is the active one.
    OutageError
        When the database is away.
    """
    with transaction() as session:
        row = model_versions.find(session, named)
        model_decisions.retire(session, row)
        return row


def active() -> tuple[Served, Bundle]:
    """Return the active version and its bundle.

    Raises
    ------
    ModelVersionError
        When none is active yet.
    BundleError
        When its bundle is missing or changed.
    OutageError
        When the store or the database is away.
    """
    with transaction() as session:
        wanted = model_versions.active(session)
    return wanted, model_store().fetch(wanted.sha256)


def versions_on_screen() -> Table:
    """Return the registered versions as a table."""
    whole = [Column(name, no_wrap=True) for name in ("status", "model", "digest")]
    drawn = Table(*whole, "parent", "MAE, months", Column("registered", no_wrap=True), title="model versions")
    with transaction() as session:
        rows = session.execute(_ALL).mappings().all()
    names = {row["model_version_id"]: f"{row['model_name']} {row['model_version']}" for row in rows}
    for row in rows:
        drawn.add_row(
            row["status"],
            names[row["model_version_id"]],
            row["model_sha256"][:12],
            names.get(row["parent_model_version_id"], ""),
            _mae(row),
            f"{row['registered_at']:%Y-%m-%d}",
        )
    drawn.caption = "MAE of the card, on what it was not trained on; what a version is worth here, `carpus audit` says"
    return drawn


def decisions_on_screen(most: int) -> Table:
    """Return the latest decisions as a table, the last one first.

    Parameters
    ----------
    most
        How many.
    """
    drawn = Table("when", "decision", "model", "active after it", "because", title="decisions")
    with transaction() as session:
        rows = session.execute(_DECISIONS, {"most": most}).mappings().all()
    for row in rows:
        drawn.add_row(
            f"{row['decided_at']:%Y-%m-%d %H:%M}",
            row["decision"],
            _named(row, ""),
            _named(row, "active_"),
            "\n".join(row["reasons"]),
        )
    return drawn


def _mae(row: Any) -> str:
    if row["mae_months"] is None:
        return ""
    return f"{row['mae_months']:.1f} ({row['mae_low_months']:.1f} to {row['mae_high_months']:.1f})"


def _named(row: Any, kind: str) -> str:
    name = row[f"{kind}model_name"]
    return f"{name} {row[f'{kind}model_version']}" if name else ""
