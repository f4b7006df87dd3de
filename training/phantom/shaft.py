"""One long bone in its own frame: shaft, epiphysis, and the growth plate that narrows, bridges and leaves a line.

Before it come `timing` (how far the plate has come) and `proportions` (how large); after it `anatomy` places the bone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from training.phantom.outline import Points, disc, place, tube
from training.phantom.proportions import LongBone, Scale
from training.phantom.timing import Progress

# An epiphysis at each share of its growth, by eye on radiographs of the RSNA set at 24, 60, 102, 120 and 150 months:
# width beside the metaphysis, height and distance from the plate as shares of the epiphyseal zone.
_GROWTH = (0.0, 0.1, 0.3, 0.6, 1.0)
_WIDTH = (0.20, 0.52, 0.76, 0.98, 1.07)
_HEIGHT = (0.22, 0.42, 0.60, 0.76, 0.86)
_GAP = (0.38, 0.30, 0.22, 0.15, 0.10)
_SQUARENESS = (2.0, 2.1, 2.5, 3.4, 6.0)


@dataclass(frozen=True)
class _Form:
    """What sets one kind of bone apart: factors on the epiphysis above, its shape, and the shaft's.

    `dome` draws in the joint's corners, `wedge` is the share that the thumb's side is taller; `flare` is the share of
    the shaft over which the plate's end narrows to the waist, `depth` the half thickness beside the waist's width.
    """

    width: float = 1.0
    height: float = 1.0
    gap: float = 1.0
    dome: float = 0.25
    wedge: float = 0.0
    flare: float = 0.38
    depth: float = 0.5


_DISC = _Form()
_HEAD = _Form(width=1.12, height=1.08, gap=0.7, dome=1.0)
_FORMS = {
    **{f"metacarpal_{finger}": _HEAD for finger in range(2, 6)},
    "distal_radius": _Form(wedge=0.5, flare=0.16, depth=0.62),
    "distal_ulna": _Form(wedge=-0.3, flare=0.16, depth=0.62),
}


@dataclass(frozen=True)
class Bone:
    """One bone as the radiograph will show it.

    Attributes
    ----------
    name : str
        As in the table of centres.
    outlines_mm : tuple of Points
        Closed outlines whose union is the bone.
    axis_mm : Points
        (2, 2) the two ends of the shaft; twice the centre for a round bone.
    depth_mm : float
        Half its thickness along the beam.
    cortex_mm : tuple of float
        Thickness of the cortex at the ends and at the waist.
    plate_mm : Points or None
        (4, 2) around the open growth plate, the bone not cut out; None where there is none.
    scar_mm : Points or None
        (2, 2) the line where the plate was.
    scar : float
        How clearly that line shows, 0 to 1.
    """

    name: str
    outlines_mm: tuple[Points, ...]
    axis_mm: Points
    depth_mm: float
    cortex_mm: tuple[float, float]
    plate_mm: Points | None = None
    scar_mm: Points | None = None
    scar: float = 0.0

    def placed(self, origin_mm: Points, angle: float) -> "Bone":
        """Move the bone from its own frame into the hand's.

        Parameters
        ----------
        origin_mm : Points
            (2,) where its proximal end lies.
        angle : float
            Radians it leans to the thumb's side.

        Returns
        -------
        Bone
            A moved copy.
        """
        return self.moved(lambda points: place(points, origin_mm, angle))

    def moved(self, move: Callable[[Points], Points]) -> "Bone":
        """Move every point of the bone.

        Parameters
        ----------
        move : callable
            Takes (n, 2) points in mm and returns as many.

        Returns
        -------
        Bone
            A moved copy.
        """
        return replace(
            self,
            outlines_mm=tuple(move(outline) for outline in self.outlines_mm),
            axis_mm=move(self.axis_mm),
            plate_mm=None if self.plate_mm is None else move(self.plate_mm),
            scar_mm=None if self.scar_mm is None else move(self.scar_mm),
        )


def long_bone(
    name: str,
    adult: LongBone,
    progress: Progress,
    scale: Scale,
    *,
    length_mm: float,
    width_noise: float,
    cortex: float,
) -> Bone:
    """Shape one long bone as far as it has grown.

    Parameters
    ----------
    name : str
        As in the table of centres.
    adult : LongBone
        Its adult male size.
    progress : Progress
        How far its epiphysis and growth plate have come.
    scale : Scale
        How large the hand is.
    length_mm : float
        From joint to joint, as seen.
    width_noise : float
        How much wider than usual this bone is, as a factor.
    cortex : float
        How much thicker than usual this hand's cortex is, as a factor.

    Returns
    -------
    Bone
        In its own frame, from its proximal end at the origin along v.
    """
    first, waist, last = (width * width_noise for width in adult.widths_mm)
    near, far = (last, first) if adult.is_plate_distal else (first, last)
    near, waist, far = near * scale.width, waist * scale.waist, far * scale.width
    zone_mm = adult.zone * length_mm
    end_mm = length_mm - 2.0 * (1 - scale.grown)  # the far end of a child's bone is cartilage too
    form = _FORMS.get(name, _DISC)
    shaft = tube(zone_mm, end_mm, (near, waist, far), (0.05 * near, 0.45 * far), form.flare)
    pieces = _plate_end(form, progress, zone_mm, near)
    bone = Bone(
        name,
        (shaft, *pieces.outlines_mm),
        np.array([[0.0, zone_mm], [0.0, end_mm]]),
        form.depth * waist,
        (0.6 * cortex, (0.11 + 0.10 * scale.grown) * waist * cortex),
        pieces.plate_mm,
        pieces.scar_mm,
        progress.scar,
    )
    return bone.moved(lambda points: (0, length_mm) + points * (1, -1)) if adult.is_plate_distal else bone


@dataclass(frozen=True)
class _PlateEnd:
    outlines_mm: tuple[Points, ...]
    plate_mm: Points | None
    scar_mm: Points | None


def _plate_end(form: _Form, progress: Progress, zone_mm: float, metaphysis_mm: float) -> _PlateEnd:
    """Shape what lies between the shaft and the joint: nothing yet, an epiphysis, a closing plate, or a grown end."""
    if not progress.has_appeared:
        return _PlateEnd((), None, None)
    width, height, gap, squareness = (
        float(np.interp(progress.growth, _GROWTH, course)) for course in (_WIDTH, _HEIGHT, _GAP, _SQUARENESS)
    )
    width *= form.width * metaphysis_mm
    height *= form.height * zone_mm
    gap *= form.gap * zone_mm * (1 - 0.85 * progress.closing)
    middle = zone_mm - gap - height / 2
    wedge = form.wedge * max(progress.growth, 0.3)
    outlines = [disc(middle, width, height, squareness=squareness, wedge=wedge, dome=form.dome)]
    if progress.closing > 0:
        bridge = 0.94 * min(width, metaphysis_mm) * progress.closing**0.4
        outlines.append(_box(bridge, middle, zone_mm + 0.2 * metaphysis_mm))
    plate = None if progress.has_fused else _box(0.94 * width, middle, zone_mm + 0.03 * metaphysis_mm)
    level = zone_mm - gap / 2
    scar = np.array([[-0.42 * width, level], [0.42 * width, level]]) if progress.scar > 0 else None
    return _PlateEnd(tuple(outlines), plate, scar)


def _box(width_mm: float, start_mm: float, end_mm: float) -> Points:
    half = width_mm / 2
    return np.array([[-half, start_mm], [half, start_mm], [half, end_mm], [-half, end_mm]])
