"""``make audit``: are versions in the lock files known to be vulnerable? Never says so of what could not be looked up.

pip-audit ends with 0 and "No known vulnerabilities found" also where its service knew none of the packages, as behind
a mirror of the index, and with 1 both where it found something and where it reached nobody. Here 0 means that every
package was looked up and nothing is known, 1 that something is known, and 3 that the lock was not audited.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WELL, VULNERABLE, NOT_AUDITED = 0, 1, 3
_ALL_SHOWN = 5


def main(arguments: list[str]) -> int:
    """Audit lock files.

    Parameters
    ----------
    arguments
        Of pip-audit, such as ``--requirement locks/all.txt``.

    Returns
    -------
    int
        The exit status.
    """
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
        done = subprocess.run(
            [*command, "--format=json", f"--output={answer}", *arguments], capture_output=True, text=True, check=False
        )
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
