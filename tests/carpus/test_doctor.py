"""The doctor: well where nothing is configured and nothing runs, and exact where something is wrong."""

import errno
import os
import shutil
import socket
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from carpus import doctor, machine_checks, ports
from carpus.finding import Finding
from worker.bundle import starter_folder


def test_a_bare_machine_is_well_and_stays_untouched(bare: Path) -> None:
    console = Console(file=StringIO(), width=200)
    assert doctor.run(console), console.file.getvalue()  # type: ignore[attr-defined]  a StringIO
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  as above
    assert len(lines) == len(doctor.CHECKS)
    assert all(line.startswith("✓ ") for line in lines)
    assert not bare.exists()


def test_a_misspelt_variable_is_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_STOER", "/data")
    expected = Finding("settings", "nothing reads CARPUS_STOER", "see `carpus settings` for the names")
    assert machine_checks.variables() == expected


def test_a_malformed_setting_is_named_and_makes_the_doctor_fail(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_FLOWER_PORT", "many")
    console = Console(file=StringIO(), width=300)
    assert not doctor.run(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  as above
    assert "✗ settings: CARPUS_FLOWER_PORT: Input should be a valid integer" in said
    assert "✓ Python" in said


def test_a_taken_port_is_named_with_its_setting(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("CARPUS_REDIS_PORT", str(port))
        found = machine_checks.usual_ports()
    assert found == Finding("ports", f"taken by another program: {port}", "choose others by CARPUS_REDIS_PORT")


def test_the_listeners_port_is_looked_at_where_it_listens(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_LISTENER_HOST", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("CARPUS_LISTENER_PORT", str(port))
        found = machine_checks.usual_ports()
    assert found == Finding("ports", f"taken by another program: {port}", "choose others by CARPUS_LISTENER_PORT")


def test_another_users_folder_is_a_finding(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "postgres").mkdir(parents=True)
    monkeypatch.setattr(os, "open", refuse)
    console = Console(file=StringIO(), width=500)
    assert not doctor.run(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  as above
    assert f"✗ postgres: PostgreSQL: cannot use {bare / 'postgres'} (Permission denied): it is another user's" in said


def test_a_closed_store_is_a_finding(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(doctor, "CHECKS", (machine_checks.store,))
    console = Console(file=StringIO(), width=500)
    assert not doctor.run(console)
    assert console.file.getvalue() == "✗ store: [Errno 13] Permission denied → correct it\n"  # type: ignore[attr-defined]  as above


def refuse(*arguments: object, **named: object) -> NoReturn:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_full_disk_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12 - 10**9, 10**9))  # type: ignore[attr-defined]  private, and the real type
    found = machine_checks.store()
    assert (found.words, found.is_well) == (f"{bare / 'store'}, 1 GB free", False)


def test_a_changed_model_is_named(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(starter_folder(), copy)
    (copy / "network.keras").write_bytes(b"changed")
    monkeypatch.setenv("CARPUS_BUNDLE", str(copy))
    found = machine_checks.model()
    assert "network.keras: changed since export" in found.words
    assert found.cure == "install it again, or choose another by CARPUS_BUNDLE"


def test_a_missing_package_is_named_with_its_extra(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: None if name == "keras" else object())
    assert machine_checks.packages() == Finding("packages", "missing: keras", "pip install carpus[tensorflow]")


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ({"openvino"}, Finding("packages", "all 14 found")),
        ({"tensorflow", "keras"}, Finding("packages", "all 13 found")),
        ({"openvino", "tensorflow", "keras"}, Finding("packages", "missing: openvino", "pip install carpus[cpu]")),
    ],
)
def test_one_engine_is_enough(
    bare: Path, monkeypatch: pytest.MonkeyPatch, without: set[str], expected: Finding
) -> None:
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: None if name in without else object())
    assert machine_checks.packages() == expected


def test_the_extra_for_12_bit_jpeg_is_missed_and_not_demanded(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: None if name == "libjpeg" else object())
    assert machine_checks.packages() == Finding("packages", "all 15 found, no 12-bit JPEG without carpus[jpeg12]")
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: object())
    assert machine_checks.packages() == Finding("packages", "all 15 found")


@pytest.mark.parametrize("login", ["carpus", ":secret", "carpus:"])
def test_half_a_flower_login_is_none(bare: Path, monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    monkeypatch.setenv("CARPUS_FLOWER_LOGIN", login)
    assert not machine_checks.flower_login().is_well
    assert "secret" not in machine_checks.flower_login().words
