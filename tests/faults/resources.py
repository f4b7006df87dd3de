"""What a process holds: memory, threads, open files; its children's included."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Resources:
    """Of one process and its descendants."""

    memory_bytes: int
    threads: int
    open_files: int

    @classmethod
    def of(cls, pid: int | None) -> "Resources":
        """Measure."""
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        # Shared pages of a forked pool are divided among those who share them.
        memory_bytes = sum(one.memory_full_info().pss for one in family)
        return cls(memory_bytes, sum(one.num_threads() for one in family), sum(one.num_fds() for one in family))
