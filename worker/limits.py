"""How much of a hostile object is looked at before any of it is decoded.

Before: ``worker.settings`` may set them. After: ``worker.stored_object`` and ``worker.image_pixel`` keep to them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a stored object and its image.

    Attributes
    ----------
    maximum_bytes
        Of the file, and of a deflated data set once inflated.
    maximum_pixels
        Rows × columns. A 35 cm × 43 cm detector at 50 µm has 60 million.
    minimum_side_pixels
        The shorter side. A hand of 10 cm in 32 px has pixels of 3 mm, wider than a growth plate: that is an icon.
    """

    maximum_bytes: int = 512 * 2**20
    maximum_pixels: int = 64 * 2**20
    minimum_side_pixels: int = 32
