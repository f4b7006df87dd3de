"""How many millimetres of mineral the beam crosses in each bone, added up where bones overlap.

Before it come the pieces of `long_bone` and the outlines of `carpal`, framed; after it `exposure` adds the flesh. A
bone is a tube of cortex around spongy bone: the chord through the outer tube less that through the inner one is cortex.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.hand.carpal import Carpal
from training.hand.piece import ACROSS, ALONG, Piece
from training.hand.spongiosa import Spongiosa
from training.phantom.framing import Frame
from training.phantom.outline import Points
from training.phantom.raster import distance_to_edge_mm, inside

Float32 = NDArray[np.float32]

# Half thickness of the dense lines at plates and joints: by eye, some 0.6 mm wide.
_LINE_MM = np.float32(0.55)
# Below this share of bone a piece is growth plate.
_BONE = 0.5
_CARPAL_SHELL_MM = 0.4
_LEAN = np.float32(1.15)  # by eye
_CARPAL_DENSITY = 0.18


@dataclass(frozen=True)
class Mineral:
    """What is added up while bones are drawn.

    Attributes
    ----------
    path_mm : ndarray
        (rows, columns) float32 ≥ 0: mineral in the beam's way.
    is_bone, is_carpal, is_growth_plate : ndarray
        (rows, columns) bool; sesamoids are among the carpal bones.
    """

    path_mm: Float32
    is_bone: NDArray[np.bool_]
    is_carpal: NDArray[np.bool_]
    is_growth_plate: NDArray[np.bool_]

    @classmethod
    def none(cls, frame: Frame) -> "Mineral":
        """Return that of a picture without bones."""
        shape = (frame.rows, frame.columns)
        return cls(np.zeros(shape, np.float32), *np.zeros((3, *shape), bool))


def add_piece(piece: Piece, frame: Frame, pattern: Spongiosa, offset_mm: Points, mineral: Mineral) -> None:
    """Add one piece of a long bone.

    Parameters
    ----------
    piece : Piece
        Placed in the hand's frame.
    frame : Frame
        Where that falls on pixels.
    pattern : Spongiosa
        Of the hand.
    offset_mm : Points
        (2,) where in the pattern the bone lies.
    mineral : Mineral
        Changed.
    """
    to_pixels = _own_to_pixels(piece, frame)
    window = _window(piece, to_pixels, frame)
    if window is None:
        return
    selected, u, v = _own_coordinates(piece, to_pixels, window)
    if not len(u):
        return
    path, fill, is_in = _path_mm(piece, u, v, pattern, offset_mm)
    mineral.path_mm[window][selected] += path
    is_solid = fill >= _BONE
    mineral.is_bone[window][selected] |= is_in & is_solid
    mineral.is_growth_plate[window][selected] |= is_in & ~is_solid


def add_carpal(carpal: Carpal, frame: Frame, pattern: Spongiosa, offset_mm: Points, mineral: Mineral) -> None:
    """Add one carpal bone or sesamoid.

    Parameters
    ----------
    carpal : Carpal
        In the hand's frame.
    frame : Frame
        Where that falls on pixels.
    pattern : Spongiosa
        Of the hand.
    offset_mm : Points
        (2,) where in the pattern the bone lies.
    mineral : Mineral
        Changed.
    """
    outline = frame.to_pixels(carpal.outline_mm)
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 4, (frame.columns, frame.rows))
    if (high <= low).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    mask = inside((high[1] - low[1], high[0] - low[0]), [outline - low])
    edge = distance_to_edge_mm(mask, frame.pixels_per_mm)
    selected = np.nonzero(edge)
    edge = edge[selected]
    texture = pattern.at(
        (selected[1] / frame.pixels_per_mm + offset_mm[0]).astype(np.float32),
        (selected[0] / frame.pixels_per_mm * pattern.stretch + offset_mm[1]).astype(np.float32),
    )
    radius = np.float32(max(carpal.depth_mm, 0.6))
    shell = np.float32(min(_CARPAL_SHELL_MM * carpal.cortex, 0.4 * float(radius)))
    # A carpal bone's edge is thinner than a ball's: its faces lean, and where two overlap they hardly brighten.
    outer = 2 * radius * _rounding(edge / radius) ** _LEAN
    inner = 2 * (radius - shell) * _rounding((edge - shell) / (radius - shell)) ** _LEAN
    mineral.path_mm[window][selected] += outer - inner + np.float32(_CARPAL_DENSITY * carpal.density) * texture * inner
    if carpal.hook_mm is not None:
        _add_hook(carpal.hook_mm, carpal.hook, frame, mineral)
    mineral.is_bone[window] |= mask > 0
    mineral.is_carpal[window] |= mask > 0


def _add_hook(hook_mm: Points, strength: float, frame: Frame, mineral: Mineral) -> None:
    """Add the ring that the hamate's hook makes, seen from its tip."""
    outline = frame.to_pixels(hook_mm)
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 4, (frame.columns, frame.rows))
    if (high <= low).any():
        return
    mask = inside((high[1] - low[1], high[0] - low[0]), [outline - low])
    edge = distance_to_edge_mm(mask, frame.pixels_per_mm)
    ring = np.exp(-(((edge - 0.7) / 0.7) ** 2)) * (mask > 0)
    mineral.path_mm[low[1] : high[1], low[0] : high[0]] += np.float32(strength) * ring.astype(np.float32)


def _own_to_pixels(piece: Piece, frame: Frame) -> tuple[Points, Points]:
    cosine, sine = np.cos(piece.angle), np.sin(piece.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ frame.turn
    return turn, piece.origin_mm @ frame.turn + frame.shift


def _window(piece: Piece, to_pixels: tuple[Points, Points], frame: Frame) -> tuple[slice, slice] | None:
    left, right = (piece.bend_mm - piece.left_mm).min(), (piece.bend_mm + piece.right_mm).max()
    near, far = piece.near_mm.min(), piece.far_mm.max()
    corners = np.array([[left, near], [left, far], [right, near], [right, far]]) @ to_pixels[0] + to_pixels[1]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (frame.columns, frame.rows))
    if (high <= low).any():
        return None
    return np.s_[low[1] : high[1], low[0] : high[0]]


def _own_coordinates(
    piece: Piece, to_pixels: tuple[Points, Points], window: tuple[slice, slice]
) -> tuple[tuple[NDArray[np.intp], ...], Float32, Float32]:
    """Return the pixels of a window that may lie in a piece, and u and v there."""
    inverse = np.linalg.inv(to_pixels[0]).astype(np.float32)
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    x, y = columns - np.float32(to_pixels[1][0]), rows - np.float32(to_pixels[1][1])
    u = (x * inverse[0, 0])[None] + (y * inverse[1, 0])[:, None]
    v = (x * inverse[0, 1])[None] + (y * inverse[1, 1])[:, None]
    left, right = (piece.bend_mm - piece.left_mm).min(), (piece.bend_mm + piece.right_mm).max()
    may_lie_in = (u > left) & (u < right) & (v > piece.near_mm.min()) & (v < piece.far_mm.max())
    selected = np.nonzero(may_lie_in)
    return selected, u[selected], v[selected]


def _path_mm(
    piece: Piece, u: Float32, v: Float32, pattern: Spongiosa, offset_mm: Points
) -> tuple[Float32, Float32, NDArray[np.bool_]]:
    """Return the mineral at u and v, how much of it has turned to bone, and whether that is in the piece at all."""
    per_mm = np.float32((ALONG - 1) / max(piece.end_mm - piece.start_mm, 1e-6))
    row = np.clip((v - np.float32(piece.start_mm)) * per_mm + np.float32(0.5), 0, ALONG - 1).astype(np.int32)
    tables = (piece.bend_mm, piece.left_mm, piece.right_mm, piece.depth_mm, piece.cortex_mm, piece.density)
    bend, left, right, depth, cortex, density = np.stack(tables).astype(np.float32)[:, row]
    u = u - bend
    half = np.maximum(np.where(u < 0, left, right), np.float32(1e-3))
    s = u / half
    column = np.clip((s + 1) * np.float32((ACROSS - 1) / 2) + np.float32(0.5), 0, ACROSS - 1).astype(np.int32)
    near, far, fill = np.stack([piece.near_mm, piece.far_mm, piece.fill]).astype(np.float32)[:, column]
    from_near, from_far = v - near, far - v
    is_in = (np.abs(s) < 1) & (from_near > 0) & (from_far > 0)
    first, last = (np.float32(round_mm) for round_mm in piece.round_mm)
    outer = depth * _disc(s) * _rounding(from_near / first) * _rounding(from_far / last)
    # The cortex towards the beam is thinner than at the sides, by eye.
    inner = (depth - np.float32(0.55) * cortex) * _disc(u / np.maximum(half - cortex, np.float32(1e-3)))
    inner *= _rounding((from_near - np.float32(piece.shell_mm[0])) / first)
    inner *= _rounding((from_far - np.float32(piece.shell_mm[1])) / last)
    texture = pattern.at(u + np.float32(offset_mm[0]), v + np.float32(offset_mm[1]))
    path = 2 * (outer - inner * (1 - density * texture))
    for distance, line_mm in ((from_near, piece.line_mm[0]), (from_far, piece.line_mm[1])):
        if line_mm > 0:
            path += np.float32(line_mm) * np.exp(-((distance / _LINE_MM - 1) ** 2))
    return np.where(is_in, path * fill, 0).astype(np.float32), fill, is_in


def _disc(s: Float32) -> Float32:
    return np.asarray(np.sqrt(np.maximum(1 - s * s, 0)), np.float32)


def _rounding(share: Float32) -> Float32:
    """Return how thick a rounded end is at a share of the length over which it is rounded."""
    clipped = np.clip(share, 0, 1)
    return np.asarray(np.sqrt(clipped * (2 - clipped)), np.float32)
