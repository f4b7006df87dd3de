"""What one audit found, and its tables on the screen.

Before it: the rows of ``gender_audit`` and ``gender_audit_gap``. After it: `carpus.audit`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from db.vocabulary import AuditVerdict

_SEXES = {"F": "girls", "M": "boys", "unknown": "sex not known"}
_COUNTS = ("n_assessed", "n", "n_other_reads", "n_without_bone_age", "n_with_age")
_MODEL = ("model_version_id", "model_name", "model_version", "model_sha256")


@dataclass(frozen=True)
class Found:
    """The rows of both views of one model version, at least one by sex; no gap where a sex has no reads."""

    by_sex: Sequence[Mapping[str, Any]]
    gaps: Sequence[Mapping[str, Any]]

    @property
    def model_version_id(self) -> int:
        """The row of ``model_version``."""
        return int(self.by_sex[0]["model_version_id"])

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self.by_sex[0]['model_name']} {self.by_sex[0]['model_version']}"

    @property
    def sha256(self) -> str:
        """The digest of the model version."""
        return str(self.by_sex[0]["model_sha256"])

    @property
    def verdict(self) -> AuditVerdict:
        """What the view says of the model version."""
        return AuditVerdict(self.gaps[0]["audit_verdict"]) if self.gaps else AuditVerdict.NOT_ENOUGH_DATA

    def figures(self) -> dict[str, Any]:
        """Return the rows as ``audit_run`` keeps them; which model it was says the row."""
        return {
            view: [{name: value for name, value in row.items() if name not in _MODEL} for row in rows]
            for view, rows in (("gender_audit", self.by_sex), ("gender_audit_gap", self.gaps))
        }


def on_screen(found: Found) -> tuple[Table, Table, str]:
    """Return the figures by sex and the gaps as tables, and the verdict as a line.

    Parameters
    ----------
    found
        Of one model version.
    """
    names = [name for name in found.by_sex[0] if name not in (*_MODEL, "sex")]
    by_sex = Table(
        "", *(_SEXES[row["sex"]] for row in found.by_sex), title=f"{found.name}: by sampled and blinded reads"
    )
    for name in names:
        by_sex.add_row(name, *(_number(row[name]) for row in found.by_sex))
    gaps = Table("boys less girls", "boys", "girls", "gap", "95% interval", "target", "verdict", title="gap")
    for row in found.gaps:
        interval = f"{_number(row['gap_low'])} to {_number(row['gap_high'])}"
        label = f"{row['figure']}{', standardised by age' if row['is_standardised'] else ''}"
        figures = (_number(row[name]) for name in ("male", "female", "gap"))
        gaps.add_row(label, *figures, interval, f"±{row['target']:g}", row["verdict"] or row["note"])
    return by_sex, gaps, f"{found.name}: {found.verdict}"


def _number(value: float | None) -> str:
    match value:
        case None:
            return "–"
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.3f}"
