"""How many millimetres of bone and of soft tissue the beam crosses at each pixel.

Before it come the outlines of `anatomy` and `soft_tissue`, framed; after it `radiography` exposes the detector.
A bone is a tube of cortex around spongy bone, a finger a cylinder: the distance to the edge gives the path through it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.framing import Frame
from training.phantom.outline import Points
from training.phantom.proportions import adult_male
from training.phantom.raster import distance_to_edge_mm, inside
from training.phantom.shaft import Bone
from training.phantom.soft_tissue import SoftTissue

# Share of the volume that is mineral: dense where the bone is spongy, at its ends; low in the marrow of the shaft.
_SPONGY_DENSITY = 0.32
_MARROW_DENSITY = 0.09
_SCAR_MM = 0.7
_SKIN_MM = 1.6


@dataclass(frozen=True)
class Thickness:
    """Paths through one hand, and what is where.

    Attributes
    ----------
    bone_mm, soft_tissue_mm : ndarray
        (rows, columns) float32 ≥ 0: length of the beam's path through mineral, and through the hand.
    is_bone, is_carpal, is_growth_plate, is_hand : ndarray
        (rows, columns) bool; sesamoids are among the carpal bones.
    """

    bone_mm: NDArray[np.float32]
    soft_tissue_mm: NDArray[np.float32]
    is_bone: NDArray[np.bool_]
    is_carpal: NDArray[np.bool_]
    is_growth_plate: NDArray[np.bool_]
    is_hand: NDArray[np.bool_]


def measure_thickness(
    bones: tuple[Bone, ...], soft_tissue: SoftTissue, frame: Frame, texture: NDArray[np.float32]
) -> Thickness:
    """Add up what the beam crosses.

    Parameters
    ----------
    bones : tuple of Bone
        In the hand's frame.
    soft_tissue : SoftTissue
        In the hand's frame.
    frame : Frame
        Where they fall on pixels.
    texture : ndarray
        (rows, columns) float32, around 1: how dense spongy bone is from place to place.

    Returns
    -------
    Thickness
        On the frame's pixels.
    """
    shape = (frame.rows, frame.columns)
    soft_mm, is_hand = _soft_tissue(soft_tissue, frame)
    is_bone, is_carpal, is_plate = np.zeros((3, *shape), bool)
    thickness = Thickness(np.zeros(shape, np.float32), soft_mm, is_bone, is_carpal, is_plate, is_hand)
    for bone in bones:
        _add_bone(bone, frame, texture, thickness)
    return thickness


def _add_bone(bone: Bone, frame: Frame, texture: NDArray[np.float32], thickness: Thickness) -> None:
    """Add one bone to the arrays of `thickness`, in the window it takes."""
    outlines = [frame.to_pixels(outline) for outline in bone.outlines_mm]
    corners = np.concatenate(outlines)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 4, (frame.columns, frame.rows))
    if (high <= low).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    mask = inside((high[1] - low[1], high[0] - low[0]), [outline - low for outline in outlines])
    edge_mm = distance_to_edge_mm(mask, frame.pixels_per_mm)
    along = _share_from_middle(frame.to_pixels(bone.axis_mm) - low, mask.shape)
    thickness.bone_mm[window] += _path_through_tube(bone, edge_mm, along, texture[window])
    if bone.scar_mm is not None:
        _add_scar(bone.scar, bone.scar_mm, frame, thickness.bone_mm)
    if bone.plate_mm is not None:
        plate = inside(mask.shape, [frame.to_pixels(bone.plate_mm) - low])
        thickness.is_growth_plate[window] |= plate > mask
    thickness.is_bone[window] |= mask > 0
    if bone.name in adult_male().round_bones:
        thickness.is_carpal[window] |= mask > 0


def _path_through_tube(
    bone: Bone, edge_mm: NDArray[np.float32], along: NDArray[np.float32], texture: NDArray[np.float32]
) -> NDArray[np.float32]:
    ends, waist = bone.cortex_mm
    cortex = ends + (waist - ends) * (1 - along)
    density = _MARROW_DENSITY + (_SPONGY_DENSITY - _MARROW_DENSITY) * along
    radius = np.float32(max(bone.depth_mm, waist + 0.05))
    outer = _chord(edge_mm, radius)
    inner = _chord(np.maximum(edge_mm - cortex, 0), radius - cortex)
    return np.where(edge_mm > 0, outer - inner + density * texture * inner, 0).astype(np.float32)


def _chord(edge_mm: NDArray[np.float32], radius_mm: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    depth = np.minimum(edge_mm, radius_mm)
    return np.asarray(2 * np.sqrt(depth * (2 * radius_mm - depth)), np.float32)


def _share_from_middle(axis: Points, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Tell for each pixel how far it is from the waist of the bone, 0, towards its ends, 1; a round bone is all end."""
    along = axis[1] - axis[0]
    length_squared = float(along @ along)
    if length_squared < 1:
        return np.ones(shape, np.float32)
    along = along / length_squared
    columns = (np.arange(shape[1]) - axis[0, 0]) * along[0]
    rows = (np.arange(shape[0]) - axis[0, 1]) * along[1]
    share = np.abs(2 * (rows[:, None] + columns[None]) - 1).astype(np.float32)
    return np.asarray(np.clip(share * share * 1.15, 0, 1), np.float32)


def _add_scar(scar: float, scar_mm: Points, frame: Frame, bone_mm: NDArray[np.float32]) -> None:
    line = np.zeros(bone_mm.shape, np.uint8)
    ends = np.round(frame.to_pixels(scar_mm) * 16).astype(np.int32)
    cv2.line(line, ends[0], ends[1], 255, max(1, round(0.6 * frame.pixels_per_mm)), cv2.LINE_AA, 4)
    bone_mm += line.astype(np.float32) * np.float32(_SCAR_MM * scar / 255)


def _soft_tissue(soft_tissue: SoftTissue, frame: Frame) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    mask = inside((frame.rows, frame.columns), [frame.to_pixels(outline) for outline in soft_tissue.outlines_mm])
    # Skin spans the sharp corners between convex outlines: a blurred mask cut at one half has none.
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SKIN_MM * frame.pixels_per_mm)
    mask = np.rint(blurred).astype(np.uint8)
    edge_mm = distance_to_edge_mm(mask, frame.pixels_per_mm)
    radius = soft_tissue.half_thickness_mm
    smooth_mm = cv2.GaussianBlur(_chord(edge_mm, np.float32(radius)), (0, 0), 0.1 * radius * frame.pixels_per_mm)
    column, row = np.arange(frame.columns, dtype=np.float32), np.arange(frame.rows, dtype=np.float32)
    thenar = frame.to_pixels(soft_tissue.thenar_mm[None])[0]
    reach = soft_tissue.thenar_radius_mm * frame.pixels_per_mm
    bump = np.exp(-((column - thenar[0]) ** 2) / reach**2)[None] * np.exp(-((row - thenar[1]) ** 2) / reach**2)[:, None]
    wrist, elbow = frame.to_pixels(np.stack([soft_tissue.wrist_mm, soft_tissue.wrist_mm + soft_tissue.forearm]))
    towards = (elbow - wrist) / (50 * frame.pixels_per_mm**2)  # 1 at 50 mm beyond the wrist
    beyond = np.clip((row - wrist[1])[:, None] * towards[1] + (column - wrist[0])[None] * towards[0] + 0.3, 0, 1.2)
    factor = 1 + 0.35 * bump + 0.35 * beyond
    return (smooth_mm * factor * mask).astype(np.float32), mask.astype(bool)
