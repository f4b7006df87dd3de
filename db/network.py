"""Which addresses are on this machine: beyond it, whoever connects must say who it is."""

from ipaddress import ip_address
from urllib.parse import urlsplit

_LOOPBACK_NAME = "localhost"


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine and reached by nobody else; a name other than ``localhost`` is taken to be not.

    Parameters
    ----------
    host
        A name or address; none or empty means this machine to Redis and PostgreSQL alike.
    """
    try:
        return not host or host.lower() == _LOOPBACK_NAME or ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(urls: str) -> list[str]:
    """Return the hosts beyond this machine that addresses name without a password.

    Parameters
    ----------
    urls
        An address, or several with a semicolon between them, as Celery takes them.
    """
    found = []
    for url in urls.split(";"):
        try:
            parts = urlsplit(url)
        except ValueError:  # such as half an IPv6 address; it is refused where it is used
            found.append("an address that cannot be read")
            continue
        if not parts.password and not is_loopback(parts.hostname):
            found.append(str(parts.hostname))
    return found


def way(host: str | None, *, is_encrypted: bool) -> str:
    """Say how a server on another machine is reached; of one on this machine there is nothing to say.

    Parameters
    ----------
    host
        Its name or address.
    is_encrypted
        Whether by TLS.
    """
    if is_loopback(host):
        return ""
    return " by TLS" if is_encrypted else " without TLS, readable on the network"
