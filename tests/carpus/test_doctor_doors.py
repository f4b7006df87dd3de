"""``carpus doctor`` on who may reach the listener, whom it calls, and limits that contradict each other."""

import gc
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from carpus import doctor, door_checks, machine_checks
from carpus.finding import Finding
from carpus.ports import free_port
from tests.dicom_listener.authorities import Authority
from tests.pacs import AE_TITLE, Pacs, running


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("environment", "words", "cure"),
    [
        ({}, "listens on 127.0.0.1 only, without TLS", None),
        ({"HOST": "::1"}, "listens on ::1 only, without TLS", None),
        (
            {"HOST": "0.0.0.0"},
            "listens on 0.0.0.0, without TLS, for anybody",
            "CARPUS_TLS_CERTIFICATE and CARPUS_TLS_KEY encrypt what it receives; "
            "CARPUS_PEERS or CARPUS_TLS_CLIENT_CA keep out whom you do not know",
        ),
        (
            {"HOST": "10.0.0.1", "PEERS": "10.0.0.0/24"},
            "listens on 10.0.0.1, without TLS, for whom it knows",
            "CARPUS_TLS_CERTIFICATE and CARPUS_TLS_KEY encrypt what it receives",
        ),
        (
            {"HOST": "0.0.0.0", "CERTIFICATE": "a.pem", "KEY": "a.key"},
            "listens on 0.0.0.0, by TLS, for anybody",
            "CARPUS_PEERS or CARPUS_TLS_CLIENT_CA keep out whom you do not know",
        ),
        (
            {"HOST": "0.0.0.0", "CERTIFICATE": "a.pem", "KEY": "a.key", "CLIENT_CA": "ca.pem"},
            "listens on 0.0.0.0, by TLS, for whom it knows",
            None,
        ),
    ],
)
def test_a_listener_that_is_open_to_the_world_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str, cure: str
) -> None:
    Authority(tmp_path).issue("a")
    for name, value in environment.items():
        prefix = {"HOST": "LISTENER_", "PEERS": ""}.get(name, "TLS_")
        monkeypatch.setenv(f"CARPUS_{prefix}{name}", str(tmp_path / value) if prefix == "TLS_" else value)
    assert door_checks.doors() == Finding("DICOM", words, cure, is_warning="only" not in words)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("is_on", "peers", "words", "is_well"),
    [
        ("false", "PACS=10.0.0.5:104", "off, no custody is taken", True),
        ("true", "", "on, calls 0 requesters", True),
        ("true", "PACS=127.0.0.1:104", "on, calls 1 requesters", True),
        ("true", "PACS=10.0.0.5:104,CR=localhost:104", "on, calls 2 requesters, by plain TCP PACS", False),
    ],
)
def test_reports_to_other_machines_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, is_on: str, peers: str, words: str, is_well: bool
) -> None:
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", is_on)
    monkeypatch.setenv("CARPUS_COMMITMENT_PEERS", peers)
    found = door_checks.commitment()
    assert (found.words, found.is_well, found.is_warning) == (words, is_well, not is_well)


@pytest.mark.usefixtures("bare")
def test_reports_by_tls_need_no_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
    monkeypatch.setenv("CARPUS_COMMITMENT_PEERS", "PACS=10.0.0.5:104")
    monkeypatch.setenv("CARPUS_COMMITMENT_CA", str(Authority(tmp_path / "certificates").certificate))
    found = door_checks.commitment()
    assert (found.words, found.is_well) == ("on, calls 1 requesters by TLS", True)


def test_custody_and_retention_together_are_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
    monkeypatch.setenv("CARPUS_RETENTION_DAYS", "30")
    found = machine_checks.variables()
    assert not found.is_well
    assert "CARPUS_STORAGE_COMMITMENT: " in found.words
    assert "CARPUS_RETENTION_DAYS purges them" in found.words


def test_a_warning_does_not_make_the_doctor_fail(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_LISTENER_HOST", "0.0.0.0")
    monkeypatch.setattr(doctor, "CHECKS", (door_checks.doors,))
    console = Console(file=StringIO(), width=500)
    assert doctor.run(console)
    assert console.file.getvalue().startswith("! DICOM: listens on 0.0.0.0")  # type: ignore[attr-defined]  a StringIO
    monkeypatch.setenv("CARPUS_TLS_KEY", "nowhere")
    assert not doctor.run(console)


@pytest.mark.usefixtures("bare")
def test_limits_that_contradict_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_checks.limits().is_well
    monkeypatch.setenv("CARPUS_MAX_ASSOCIATIONS", "10")
    found = door_checks.limits()
    assert (found.is_well, found.is_warning) == (False, True)
    monkeypatch.setenv("CARPUS_RECEIVE_MEMORY_BYTES", "1048576")
    monkeypatch.setattr(doctor, "CHECKS", (door_checks.limits,))
    assert not doctor.run(Console(file=StringIO()))


@pytest.mark.usefixtures("bare")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_destinations_that_answer_and_those_that_do_not_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_checks.destinations() == Finding("destinations", "none, results stay in the database")
    pacs, nobody = Pacs(free_port()), free_port()
    monkeypatch.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{pacs.port}")
    with running(pacs):
        assert door_checks.destinations() == Finding("destinations", "1 of 1 answer")
        monkeypatch.setenv(
            "CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{pacs.port},B=127.0.0.1:{nobody},C=127.0.0.1:{nobody}+tls"
        )
        found = door_checks.destinations()
    assert found.words.startswith(f"1 of 3 answer; no DICOM listener answers as B at 127.0.0.1:{nobody}; ")
    assert "CARPUS_DESTINATION_CA: missing" in found.words
    assert (found.is_warning, found.is_well) == (True, False)
    gc.collect()  # sockets that pynetdicom left, while that is still forgiven
