"""Bundles that are a card and a file of nothing: all that the registry and the model store look at."""

import json
from pathlib import Path

from tests.narrow_bundle import card
from worker.bundle import CARD, NETWORK, RECIPE, Bundle, file_digests, load


def write_bundle(folder: Path, version: str = "0.0.1") -> Bundle:
    """Write a bundle of a version that holds no network, only a file in its place, and a recipe's name."""
    folder.mkdir(parents=True)
    (folder / NETWORK).write_text(f"no network, {version}")
    (folder / RECIPE).write_text(json.dumps({"name": "none"}))
    made = card().model_copy(update={"version": version, "files": file_digests(folder)})
    (folder / CARD).write_text(made.model_dump_json())
    return load(folder)
