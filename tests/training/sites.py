"""A site whose radiographs are drawn hands, so that a test can fine-tune on it without a database."""

from training.cases import Case, Part
from training.sources.phantoms import phantoms
from training.sources.site import Site, SiteCounts

COUNTS = {"training": 3, "validation": 2, "calibration": 2, "test": 3}

_FIRST = 1_000  # of the hands of a part, so that none is in a base set of fewer


def site_of(**counts: int) -> Site:
    """Return a site with so many radiographs in each part, each of a patient of its own."""
    parts = {part: _cases(part, (COUNTS | counts)[part]) for part in Part}
    known = SiteCounts({}, {}, new_reads=0, uses=0, last_read_id=0)
    return Site(parts, known, "so many of this site")


def _cases(part: Part, count: int) -> list[Case]:
    return [
        Case(f"radiograph {one.name[8:]}", f"patient {one.name[8:]}", one.sex, one.bone_age_months, None, one.picture)
        for one in phantoms(part, _FIRST + count)[_FIRST:]
    ]
