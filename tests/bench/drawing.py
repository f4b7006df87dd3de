"""How many hands each drawing makes in a second of one core: 20 at 256 px, or training waits for them."""

import time

import cv2
from rich.table import Table

from training.cases import Part
from training.sources.phantoms import DRAWINGS, phantoms

HANDS = 60
ROWS = 256


def measure() -> Table:
    """Draw the same hands by each package."""
    table = Table(f"{ROWS} px high, one core", "hands/s", title="drawing")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for drawing in DRAWINGS:
        pictures = [case.picture for case in phantoms(Part.TEST, HANDS, drawing)]
        pictures[0].standard_radiograph(ROWS)
        start = time.process_time()
        for picture in pictures:
            picture.standard_radiograph(ROWS)
        table.add_row(f"training.{drawing}", f"{HANDS / (time.process_time() - start):.0f}")
    cv2.setNumThreads(threads)
    return table
