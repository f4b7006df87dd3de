"""Sizes and shapes of the bones of a grown man's hand, read from the tables beside this module.

Before it come `bones.toml` and `carpus.toml`; after it `long_bone` and `carpal` shape bones of any age.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.phantom.outline import Points

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """What bones of one kind have in common; curves at 9 places from the little finger's side to the thumb's.

    Attributes
    ----------
    is_plate_distal : bool
        Whether the growth plate is at the distal end.
    flare, flare_power : tuple of float
        Share of the length over which the plate's end, and the other, narrow to the waist, and how concave.
    depth : float
        Half thickness along the beam beside the half width.
    head, young_head : Floats
        (9,) how far the end without a plate is drawn in, in shares of its half width.
    joint, plate_end : Floats
        (9,) how far the grown epiphysis is drawn in at the joint, and the shaft at the plate, in shares of the
        metaphysis' width.
    dome : float
        Exponent of the epiphysis' superellipse at the joint.
    epiphysis : tuple of float
        Factors on its width, height and distance from the shaft.
    is_ball : bool
        Whether it is a head, a ball before it is a cap.
    """

    is_plate_distal: bool
    flare: tuple[float, float]
    flare_power: tuple[float, float]
    depth: float
    head: Floats
    young_head: Floats
    joint: Floats
    plate_end: Floats
    dome: float
    epiphysis: tuple[float, float, float]
    is_ball: bool


@dataclass(frozen=True)
class LongBone:
    """A bone with a shaft and one growth plate, at its adult male size.

    Attributes
    ----------
    kind : Kind
        How it is shaped.
    length_mm : float
        From joint to joint.
    widths_mm : tuple of float
        At the plate's end, the waist and the other end.
    zone : float
        Share of the length that epiphysis and growth plate take.
    bend_mm : float
        How far the waist lies to the thumb's side.
    base_mm : Floats or None
        (9,) how far the end without a plate is drawn in, where it is this bone's own.
    """

    kind: Kind
    length_mm: float
    widths_mm: tuple[float, float, float]
    zone: float
    bend_mm: float
    base_mm: Floats | None


@dataclass(frozen=True)
class RoundBone:
    """A carpal bone or sesamoid at adult male size: outline around its centre, and how thick beside how wide it is."""

    centre_mm: Points
    outline_mm: Points
    depth: float


@cache
def long_bones() -> dict[str, LongBone]:
    """Return every long bone by name; shared, not to be changed."""
    table = _table("bones.toml")
    kinds = {name: _kind(values) for name, values in table["kinds"].items()}
    return {name: _long_bone(kinds[values["kind"]], values) for name, values in table["long_bones"].items()}


@cache
def joints_mm() -> dict[str, Points]:
    """Return where metacarpals, radius and ulna begin, (2,) each; shared, not to be changed."""
    return {name: np.array(point, float) for name, point in _table("bones.toml")["joints_mm"].items()}


@cache
def round_bones() -> dict[str, RoundBone]:
    """Return every carpal bone and sesamoid by name; shared, not to be changed."""
    bones = {}
    for name, values in _table("carpus.toml").items():
        outline = np.array(values["outline_mm"], float)
        centre = (outline.min(axis=0) + outline.max(axis=0)) / 2
        bones[name] = RoundBone(centre, outline - centre, values["depth"])
    return bones


def _kind(values: dict[str, Any]) -> Kind:
    curves = ("head", "young_head", "joint", "plate_end")
    head, young_head, joint, plate_end = (np.array(values[curve], float) for curve in curves)
    return Kind(
        values["plate"] == "distal",
        tuple(values["flare"]),
        tuple(values["flare_power"]),
        values["depth"],
        head,
        young_head,
        joint,
        plate_end,
        values["dome"],
        tuple(values["epiphysis"]),
        values.get("ball", False),
    )


def _long_bone(kind: Kind, values: dict[str, Any]) -> LongBone:
    proximal, waist, distal = values["widths_mm"]
    near, far = (distal, proximal) if kind.is_plate_distal else (proximal, distal)
    base = np.array(values["base"], float) if "base" in values else None
    return LongBone(kind, values["length_mm"], (near, waist, far), values["zone"], values.get("bend_mm", 0.0), base)


def _table(file: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(file).read_text(encoding="utf-8"))
