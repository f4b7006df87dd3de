"""The listener's own settings: where it listens, whom it lets in, how many and how much, and how long it waits."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic.networks import IPvAnyNetwork
from pydantic_settings import NoDecode

from db.addresses import Address, AETitle, parse_addresses
from db.settings import EntitySettings, PEMFile, Seconds


def _parts(value: object) -> object:
    """Split what the environment spells with commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _by_one_way(peers: dict[str, Address] | None) -> dict[str, Address] | None:
    """Refuse TLS for one requester alone: the authorities' setting says it for all."""
    if any(address.is_tls for address in (peers or {}).values()):
        raise ValueError("expected no +tls here: CARPUS_COMMITMENT_CA lets all reports go out by TLS")
    return peers


AETitles = Annotated[tuple[AETitle, ...], NoDecode, BeforeValidator(_parts)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_parts)]
# pydantic-settings would take it for JSON.
CommitmentPeers = Annotated[
    dict[str, Address] | None, NoDecode, BeforeValidator(parse_addresses), AfterValidator(_by_one_way)
]
SHORTEST_KEY_CHARACTERS = 32  # as long as the hash: RFC 2104 section 3


class ListenerSettings(EntitySettings):
    """What the DICOM listener needs to know beside the shared settings."""

    listener_host: str = Field(
        "127.0.0.1", min_length=1, description="address the DICOM listener binds; `0.0.0.0` for all"
    )
    listener_port: int = Field(11112, ge=0, le=65535, description="its TCP port; 0 lets the system choose")
    listener_processes: int = Field(
        1,
        ge=1,
        le=16,
        description="processes that receive on that port; an association is served by one of them",
    )
    site: str = Field(
        "local", min_length=1, max_length=64, description="issuer of a patient ID where the object names none"
    )
    patient_id: Literal["plain", "hmac"] = Field(
        "plain", description="how patient IDs are stored in the database: `plain`, or as a pseudonym by `hmac`"
    )
    patient_id_key: SecretStr | None = Field(
        None, description=f"key of the pseudonyms, at least {SHORTEST_KEY_CHARACTERS} characters", validate_default=True
    )
    retention_days: int | None = Field(
        None, ge=1, description="stored images are removed so many days after they ended; none keeps them"
    )
    accept_for_processing: bool = Field(
        False, description="assess FOR PROCESSING images too; the same exposure mostly also comes FOR PRESENTATION"
    )
    calling_ae_titles: AETitles = Field((), description="AE titles that may send, separated by commas; none: any")
    require_called_ae_title: bool = Field(False, description="refuse senders that call us by another AE title")
    peers: Networks = Field(
        (), description="addresses and networks that may connect, as `10.1.2.3,10.2.0.0/16`; none: any"
    )
    tls_client_ca: PEMFile = Field(
        None, description="PEM file of authorities; senders must show a certificate of one of them"
    )
    max_associations: int = Field(20, ge=1, le=500, description="associations served at once; further ones are refused")
    max_associations_per_address: int = Field(
        10, ge=1, le=500, description="of these from one address; a router or gateway is one address"
    )
    max_waiting_connections: int = Field(
        200,
        ge=1,
        le=5_000,
        description="connections that have asked for no association yet; of more, the busiest address loses one; "
        "divided among the processes",
    )
    request_seconds: Seconds = Field(10, description="from connecting to the whole association request, TLS included")
    pdu_seconds: Seconds = Field(30, description="from a PDU's first byte to its last; a slower sender is cut off")
    network_timeout_seconds: Seconds = Field(60, description="a silent sender is cut off after this")
    max_request_bytes: int = Field(
        131_072, ge=4_096, le=16_777_216, description="longest association request; a longer one is not read"
    )
    max_pdu_bytes: int = Field(
        131_072,
        ge=4_096,
        le=16_777_216,
        description="longest PDU offered to senders, and read; a larger one is no faster",
    )
    receive_memory_bytes: int = Field(
        2**32,
        ge=2**20,
        description="room for all objects being received, on the disk but for the first 256 KB of each; divided among "
        "the processes, and half of a part for one address",
    )
    registrar_queue: int = Field(
        1_000, ge=1, description="stored objects that may wait in memory for their row; the sweep finds further ones"
    )
    sweep_seconds: Seconds = Field(5, description="between two looks for what was left behind")
    # Shorter than the 10 s that Docker grants by default, for some modalities keep an association open for ever.
    stop_seconds: Seconds = Field(8, description="for associations and rows under way when the listener is stopped")
    storage_commitment: bool = Field(
        False, description="take custody of stored objects on request; not while `CARPUS_RETENTION_DAYS` is set"
    )
    commitment_peers: CommitmentPeers = Field(
        None, description="where to report commitments once a requester has gone: `PACS=10.0.0.5:104,…`, by AE title"
    )
    commitment_ca: PEMFile = Field(
        None, description="PEM file of the requesters' authorities: commitments are reported to them by TLS only"
    )

    @field_validator("storage_commitment")
    @classmethod
    def _keeps_what_it_takes(cls, is_on: bool, others: ValidationInfo) -> bool:
        if is_on and others.data.get("retention_days") is not None:
            raise ValueError("it takes custody of objects for good, but CARPUS_RETENTION_DAYS purges them: unset one")
        return is_on

    @field_validator("patient_id_key")
    @classmethod
    def _require_key(cls, key: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if key is None and others.data.get("patient_id") != "hmac":
            return None
        if key is None or len(key.get_secret_value()) < SHORTEST_KEY_CHARACTERS:
            raise ValueError(
                f"expected at least {SHORTEST_KEY_CHARACTERS} characters where CARPUS_PATIENT_ID is hmac, "
                "such as `openssl rand -hex 32` makes"
            )
        return key
