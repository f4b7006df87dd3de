"""Local contrast: contrast limited adaptive histogram equalisation (CLAHE) of a picture that is already resized.

Before it: `worker.preprocess` cropped, resized and scaled the radiograph. After it: the same pads it.
"""

from typing import Annotated, Final

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

_LARGEST_GREY: Final = 255


class Clahe(BaseModel):
    """How strongly local contrast is equalised.

    Attributes
    ----------
    clip_limit
        Most pixels that one grey value may count in a tile's histogram, as a multiple of an even distribution.
    tiles
        Number of tiles along each side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip_limit: Annotated[float, Field(gt=0, le=256)]  # at 256, the number of grey values, nothing is clipped
    tiles: Annotated[int, Field(ge=1, le=64)]


def equalise(grey: npt.NDArray[np.float32], clahe: Clahe) -> npt.NDArray[np.float32]:
    """Equalise a picture's contrast tile by tile.

    Parameters
    ----------
    grey
        (rows, columns) float32 in [0, 1]. Not changed.
    clahe
        How strongly.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1], in steps of 1/255: with the 65,536 bins of 16 bits a tile has fewer pixels
        than bins, and the clip limit would do nothing.

    References
    ----------
    Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV, 1994,
    doi:10.1016/B978-0-12-336156-1.50061-6.
    """
    eight_bits = np.rint(grey * _LARGEST_GREY).astype(np.uint8)
    equaliser = cv2.createCLAHE(clipLimit=clahe.clip_limit, tileGridSize=(clahe.tiles, clahe.tiles))
    return np.asarray(equaliser.apply(eight_bits), np.float32) / np.float32(_LARGEST_GREY)
