"""How far bfloat16 moves the starter's bone age, on 500 drawn hands: at most 0.1 months, or it is not for offering."""

import tempfile
import time
from pathlib import Path

import numpy as np
from rich.table import Table

from training import cache
from training.cases import Part
from training.conversion import correlation
from training.evaluate import batches
from training.precision import has_bfloat16
from training.sources.phantoms import phantoms
from worker import bundle
from worker.bundle import OPENVINO
from worker.engines.openvino import prepare_openvino

HANDS = 500
BOUND_MONTHS = 0.1


def measure() -> Table:
    """Ask OpenVINO in both precisions and print how far they are apart."""
    table = Table("bfloat16 beside float32, starter, OpenVINO", "", title="bfloat16")
    core = prepare_openvino().Core()
    if not has_bfloat16():
        table.add_row("not measured", "this processor does not compute in it")
        return table
    starter = bundle.load(bundle.starter_folder())
    hands = phantoms(Part.TEST, HANDS)
    with tempfile.TemporaryDirectory() as folder:
        given = list(batches(cache.images(hands, starter.card.preprocessing, Path(folder)), hands))
    months, heat_maps, milliseconds = {}, {}, {}
    for precision in ("f32", "bf16"):
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        model = core.compile_model(str(starter.folder / OPENVINO), "CPU", options)
        start = time.perf_counter()
        answers = [model.infer_new_request({"image": image, "sex": sex}) for image, sex in given]
        milliseconds[precision] = 1000 * (time.perf_counter() - start) / HANDS
        months[precision] = np.concatenate([one["bone_age_months"] for one in answers])
        heat_maps[precision] = np.concatenate([one["heat_map"] for one in answers])
    moved = np.abs(months["bf16"] - months["f32"])
    alike = [correlation(one, other) for one, other in zip(heat_maps["f32"], heat_maps["bf16"], strict=True)]
    table.add_row(f"largest movement, months (bound {BOUND_MONTHS})", f"{moved.max():.2f}")
    table.add_row("mean movement, months", f"{moved.mean():.2f}")
    table.add_row("least correlation of heat maps", f"{min(alike):.3f}")
    table.add_row("ms a radiograph, bfloat16 / float32", f"{milliseconds['bf16']:.1f} / {milliseconds['f32']:.1f}")
    return table
