"""Other application entities by AE title, as settings spell them: ``PACS=10.0.0.5:104,ARCHIVE=[fd00::7]:2762+tls``."""

import re
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

_FORM = re.compile(
    r"(?P<ae_title>[ !-+\-.-<>-\[\]-~]{1,16})="
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>[0-9]{1,5})(?P<tls>\+tls)?",
    re.ASCII,
)
_MAX_PORT = 65_535

# PS3.5 table 6.2-1: 16 characters of the default repertoire, no backslash, not spaces alone.
AETitle = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[ -\[\]-~]{1,16}$")]


class Address(NamedTuple):
    """A host's name or IP address, a TCP port, and whether to speak TLS there."""

    host: str
    port: int
    is_tls: bool = False


def parse_addresses(text: object) -> object:
    """Return the addresses of ``PACS=10.0.0.5:104,CR 1=[fd00::7]:2762+tls`` by AE title; what is no text as it is.

    Raises
    ------
    ValueError
        Saying which entry is malformed, or which AE title comes twice.
    """
    if not isinstance(text, str):
        return text
    found: dict[str, Address] = {}
    for entry in text.split(","):
        match = _FORM.fullmatch(entry.strip())
        if match is None or not match["ae_title"].strip() or not 1 <= int(match["port"]) <= _MAX_PORT:
            raise ValueError(f"expected AE_TITLE=host:port, separated by commas, and not {entry.strip()!r}")
        ae_title = match["ae_title"].strip()
        if ae_title in found:
            raise ValueError(f"the AE title {ae_title!r} comes twice")
        found[ae_title] = Address(match["ipv6"] or match["host"], int(match["port"]), bool(match["tls"]))
    return found
