"""Vary a network input at random each time it is shown: pose, sharpness, exposure, noise, and what is hidden.

Before it: `training.cache`. After it: one batch of `training.fit`. Detectors, windows and encodings of one radiograph
differ by smooth changes of grey value and in sharpness; the network is shown such changes so that its months do not
follow them.
"""

import cv2
import numpy as np
import numpy.typing as npt

from training.ingredients import AugmentationRecipe

Float32 = npt.NDArray[np.float32]

_DETAIL_FRACTION = 0.01  # of the height: what sharpening brings out is finer
_HIDDEN_PARTS = 2
_LEAST_SIGMA = 0.2  # pixels: the kernel of a lesser blur is one pixel wide


def augment(image: Float32, recipe: AugmentationRecipe, rng: np.random.Generator) -> Float32:
    """Return a variation of a network input.

    Parameters
    ----------
    image
        (rows, columns) float32 in [0, 1], bone bright. Not changed.
    recipe
        How much it may vary.
    rng
        Where the random numbers come from; it moves on.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1].
    """
    moved = move(image, recipe, rng)
    return hide(expose(focus(moved, recipe, rng), recipe, rng), recipe, rng)


def move(image: Float32, recipe: AugmentationRecipe, rng: np.random.Generator) -> Float32:
    """Mirror, turn, zoom and shift a network input; what comes in from outside is black, as padding is.

    Parameters
    ----------
    image
        (rows, columns) float32 in [0, 1]. Not changed.
    recipe
        How much.
    rng
        Where the random numbers come from; it moves on.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1].
    """
    rows, columns = image.shape
    turn, zoom, right, down = rng.uniform(-1, 1, 4)
    if recipe.mirrored_fraction and rng.random() < recipe.mirrored_fraction:
        image = np.ascontiguousarray(image[:, ::-1])
    centre = ((columns - 1) / 2, (rows - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, turn * recipe.rotation_degrees, 1 + zoom * recipe.zoom_fraction)
    matrix[0, 2] += recipe.shift_fraction * right * columns
    matrix[1, 2] += recipe.shift_fraction * down * rows
    return np.asarray(cv2.warpAffine(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR), dtype=np.float32)


def focus(image: Float32, recipe: AugmentationRecipe, rng: np.random.Generator) -> Float32:
    """Blur or sharpen a network input; grey values may leave [0, 1] beside sharpened edges.

    Parameters
    ----------
    image
        (rows, columns) float32 in [0, 1]. Not changed.
    recipe
        How much.
    rng
        Where the random numbers come from; it moves on, unless the recipe asks for neither.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32.
    """
    if not (recipe.blur_fraction or recipe.sharpening):
        return image
    rows, sharpness = image.shape[0], float(rng.uniform(-1, 1))
    if sharpness > 0:
        return image + np.float32(sharpness * recipe.sharpening) * (image - _blurred(image, _DETAIL_FRACTION * rows))
    return _blurred(image, -sharpness * recipe.blur_fraction * rows)


def _blurred(image: Float32, sigma: float) -> Float32:
    if sigma < _LEAST_SIGMA:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def expose(image: Float32, recipe: AugmentationRecipe, rng: np.random.Generator) -> Float32:
    """Change gamma, contrast and brightness of a network input, and add noise.

    Parameters
    ----------
    image
        (rows, columns) float32, about 0 to 1. Not changed.
    recipe
        How much.
    rng
        Where the random numbers come from; it moves on.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1].
    """
    gamma, contrast, brightness = rng.uniform(-1, 1, 3)
    grey = np.power(np.maximum(image, 0), np.float32(2 ** (gamma * recipe.gamma_octaves)))
    grey = (grey - 0.5) * np.float32(1 + contrast * recipe.contrast_fraction) + 0.5
    grey += np.float32(brightness * recipe.brightness)
    grey += np.float32(rng.uniform(0, recipe.noise)) * rng.standard_normal(image.shape, dtype=np.float32)
    clipped: Float32 = np.clip(grey, 0, 1)
    return clipped


def hide(image: Float32, recipe: AugmentationRecipe, rng: np.random.Generator) -> Float32:
    """Hide parts of a network input behind rectangles of one grey value each.

    Parameters
    ----------
    image
        (rows, columns) float32 in [0, 1]. Not changed.
    recipe
        How large they are.
    rng
        Where the random numbers come from; it moves on, unless the recipe asks for none.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1].
    """
    if not recipe.hidden_fraction:
        return image
    hidden = image.copy()
    size = np.array(image.shape)
    for _ in range(_HIDDEN_PARTS):
        sides = np.round(rng.uniform(0, recipe.hidden_fraction, 2) * size).astype(int)
        top, left = np.floor(rng.uniform(0, 1, 2) * (size - sides + 1)).astype(int)
        hidden[top : top + sides[0], left : left + sides[1]] = rng.uniform(0, 1)
    return hidden
