"""The worker's own settings: limits of reading, leases, back-off and which model bundle is used."""

import ssl
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from db import settings, steps
from db.addresses import Address
from db.errors import SettingsError
from db.settings import EntitySettings, PEMFile, Seconds, Settings
from db.tls import calling_context, variable
from worker.bundle import starter_folder
from worker.engines import EngineName
from worker.limits import Limits

# What a read may take beyond its time limit until the claim lapses: ending a process and starting its successor.
LEASE_MARGIN_SECONDS = 15
HUNG_STATUS = 3  # with which `worker.health` ends where a worker does not answer
# A worker waits up to 30 s between two attempts to reach Redis again (kombu), and that is not hanging.
_RECONNECTION_SECONDS = 40.0


class WorkerSettings(EntitySettings):
    """What the workers need beside the shared settings."""

    bundle: Path = Field(
        default_factory=starter_folder, description="folder of the model bundle that assesses until one is promoted"
    )
    models: str | None = Field(
        None, description="folder or URL (fsspec) by which machines share registered models; the store alone"
    )
    model_seconds: Seconds = Field(5, description="how often a worker asks which model version is active")
    read_seconds: Seconds = Field(60, description="longest time to read one object; then its process is ended")
    read_memory_bytes: int = Field(
        4 * 2**30, ge=2**30, description="address space of one reading process; beyond it the object fails"
    )
    max_pixels: int = Field(64 * 2**20, ge=2**16, description="rows × columns above which an object is not decoded")
    max_decoded_bytes: int = Field(
        256 * 2**20, ge=2**16, description="size above which a deflated data set is not inflated, nor an image decoded"
    )
    assess_lease_seconds: Seconds = Field(
        60, description="after this a silent assess worker's radiograph is tried again"
    )
    retry_seconds: Seconds = Field(5, description="wait before the second attempt; doubled for each further one")
    worker_stop_seconds: Seconds = Field(
        10, description="for radiographs in hand when a worker is stopped; then they are given back"
    )
    views: int | None = Field(
        None, description="turned and mirrored views of a radiograph to average over, 1 or 10; the model card's"
    )
    engine: EngineName | None = Field(
        None,
        description="what runs the network, `openvino` or `tensorflow`; OpenVINO unless TensorFlow has a GPU, or the "
        "bundle no graph for it",
    )
    batch_size: int | None = Field(
        None, ge=1, description="radiographs of as many threads that the network sees at once; 16 on a GPU, else 1"
    )
    batch_ms: float = Field(
        2, ge=0, description="how long the first of a batch waits for others where batches are of more than 1"
    )
    engine_threads: int | None = Field(None, ge=1, description="processor threads of the network; the engine's choice")

    destination_ca: PEMFile = Field(
        None, description="PEM file of the authorities of destinations that are reached by TLS"
    )
    delivery_days: float = Field(
        7, gt=0, description="a destination that is away is called again so long; then deliveries to it are `FAILED`"
    )

    @field_validator("models")
    @classmethod
    def _same_everywhere(cls, models: str | None) -> str | None:
        if models is not None and "://" not in models and not Path(models).is_absolute():
            raise ValueError("expected the absolute path of a folder, or a URL such as s3://bucket/models")
        return models

    @field_validator("views")
    @classmethod
    def _known_views(cls, views: int | None) -> int | None:
        if views not in {None, 1, 10}:
            raise ValueError("expected 1 or 10")
        return views

    def tls_to(self, address: Address) -> ssl.SSLContext | None:
        """Return how to connect to a destination, or None for plain TCP; made anew, so that renewed files count.

        Raises
        ------
        SettingsError
            Naming the setting that is missing, or whose file cannot be used.
        """
        if not address.is_tls:
            return None
        if self.destination_ca is None:
            raise SettingsError(f"{variable('destination_ca')}: missing; a destination is to be reached by TLS")
        return calling_context(self, variable("destination_ca"), self.destination_ca)

    def lease_seconds(self, step: steps.Step) -> float:
        """Return how long a claim holds: longer than the step may take, the end of its process included."""
        return self.read_seconds + LEASE_MARGIN_SECONDS if step is steps.READ else self.assess_lease_seconds


class FlowerSettings(Settings):
    """What Flower needs."""

    flower_login: SecretStr = Field(description="Flower's login, as `user:password`")

    @field_validator("flower_login")
    @classmethod
    def _whole(cls, login: SecretStr) -> SecretStr:
        user, _, password = login.get_secret_value().partition(":")
        if not user or not password:
            raise ValueError("expected `user:password` with neither empty")
        return login


@cache
def worker() -> WorkerSettings:
    """Return this process's worker settings, read once."""
    return settings.load(WorkerSettings)


def limits() -> Limits:
    """Return how large an object and its image may be to be opened."""
    shared, chosen = settings.shared(), worker()
    return Limits(
        maximum_bytes=shared.max_object_bytes,
        maximum_pixels=chosen.max_pixels,
        maximum_decoded_bytes=chosen.max_decoded_bytes,
        bounds=shared.bounds(),
    )


def unanswered_seconds() -> float:
    """Return how long a worker may leave everything unanswered: it may be reconnecting, or stopping in order."""
    return max(_RECONNECTION_SECONDS, worker().worker_stop_seconds + LEASE_MARGIN_SECONDS)
