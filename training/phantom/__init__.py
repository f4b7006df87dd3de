"""Drawn hand radiographs of a known bone age: what the starter model is trained on.

Before it comes nothing; after it `training.cache` treats what `draw` returns as a standard radiograph like any other.
"""

from training.phantom.phantom import Phantom, draw
from training.phantom.sheet import contact_sheet

__all__ = ["Phantom", "contact_sheet", "draw"]
