"""Who may come in: peer addresses, which also says which of them count as one.

AE titles are pynetdicom's to compare, for it knows them only once it has decoded the association request.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

# One host may take any address of its network in IPv6 (RFC 4291 section 2.5.4).
_IPV6_HOST_BITS = 64


def admits(networks: Sequence[Network], address: str) -> bool:
    """Return whether a peer may connect.

    Parameters
    ----------
    networks
        Those allowed; none for everybody.
    address
        The peer's, as the system gives it.
    """
    plain = _plain(address)
    return not networks or any(plain in network for network in networks)


def origin(address: str) -> str:
    """Return what a peer's connections are counted by: its IPv4 address, or its network of IPv6 addresses."""
    plain = _plain(address)
    if isinstance(plain, IPv4Address):
        return str(plain)
    return str(IPv6Address(int(plain) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS))


def _plain(address: str) -> IPv4Address | IPv6Address:
    """Return an address without scope; IPv4 is IPv4 also where it comes by an IPv6 socket."""
    found = ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
