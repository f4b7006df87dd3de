"""Two processes that fit one network together, and what they need to find each other."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from training.checkpoint import read_history
from training.strategies import StrategyError, StrategyName, open_strategy

# Batch normalisation, dropout off: what dropout leaves out differs between one process and two.
COMMAND = [sys.executable, "-m", "training", "fit", "cnn_128_regression", "--data", "phantoms:6"]
SMALL = ("network.width=0.03", "preprocessing.rows=64", "preprocessing.columns=64", "head.dropout_fractions=[]")
SHORT = ("fit.batch_size=4", "fit.phases=[{epochs=2}]", "augmentation={rotation_degrees=5.0}")


def started(folder: Path, strategy: str, tf_config: str = "") -> subprocess.Popen[str]:
    changes = [part for change in (*SMALL, *SHORT) for part in ("--set", change)]
    places = ["--output", str(folder / "made"), "--work-folder", str(folder), "--strategy", strategy]
    environment = os.environ | {"TF_CONFIG": tf_config, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [*COMMAND, *changes, *places], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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
    processes = [
        started(tmp_path / "two", "multiworker", json.dumps(config | {"task": {"type": "worker", "index": index}}))
        for index in range(2)
    ]
    for process in processes:
        ended(process)
    ended(started(tmp_path / "one", "none"))
    one, two = (read_history(tmp_path / name / "made" / "history.json") for name in ("one", "two"))
    assert len(one) == len(two) == 2
    for alone, together in zip(one, two, strict=True):
        assert together.loss == pytest.approx(alone.loss, rel=1e-4)
        assert together.validation_loss == pytest.approx(alone.validation_loss, rel=1e-3)


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
