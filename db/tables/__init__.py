"""The tables. What people query are the views beside them (``views/``), what changes a row's state is ``states``."""

from db.tables.assessment import Assessment
from db.tables.audit import AuditRun
from db.tables.base import MAX_BONE_AGE_MONTHS, MAX_CHRONOLOGICAL_AGE_MONTHS, Base
from db.tables.commitment import StorageCommitment
from db.tables.delivery import Delivery
from db.tables.model import ModelDecision, ModelVersion, SiteCalibration
from db.tables.radiograph import Radiograph
from db.tables.reading import ReadingList, ReadingListItem, ReferenceRead

__all__ = [
    "MAX_BONE_AGE_MONTHS",
    "MAX_CHRONOLOGICAL_AGE_MONTHS",
    "Assessment",
    "AuditRun",
    "Base",
    "Delivery",
    "ModelDecision",
    "ModelVersion",
    "Radiograph",
    "ReadingList",
    "ReadingListItem",
    "ReferenceRead",
    "SiteCalibration",
    "StorageCommitment",
]
