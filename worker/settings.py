"""The worker's own settings: limits of reading, leases, back-off and which model bundle is used."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr

from db import settings
from db.settings import Seconds, Settings
from worker.bundle import starter_folder


class WorkerSettings(Settings):
    """What the read and assess workers need beside the shared settings."""

    bundle: Path = Field(default_factory=starter_folder, description="folder of the model bundle that assesses")
    read_seconds: Seconds = Field(60, description="longest time to read one object; then its process is ended")
    read_memory_bytes: int = Field(
        4 * 2**30, ge=2**30, description="address space of one reading process; beyond it the object fails"
    )
    max_object_bytes: int = Field(512 * 2**20, ge=2**16, description="size above which an object is not opened")
    max_pixels: int = Field(64 * 2**20, ge=2**16, description="rows × columns above which an object is not decoded")
    max_decoded_bytes: int = Field(
        256 * 2**20, ge=2**16, description="size above which a deflated data set is not inflated, nor an image decoded"
    )
    assess_lease_seconds: Seconds = Field(
        60, description="after this a silent assess worker's radiograph is tried again"
    )
    retry_seconds: Seconds = Field(5, description="wait before the second attempt; doubled for each further one")
    engine_threads: int | None = Field(None, ge=1, description="processor threads of the network; TensorFlow's choice")


class FlowerSettings(Settings):
    """What Flower needs."""

    flower_login: SecretStr = Field(description="Flower's login, as `user:password`")


@cache
def worker() -> WorkerSettings:
    """Return this process's worker settings, read once."""
    return settings.load(WorkerSettings)
