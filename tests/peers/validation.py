"""What others say of an object: dicom3tools' validator, and DCMTK's printer of structured reports."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 60
# DCMTK's reports know no more than a few: of others it says so and reads on.
_UNKNOWN_CHARACTER_SET = re.compile(
    "W: The VR checker does not support this Specific Character Set|W: Reading unknown/unsupported SpecificCharacterSet"
)


@dataclass(frozen=True)
class Verdict:
    """What `dciodvfy` says of an object: which IOD it took it for, and its complaints."""

    iod: str
    errors: list[str]
    warnings: list[str]


def validate(dciodvfy: str, content: bytes, folder: Path) -> Verdict:
    """Return the validator's verdict on a file's bytes, which it wants in a folder."""
    path = folder / "validated.dcm"
    path.write_bytes(content)
    ended = subprocess.run(
        [dciodvfy, path], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
    )
    lines = [line.strip() for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error")]
    warnings = [line for line in lines if line.startswith("Warning")]
    iods = [line for line in lines if line not in errors and line not in warnings]
    assert len(iods) == 1, f"expected the IOD's name beside errors and warnings: {lines}"
    # Its status says it, too; 0 with errors, or another without any, is an output that is not understood here.
    assert bool(ended.returncode) == bool(errors), (ended.returncode, lines)
    return Verdict(iods[0], errors, warnings)


def printed_report(dsrdump: str, content: bytes, folder: Path) -> str:
    """Return a structured report as DCMTK prints it; it must read it without a complaint."""
    path = folder / "printed.dcm"
    path.write_bytes(content)
    command = [dsrdump, "--print-all-codes", "--print-long-values", path]
    ended = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    complaints = [line for line in ended.stderr.decode().splitlines() if not _UNKNOWN_CHARACTER_SET.match(line)]
    assert (ended.returncode, complaints) == (0, []), complaints
    return ended.stdout.decode(errors="replace")  # the patient's name stands in it, in whatever the source is in
