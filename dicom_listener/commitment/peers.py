"""Where a requester of storage commitment listens for reports, when its association is gone: by its AE title."""

import re
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

_FORM = re.compile(
    r"(?P<ae_title>[ !-+\-.-<>-\[\]-~]{1,16})=(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>[0-9]{1,5})",
    re.ASCII,
)
_MAX_PORT = 65_535


class Address(NamedTuple):
    """A host's name or IP address, and a TCP port."""

    host: str
    port: int


def parse_peers(text: object) -> object:
    """Return the addresses of ``PACS=10.0.0.5:104,CR 1=[fd00::7]:11112`` by AE title; what is no text as it is.

    Raises
    ------
    ValueError
        Saying which entry is malformed, or which AE title comes twice.
    """
    if not isinstance(text, str):
        return text
    peers: dict[str, Address] = {}
    for entry in text.split(","):
        match = _FORM.fullmatch(entry.strip())
        if match is None or not match["ae_title"].strip() or not 1 <= int(match["port"]) <= _MAX_PORT:
            raise ValueError(f"expected AE_TITLE=host:port, separated by commas, and not {entry.strip()!r}")
        ae_title = match["ae_title"].strip()
        if ae_title in peers:
            raise ValueError(f"the AE title {ae_title!r} comes twice")
        peers[ae_title] = Address(match["ipv6"] or match["host"], int(match["port"]))
    return peers


# pydantic-settings would take it for JSON.
CommitmentPeers = Annotated[dict[str, Address] | None, NoDecode, BeforeValidator(parse_peers)]
