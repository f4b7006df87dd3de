"""Hand radiographs drawn truer than `training.phantom` draws them: bones of their own shapes, and a console's picture.

Before it comes nothing; after it `training.cache` treats what `draw` returns as a standard radiograph like any other.
"""

from training.hand.radiograph import draw

__all__ = ["draw"]
