"""The structured report: a Comprehensive SR after TID 1500, whose one bone age a system may import as it stands.

Before it: :mod:`result` and :mod:`source`. After it: :mod:`archive`. Where there is no headline, or it is withheld, no
number is in it. It is observed by a device, and UNVERIFIED.

References
----------
DICOM PS3.3 A.35.3 (Comprehensive SR), C.17 (SR modules); PS3.16 TID 1500, 1501, 300, 310, 311, 4019.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageContentItem,
    Measurement,
    MeasurementProperties,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    MeasurementStatisticalProperties,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard_codes
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian

from db.identity import MANUFACTURER, UID_ROOT
from db.vocabulary import Maturity, Stage
from worker.deliver import codes
from worker.deliver.maker import SERIES_NUMBERS, Reference, Uids, file_in_study, plain, stamp
from worker.deliver.result import VERIFICATION, Result, about_model, headline, lines
from worker.deliver.source import ALWAYS_PRESENT

SOP_CLASS_UID: Final = ComprehensiveSRStorage
_ALGORITHM: Final = "Carpus bone age"


@dataclass(frozen=True)
class Beside:
    """What the report refers to beside the radiograph."""

    picture: Reference
    predecessor: Reference | None = None


def make_report(result: Result, source: Dataset, uids: Uids, beside: Beside, laterality: str | None) -> Dataset:
    """Make the structured report of a result.

    Parameters
    ----------
    result
        What is said.
    source
        Patient and study, as `worker.deliver.source.source_header` gives them. Not changed.
    uids
        Those of the report.
    beside
        The picture, and the report that this one replaces.
    laterality
        L or R, where the radiograph's header says so.

    Returns
    -------
    Dataset
        With file meta information, Explicit VR Little Endian; the same for the same arguments.
    """
    content = MeasurementReport(
        observation_context=_observer(),
        procedure_reported=codes.PROCEDURE,
        imaging_measurements=[_group(result, source, uids, beside.picture, laterality)],
    )
    content[0].ContentSequence.append(_conclusions(result))
    report = ComprehensiveSR(
        evidence=[_bare(source), _as_dataset(beside.picture)],
        content=content,
        series_instance_uid=uids.series,
        series_number=SERIES_NUMBERS["report"],
        sop_instance_uid=uids.instance,
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description="Bone age (Carpus)",
        is_complete=True,
        is_final=False,
        is_verified=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        previous_versions=[_as_dataset(beside.predecessor)] if beside.predecessor else None,
    )
    report.pop("ContributingEquipmentSequence", None)  # highdicom, at the time of day
    file_in_study(report, source)
    stamp(report, result)
    return report


def _observer() -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=UID_ROOT, name=MANUFACTURER, manufacturer_name=MANUFACTURER, model_name=_ALGORITHM
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=standard_codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _group(
    result: Result, source: Dataset, uids: Uids, picture: Reference, laterality: str | None
) -> MeasurementsAndQualitativeEvaluations:
    site = FindingSite(codes.HAND, laterality=codes.SIDES[laterality] if laterality else None)
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=uids.tracking, identifier="Bone age"),
        algorithm_id=AlgorithmIdentification(
            name=_ALGORITHM,
            version=plain(f"{result.model_name} {result.model_version}"),
            parameters=[f"model SHA-256 {result.model_sha256}"],
            family=codes.NETWORK,
        ),
        finding_sites=[site],
        measurements=_bone_age(result, site),
        qualitative_evaluations=_evaluations(result),
        source_images=[SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
    )
    group[0].ContentSequence.append(
        ImageContentItem(
            codes.HEAT_MAP,
            picture.sop_class_uid,
            picture.sop_instance_uid,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )
    return group


def _bone_age(result: Result, site: FindingSite) -> Sequence[Measurement] | None:
    months = result.told_months
    if months is None:
        return None
    properties = MeasurementProperties(measurement_statistical_properties=_score(result))
    # highdicom's own arguments for these have no unit.
    for name, bound in ((codes.ABOVE, result.bone_age_high_months), (codes.BELOW, result.bone_age_low_months)):
        if bound is not None:
            properties.append(_number(name, abs(bound - months), codes.MONTH))
    measured = Measurement(
        name=codes.BONE_AGE,
        value=months,
        unit=codes.MONTH,
        method=codes.GREULICH_PYLE,
        finding_sites=[site],
        properties=properties if len(properties) else None,
    )
    _shorten(measured[0])
    return [measured]


def _score(result: Result) -> MeasurementStatisticalProperties | None:
    if result.bone_age_sds is None:
        return None
    return MeasurementStatisticalProperties(
        values=[_number(codes.Z_SCORE, result.bone_age_sds, codes.NO_UNIT)],
        description="Standard deviations of skeletal age at this age and sex",
        authority="Brush Foundation, from one source, unverified against the atlas",
    )


def _evaluations(result: Result) -> list[QualitativeEvaluation] | None:
    found = []
    if result.told_stage is not None:
        found.append(QualitativeEvaluation(codes.STAGE, codes.STAGES[Stage(result.told_stage)]))
    if result.told_months is not None and result.maturity is not None:
        found.append(QualitativeEvaluation(codes.MATURITY, codes.MATURITIES[Maturity(result.maturity)]))
    return found or None


def _conclusions(result: Result) -> ContainerContentItem:
    """Return what the picture says, too, for whoever reads and does not import."""
    said = [(line.label, line.words) for line in (*lines(result), *about_model(result))]
    texts = [(codes.CONCLUSION, headline(result))]
    texts += [(codes.COMMENT, f"{label}: {words}") for label, words in said]
    texts.append((codes.COMMENT, VERIFICATION))
    container = ContainerContentItem(codes.CONCLUSIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence(
        [
            TextContentItem(name, plain(words), relationship_type=RelationshipTypeValues.CONTAINS)
            for name, words in texts
        ]
    )
    return container


def _number(name: CodedConcept, value: float, unit: CodedConcept) -> NumContentItem:
    item = NumContentItem(name, value, unit, relationship_type=RelationshipTypeValues.HAS_PROPERTIES)
    _shorten(item)
    return item


def _shorten(item: Dataset) -> None:
    """Let a number be read with two decimals, and be kept in full beside them (PS3.3 C.18.1)."""
    measured = item.MeasuredValueSequence[0]
    measured.FloatingPointValue = float(measured.get("FloatingPointValue", measured.NumericValue))
    measured.NumericValue = f"{measured.FloatingPointValue:.2f}"


def _bare(source: Dataset) -> Dataset:
    """Return a source that highdicom takes: it refuses many a patient's data that an archive has taken long since."""
    references = (source.SOPClassUID, source.SOPInstanceUID, source.StudyInstanceUID, source.SeriesInstanceUID)
    bare = _as_dataset(Reference(*references))
    for keyword in ALWAYS_PRESENT:
        setattr(bare, keyword, "")
    return bare


def _as_dataset(reference: Reference) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = reference.sop_class_uid, reference.sop_instance_uid
    dataset.StudyInstanceUID = reference.study_instance_uid
    dataset.SeriesInstanceUID = reference.series_instance_uid
    return dataset
