"""What a process holds: memory, threads, open files; its children's included."""

from collections.abc import Collection
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Resources:
    """Of one process and its descendants."""

    memory_bytes: int
    threads: int
    open_files: int

    @classmethod
    def of(cls, pid: int | None, server_ports: Collection[int]) -> "Resources":
        """Measure; connections to the servers are not counted, for they are pooled and come and go."""
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        # Shared pages of a forked pool are divided among those who share them.
        memory_bytes = sum(one.memory_full_info().pss for one in family)
        open_files = sum(one.num_fds() - _to_servers(one, server_ports) for one in family)
        return cls(memory_bytes, sum(one.num_threads() for one in family), open_files)


def _to_servers(process: psutil.Process, ports: Collection[int]) -> int:
    return sum(1 for one in process.net_connections("tcp") if one.raddr and one.raddr.port in ports)
