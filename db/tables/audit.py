"""The table of gender audits that were run: what each found, so that the gap can be followed over time."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from db.vocabulary import AuditVerdict


class AuditRun(Base):
    """One gender audit of one model version, by ``carpus audit``."""

    __tablename__ = "audit_run"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    run_at: Mapped[datetime] = mapped_column(server_default=func.now())
    figures: Mapped[dict[str, Any]] = mapped_column(
        comment="the rows of gender_audit and gender_audit_gap as they were then"
    )
    verdict: Mapped[str]

    __table_args__ = (one_of("verdict", AuditVerdict), Index(None, "model_version_id", "run_at"))
