"""A small disk: a tmpfs in the place of a folder, to be filled up. It needs root, or the test is skipped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs mounted on a folder."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("wb", buffering=0) as filler:
            for block_bytes in (2**20, 4096, 1):
                try:
                    while filler.write(bytes(block_bytes)) == block_bytes:
                        pass
                except OSError:  # ENOSPC
                    pass

    def make_room(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[SmallDisk]:
    """Put a small disk in the place of a folder, with its content; afterwards the folder has it back.

    Whoever holds files there is to be stopped, before and at the end of the block.
    """
    beside = folder.with_name(f"{folder.name}-disk")
    beside.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(beside)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        beside.rmdir()
        words = "a tmpfs can be mounted by root only"
        if os.environ.get("CI") or os.environ.get("FAULTS"):
            pytest.fail(words)
        pytest.skip(words)
    try:
        _move(folder, beside)
        subprocess.run(["mount", "--bind", str(beside), str(folder)], check=True)
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
            (beside / "filler").unlink(missing_ok=True)
            _move(beside, folder)
    finally:
        subprocess.run(["umount", str(beside)], check=True)
        beside.rmdir()


def _move(source: Path, target: Path) -> None:
    """Move a folder's content with its owners; the folder itself may be a mount point."""
    state = source.stat()
    os.chown(target, state.st_uid, state.st_gid)
    target.chmod(state.st_mode & 0o7777)
    for entry in source.iterdir():
        subprocess.run(["cp", "--archive", str(entry), str(target)], check=True)
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
