"""A process that fits one network on one device, then on two that mirror each other, and prints the losses.

Two processors are made of one, which TensorFlow does before its first operation only: so in a process of its own.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf

from tests.training.tiny import labelled
from training import recipe
from training.loop import fit_network


def main(folder: Path, changes: list[str]) -> None:
    """Fit twice.

    Parameters
    ----------
    folder
        To work in.
    changes
        Of the recipe, as `training.recipe.load` takes them.
    """
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    wanted = recipe.load("cnn_128_regression", changes)
    seen = labelled(wanted, 7, folder)
    strategies = {"one": None, "two": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])}
    histories = {
        name: fit_network(wanted, 0, seen, folder / name, strategy)[1] for name, strategy in strategies.items()
    }
    told = {name: [[epoch.loss, epoch.validation_loss] for epoch in history] for name, history in histories.items()}
    (folder / "losses.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
