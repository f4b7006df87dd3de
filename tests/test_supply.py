"""What Carpus is made of: the audit never passes unlooked, the SBOM names every part, and none is under the GPL."""

import json
import os
import re
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from subprocess import PIPE

import pytest

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
Answer = Callable[[str], dict[str, object]]
VULNERABILITY = {
    "id": "PYSEC-2026-1",
    "summary": "made up",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.7"}]}],
            "versions": ["3.6"],
        }
    ],
}


@contextmanager
def osv(answer: Answer) -> Iterator[str]:
    """A vulnerability service on this machine that speaks as OSV does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer(asked["package"]["name"])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    digest = "0" * 64
    (tmp_path / "lock.txt").write_text(f"idna==3.6 --hash=sha256:{digest}\nattrs==25.1.0 --hash=sha256:{digest}\n")
    return tmp_path / "lock.txt"


def audit(lock: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, ROOT / ".ci" / "audit.py", "--requirement", lock, "--timeout=5", *options]
    done = subprocess.run(command, stdout=PIPE, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, (0, "audited: 2 packages, none known to be vulnerable\n")),
        ({"idna": [VULNERABILITY]}, (1, "idna 3.6: PYSEC-2026-1, fixed in 3.7\nvulnerable: see above\n")),
    ],
)
def test_the_audit_says_what_is_known(lock: Path, known: dict[str, list[object]], expected: tuple[int, str]) -> None:
    with osv(lambda name: {"vulns": known[name]} if name in known else {}) as url:
        assert audit(lock, "--vulnerability-service=osv", f"--osv-url={url}") == expected


def test_a_service_that_is_away_is_no_audit_passed(lock: Path) -> None:
    status, said = audit(lock, "--vulnerability-service=osv", "--osv-url=http://127.0.0.1:1/v1/query")
    assert status == 3
    assert said.startswith("not audited: pip-audit ended with 1: ")
    assert "127.0.0.1" in said


def test_where_the_audit_may_go_without_its_service_only_what_is_known_stops(lock: Path) -> None:
    away = ("--vulnerability-service=osv", "--osv-url=http://127.0.0.1:1/v1/query")
    status, said = audit(lock, "--if-reachable", *away)
    assert (status, said.partition(":")[0]) == (0, "not audited")
    with osv(lambda _: {"vulns": [VULNERABILITY]}) as url:
        assert audit(lock, "--if-reachable", "--vulnerability-service=osv", f"--osv-url={url}")[0] == 1


def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_said(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["main"]
    assert main.__globals__["_SECONDS_IF_REACHABLE"] < 20
    monkeypatch.setitem(main.__globals__, "_SECONDS_IF_REACHABLE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"--osv-url=http://127.0.0.1:{silent.getsockname()[1]}/v1/query"
        assert main(["--if-reachable", "--requirement", str(lock), "--vulnerability-service=osv", url]) == 0
    assert capsys.readouterr().out == "not audited: the service took longer than 1 s\n"


def test_a_lock_without_a_package_is_no_audit_passed(lock: Path) -> None:
    lock.write_text("")
    assert audit(lock) == (3, "not audited: no package in the lock is for this platform\n")


def test_a_package_that_was_skipped_is_said_and_is_no_audit_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.dumps({"dependencies": [{"name": "idna", "skip_reason": "Dependency not found on PyPI"}]})
    code = f"import runpy, sys; m = runpy.run_path('.ci/audit.py'); sys.exit(m['_judge']({found}['dependencies']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "not audited: the service knows 1 of 1 not: idna\n")


def licences(lock: str) -> dict[str, str]:
    """Return what each installed package of a lock file says of its licence."""
    found = {}
    for name in NAME.findall((ROOT / "locks" / f"{lock}.txt").read_text()):
        try:
            about = metadata(name)
        except PackageNotFoundError:  # for another platform or Python
            continue
        first_line = (about.get("License") or "").strip().partition("\n")[0]  # some put the whole text there
        kinds = [kind for kind in about.get_all("Classifier") or () if kind.startswith("License ::")]
        found[name] = "; ".join(filter(None, [about.get("License-Expression"), first_line, *kinds]))
    return found


def is_gpl(licence: str) -> bool:
    """Whether it is the GPL or the AGPL; the LGPL lets a library be used by anybody."""
    return re.search(r"(?<!L)GPL|GNU (Affero )?General Public", licence) is not None


def test_what_is_installed_by_default_holds_nothing_under_the_gpl() -> None:
    default = licences("training") | licences("cpu")
    assert len(default) > 60
    assert {name: licence for name, licence in default.items() if is_gpl(licence)} == {}


def test_the_check_knows_the_gpl_when_it_sees_it() -> None:
    assert [name for name, licence in licences("all").items() if is_gpl(licence)] == ["pylibjpeg-libjpeg"]
    assert is_gpl("AGPL-3.0-or-later")
    assert not is_gpl("LGPL-3.0-only")


def test_one_command_writes_a_bill_of_materials_of_every_package_locked(tmp_path: Path) -> None:
    of_make = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # set when it is make that runs the tests
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", "sbom"], cwd=ROOT, env=environment, stdout=PIPE, text=True, check=True
    )
    *command, output = plan.stdout.splitlines()[-1].split()
    assert (output, "carpus.cdx.json" in (ROOT / ".gitignore").read_text().splitlines()) == ("carpus.cdx.json", True)
    bill = tmp_path / "bill.json"
    # Its validation against the schema takes a minute.
    subprocess.run([*command, str(bill), "--no-validate"], cwd=ROOT, check=True)
    found = json.loads(bill.read_text())
    assert (found["bomFormat"], found["metadata"]["component"]["name"]) == ("CycloneDX", "carpus")
    versions = {re.sub("[-_.]+", "-", part["name"].lower()): part["version"] for part in found["components"]}
    assert set(licences("all")) <= set(versions)
    assert all(part["purl"].startswith("pkg:pypi/") for part in found["components"])
