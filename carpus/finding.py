"""What one check of ``carpus doctor`` found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, what was found, and where that is wrong, how to cure it."""

    subject: str
    words: str
    cure: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing needs to be cured."""
        return self.cure is None
