"""``make audit``: are versions in the lock files known to be vulnerable? Never says so of what could not be looked up.

pip-audit ends with 0 and "No known vulnerabilities found" also where its service knew none of the packages, as behind
a mirror of the index, and with 1 both where it found something and where it reached nobody. Here 0 means that every
package was looked up and nothing is known, 1 that something is known, and 3 that the lock was not audited. With
``--if-reachable``, for the run before a change lands, it waits less long for the service, and 3 becomes 0: said, but no
reason to stop where there is no network.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WELL, VULNERABLE, NOT_AUDITED = 0, 1, 3
_ALL_SHOWN = 5
_IF_REACHABLE = "--if-reachable"
_SECONDS, _SECONDS_IF_REACHABLE = 300.0, 18.0  # for all packages; what was answered is in pip-audit's cache next time


def main(arguments: list[str]) -> int:
    """Audit lock files.

    Parameters
    ----------
    arguments
        Of pip-audit, such as ``--requirement locks/all.txt``, and ours, ``--if-reachable``.

    Returns
    -------
    int
        The exit status.
    """
    is_optional = _IF_REACHABLE in arguments
    asked = [argument for argument in arguments if argument != _IF_REACHABLE]
    status = _audit(asked, _SECONDS_IF_REACHABLE if is_optional else _SECONDS)
    return WELL if is_optional and status == NOT_AUDITED else status


def _audit(arguments: list[str], longest_seconds: float) -> int:
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
        command += ["--format=json", f"--output={answer}", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=longest_seconds)
        except subprocess.TimeoutExpired:
            return _say(NOT_AUDITED, f"not audited: the service took longer than {longest_seconds:.0f} s")
        if not answer.exists():
            *_, last = ["no word", *done.stderr.split("\n\n")[-1].splitlines()]
            return _say(NOT_AUDITED, f"not audited: pip-audit ended with {done.returncode}: {last}")
        return _judge(json.loads(answer.read_text())["dependencies"])


def _judge(packages: list[dict[str, Any]]) -> int:
    for package in packages:
        for known in package.get("vulns", ()):
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{package['name']} {package['version']}: {known['id']}, fixed in {fixed}\n")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if any(package.get("vulns") for package in packages):
        return _say(VULNERABLE, "vulnerable: see above" + (f"; {len(skipped)} not looked up" if skipped else ""))
    if not packages:
        return _say(NOT_AUDITED, "not audited: no package in the lock is for this platform")
    if skipped:
        some = ", ".join(skipped[:_ALL_SHOWN]) + (", …" if len(skipped) > _ALL_SHOWN else "")
        return _say(NOT_AUDITED, f"not audited: the service knows {len(skipped)} of {len(packages)} not: {some}")
    return _say(WELL, f"audited: {len(packages)} packages, none known to be vulnerable")


def _say(status: int, words: str) -> int:
    sys.stdout.write(f"{words}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
