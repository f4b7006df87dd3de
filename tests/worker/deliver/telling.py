"""A result to tell of: a girl of 9 years, 120.4 months."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from worker.deliver.result import Result
from worker.preprocess import Preprocessing

RESULT = Result(
    radiograph_id=1,
    patient_sex="F",
    chronological_age_months=108.0,
    chronological_age_source="PatientBirthDate",
    chronological_age_span_months=0.0,
    bone_age_months=120.4,
    bone_age_low_months=110.0,
    bone_age_high_months=131.5,
    interval_caveat="not calibrated on radiographs",
    bone_age_sds=1.25,
    bone_age_low_sds=0.2,
    bone_age_high_sds=2.3,
    maturity="normal",
    probability_delayed=0.0,
    probability_normal=0.9,
    probability_advanced=0.1,
    sds_unknown_because=None,
    review_reasons=[],
    notes=[],
    stage="adolescent",
    stage_probability_child=0.45,
    stage_probability_adolescent=0.55,
    stage_probability_adult=0.0,
    sex_used="F",
    bone_age_if_female_months=120.4,
    bone_age_if_male_months=133.0,
    heat_map=[[0.0, 1.0], [0.5, 0.25]],
    heat_map_peak_months=3.0,
    model_name="drawn",
    model_version="1.0.0",
    model_sha256="0" * 64,
    model_intended_use="demonstration",
    model_limitations="has seen no patient",
    model_preprocessing=Preprocessing(rows=64, columns=64).model_dump(mode="json"),
    is_site_calibrated=False,
    assessed_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
)
UNKNOWN_SEX: dict[str, Any] = {
    "patient_sex": "missing",
    "bone_age_months": None,
    "bone_age_low_months": None,
    "bone_age_high_months": None,
    "bone_age_sds": None,
    "sds_unknown_because": "the sex is not known",
    "maturity": None,
    "stage_probability_child": None,
    "stage_probability_adolescent": None,
    "stage_probability_adult": None,
    "sex_used": None,
}


def result(**columns: Any) -> Result:
    """Return the result with other values."""
    return replace(RESULT, **columns)
