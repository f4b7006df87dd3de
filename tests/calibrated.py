"""A calibration small enough to work out by hand: two bands of each sex, residuals at five quantiles."""

from worker.calibration import Calibration, Coverage, MeasuredCoverage, ResidualGroup

RESIDUALS_MONTHS = (-20.0, -10.0, 0.0, 10.0, 20.0)  # a quarter of the cases between any two


def group(sex: str, from_months: float, to_months: float, half_width_months: float) -> ResidualGroup:
    """Return a group of a thousand cases."""
    return ResidualGroup.model_validate(
        {
            "sex": sex,
            "from_months": from_months,
            "to_months": to_months,
            "cases": 1000,
            "half_width_months": half_width_months,
            "residual_quantiles_months": RESIDUALS_MONTHS,
        }
    )


GROUPS = (group("F", 0, 120, 10), group("F", 120, 300, 20), group("M", 0, 120, 12), group("M", 120, 300, 16))


def calibration(calibrated_on: str = "drawn hands", groups: tuple[ResidualGroup, ...] = GROUPS) -> Calibration:
    """Return a calibration that claims full coverage of one case."""
    one = Coverage(cases=1, covered=1, low=0.2, high=1)
    return Calibration.model_validate(
        {
            "calibrated_on": calibrated_on,
            "data": "invented",
            "cases": 4000,
            "groups": groups,
            "coverage": MeasuredCoverage(test="invented", overall=one, by_sex={}),
        }
    )
