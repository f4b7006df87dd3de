"""How much of a hostile object is looked at before any of it is decoded.

Before: ``worker.settings`` may set them. After: ``worker.stored_object`` and ``worker.image_pixel`` keep to them.
"""

from dataclasses import dataclass, field

from db.bounded import Bounds


@dataclass(frozen=True)
class Limits:
    """Bounds of a stored object and its image.

    Attributes
    ----------
    maximum_bytes
        Of the file.
    maximum_pixels
        Rows × columns. A 35 cm × 43 cm detector at 50 µm has 60 million.
    maximum_decoded_bytes
        Of a deflated data set once inflated, and of an image's words.
    bounds
        Of the data set's elements and sequences.
    minimum_side_pixels
        The shorter side. A hand of 10 cm in 32 px has pixels of 3 mm, wider than a growth plate: that is an icon.
    """

    maximum_bytes: int = 512 * 2**20
    maximum_pixels: int = 64 * 2**20
    maximum_decoded_bytes: int = 256 * 2**20
    bounds: Bounds = field(default_factory=Bounds)
    minimum_side_pixels: int = 32
