"""Two processes that fit one network together, and what they need to find each other."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.narrow_bundle import KERAS_ON_NUMPY_2
from tests.training.tiny import labelled, tiny
from training import __main__ as command_line
from training.checkpoint import read_history
from training.loop import fit_network
from training.strategies import StrategyError, StrategyName, open_strategy

pytestmark = KERAS_ON_NUMPY_2

# Of seven, the last batch of three is shared out unevenly. With batch normalisation and a penalty of weights; without
# dropout, which differs between one process and two.
COMMAND = [sys.executable, "-m", "training", "fit", "cnn_128_regression", "--data", "phantoms:7"]
SMALL = ("network.width=0.03", "preprocessing.rows=64", "preprocessing.columns=64", "head.dropout_fractions=[]")
SHORT = ("fit.batch_size=4", "head.l2=0.01", "fit.phases=[{epochs=2}]", "augmentation={rotation_degrees=5.0}")


def options(folder: Path) -> list[str]:
    changes = [part for change in (*SMALL, *SHORT) for part in ("--set", change)]
    return [*changes, "--output", str(folder / "made"), "--work-folder", str(folder)]


def started(folder: Path, tf_config: dict[str, object]) -> subprocess.Popen[str]:
    environment = os.environ | {"TF_CONFIG": json.dumps(tf_config), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [*COMMAND, *options(folder), "--strategy", "multiworker"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    told, _ = process.communicate(timeout=100)
    assert process.returncode == 0, told
    return told


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    config = {"cluster": {"worker": workers}}
    processes = [started(tmp_path / "two", config | {"task": {"type": "worker", "index": index}}) for index in range(2)]
    for process in processes:
        ended(process)
    command_line.app([*COMMAND[3:], *options(tmp_path / "one")], standalone_mode=False)
    one, two = (read_history(tmp_path / name / "made" / "history.json") for name in ("one", "two"))
    assert len(one) == len(two) == 2
    for alone, together in zip(one, two, strict=True):
        assert together.loss == pytest.approx(alone.loss, rel=1e-4)
        assert together.validation_loss == pytest.approx(alone.validation_loss, rel=1e-3)


def test_two_devices_that_mirror_each_other_have_the_losses_of_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.mirrored", str(tmp_path), *SMALL, *SHORT],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "losses.json").read_text(encoding="utf-8"))
    assert len(told["one"]) == len(told["two"]) == 2
    for alone, together in zip(told["one"], told["two"], strict=True):
        assert together == pytest.approx(alone, rel=1e-4)


def test_a_batch_smaller_than_the_devices_is_refused_before_the_first_step(tmp_path: Path) -> None:
    class ManyDevices:
        num_replicas_in_sync = 3

    wanted = tiny("cnn_128_regression")  # in batches of two
    with pytest.raises(
        StrategyError, match=r"batches of 2 cannot be shared out among 3 devices; raise fit\.batch_size"
    ):
        fit_network(wanted, 0, labelled(wanted, 2, tmp_path), tmp_path / "run", ManyDevices())


@pytest.mark.parametrize(
    "tf_config", [None, "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}']
)
def test_processes_that_do_not_know_each_other_are_told_what_is_missing(
    tf_config: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if tf_config is not None:
        monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(StrategyError, match="TF_CONFIG: expected the workers' addresses"):
        open_strategy(StrategyName.MULTIWORKER)
