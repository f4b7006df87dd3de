"""The table of the README's reliability section: one row a fault, kept as a file until the table is written.

``python -m tests.faults.table`` writes it from the rows of the last ``make faults``.
"""

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = ROOT / ".faults"
README = ROOT / "README.md"
BEGIN, END = "<!-- made by `make faults` -->", "<!-- end -->"


@dataclass(frozen=True)
class Row:
    """One fault, tried so many times."""

    order: str
    fault: str
    rounds: int
    promised: int
    found: int
    lost: int
    doubled: int
    failed: int
    longest_recovery_seconds: float

    def keep(self) -> None:
        """Write it to its file, in the place of an earlier run's."""
        ROWS.mkdir(exist_ok=True)
        (ROWS / f"{self.order}.json").write_text(json.dumps(asdict(self)))


def kept() -> list[Row]:
    """Return the rows of the last run, in their order."""
    return [Row(**json.loads(path.read_text())) for path in sorted(ROWS.glob("*.json"))]


def markdown(rows: list[Row]) -> str:
    """Return the table."""
    head = [field.name.removesuffix("_seconds").replace("_", " ") for field in fields(Row)[1:]]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [[str(cell) for cell in _cells(row)] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(row: Row) -> tuple[str | int, ...]:
    recovery = "none needed" if row.longest_recovery_seconds == 0 else f"{row.longest_recovery_seconds:.0f} s"
    return (row.fault, row.rounds, row.promised, row.found, row.lost, row.doubled, row.failed, recovery)


def main() -> int:
    """Put the table into the README."""
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.stderr.write(f"{README.name} has no {BEGIN} … {END}\n")
        return 1
    README.write_text(f"{before}{BEGIN}\n\n{markdown(kept())}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
