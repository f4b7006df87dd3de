"""What one check of ``carpus doctor`` found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, what was found, and how to cure it.

    A warning is of what works but should be known; it does not make the doctor fail.
    """

    subject: str
    words: str
    cure: str | None = None
    is_warning: bool = False

    @property
    def is_well(self) -> bool:
        """Whether nothing needs to be cured."""
        return self.cure is None
