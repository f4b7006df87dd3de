"""The listener as a process of its own: how it starts, what it refuses, how it stops."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pynetdicom.dsutils import encode

from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Modality, registered
from tests.objects import hand_radiograph

COMMAND = [sys.executable, "-m", "dicom_listener"]
ROOT = Path(__file__).parents[2]


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def listening(file_size_bytes: int | None = None, processes: int = 1) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the listener, its files no longer than so many bytes, until it says where it listens."""

    environment = os.environ | {"CARPUS_LISTENER_PORT": "0", "CARPUS_LISTENER_PROCESSES": str(processes)}
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        if file_size_bytes is not None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_size_bytes, file_size_bytes))
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r'"port": (\d+)', line):
                    yield process, int(found[1])
                    break
            else:
                pytest.fail(f"it ended with {process.wait()} before it listened")
        finally:
            process.kill()


def test_a_full_disk_is_out_of_resources_and_the_listener_lives_on(carpus_env: CarpusEnvironment) -> None:
    with listening(file_size_bytes=4096) as (_, port):
        association = Modality(port).associate(hand_radiograph())
        large = hand_radiograph(PixelData=bytes(8192))
        assert association.send_c_store(large).Status == 0xA700
        assert [path for path in carpus_env.store.rglob("*") if path.is_file()] == []
        small = hand_radiograph(PixelData=bytes(2))
        assert association.send_c_store(small).Status == 0x0000
        association.release()


def test_sigterm_lets_the_association_finish_and_ends_with_zero(carpus_env: CarpusEnvironment) -> None:
    with listening() as (process, port):
        association = Modality(port).associate(hand_radiograph())
        process.send_signal(signal.SIGTERM)
        assert association.send_c_store(hand_radiograph()).Status == 0x0000
        association.release()
        assert process.wait(20) == 0
    registered(1)


ODD_OBJECTS = (  # what stands in the object sent, and what to put in its place
    {},
    {b"ISO_IR 192": b"DOE_IR 192"},
    {b"20240301": b"DOE^DATE", b"1.2.3.4567890": b"DOE^STUDY.UID", b"CS\x02\x00F ": b"CS\x02\x00^D"},
    {b"HAND": b"DOE^"},
    {b"1.2.345": b"DOE^UID"},
    {b"DA\x08\x0020240301": b"^D\x08\x0020240301"},
)


@pytest.mark.usefixtures("carpus_env")
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # of the modality's own pydicom
def test_neither_log_nor_reason_holds_a_value_of_the_data_set() -> None:
    uid = "1.2.345"
    named = {"PatientID": "DOE1", "PatientName": "DOE2", "AccessionNumber": "DOE3"}
    data_set = encode(hand_radiograph(SOPInstanceUID=uid, StudyInstanceUID="1.2.3.4567890", **named), False, True)
    assert data_set is not None
    with listening() as (process, port):
        modality = Modality(port)
        for replaced in ODD_OBJECTS:
            odd = data_set
            for old, new in replaced.items():
                assert (old in odd, len(new)) == (True, len(old))
                odd = odd.replace(old, new)
            assert modality.send_raw(uid, odd) == 0x0000
        assert modality.send_raw("DOE^UID", data_set) == 0xC000
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        written = process.stderr.read()
    revisions = registered(len(ODD_OBJECTS))
    states = [*[State.RECEIVED] * 3, State.NOT_APPLICABLE, State.REJECTED, State.RECEIVED]
    assert [row.state for row in revisions] == states
    assert written.count("radiograph_registered") == len(ODD_OBJECTS)
    assert written.count("object_refused") == 1
    assert [line for line in written.splitlines() if re.search(r"DOE|\^D", line)] == []
    assert not [row.state_reason for row in revisions if re.search(r"DOE|\^D", row.state_reason or "")]


@pytest.mark.usefixtures("carpus_env")
def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run(CARPUS_LISTENER_PORT=str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert re.fullmatch(r"carpus listener: cannot listen on 127.0.0.1:\d+, .*in use\)\n", ended.stderr)


@pytest.mark.usefixtures("carpus_env")
def test_a_wrong_setting_is_named_in_one_line() -> None:
    ended = run(CARPUS_LISTENER_PORT="many")
    assert ended.returncode == 2
    assert ended.stderr.startswith("carpus listener: CARPUS_LISTENER_PORT: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.usefixtures("carpus_env")
def test_a_store_that_cannot_be_written_to_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run(CARPUS_STORE=str(tmp_path / "file"))
    assert ended.returncode == 2
    assert re.fullmatch(r"carpus listener: CARPUS_STORE: .* cannot be written to .*\n", ended.stderr)


@pytest.mark.usefixtures("carpus_env")
def test_no_machine_learning_is_imported() -> None:
    modules = "dicom_listener.serve, dicom_listener.program, dicom_listener.__main__"
    code = f"import sys, {modules}; print(*sys.modules, sep='\\n')"
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "worker.app" in listed.stdout
    assert not {"tensorflow", "keras", "openvino", "cv2"} & {name.partition(".")[0] for name in listed.stdout.split()}


@pytest.mark.usefixtures("carpus_env")
def test_the_process_loads_nothing_that_decodes_pixels() -> None:
    with listening() as (process, _):
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
    assert "/pydantic_core" in mapped
    assert not [name for name in ("numpy", "gdcm", "openjpeg", "libjpeg", "PIL") if f"/{name}" in mapped]
