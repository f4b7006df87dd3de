"""The listener's own settings: where it listens, whom it serves at once, and how long it waits."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from db.settings import Seconds, Settings
from dicom_listener.commitment.peers import CommitmentPeers

# PS3.5 table 6.2-1: 16 characters of the default repertoire, no backslash, not spaces alone.
AETitle = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[ -\[\]-~]{1,16}$")]
SHORTEST_KEY_CHARACTERS = 32  # as long as the hash: RFC 2104 section 3


class ListenerSettings(Settings):
    """What the DICOM listener needs to know beside the shared settings."""

    listener_host: str = Field("127.0.0.1", description="address the DICOM listener binds; `0.0.0.0` for all")
    listener_port: int = Field(11112, ge=0, le=65535, description="its TCP port; 0 lets the system choose")
    ae_title: AETitle = Field("CARPUS", description="its application entity title")
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
    max_associations: int = Field(20, ge=1, le=500, description="associations served at once; further ones are refused")
    network_timeout_seconds: Seconds = Field(60, description="a silent sender is cut off after this")
    max_pdu_bytes: int = Field(
        131_072, ge=4_096, le=16_777_216, description="longest PDU offered to senders; a larger one is no faster"
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
