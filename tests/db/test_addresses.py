"""Addresses of application entities, as settings spell them."""

import pytest

from db.addresses import Address, parse_addresses


def test_addresses_are_read_by_ae_title() -> None:
    read = parse_addresses("PACS=10.0.0.5:104, CR 1-A=[fd00::7]:11112,X=host.example:2762+tls")
    assert read == {
        "PACS": Address("10.0.0.5", 104),
        "CR 1-A": Address("fd00::7", 11112),
        "X": Address("host.example", 2762, is_tls=True),
    }


@pytest.mark.parametrize("text", ["A=b:1+TLS", "A=b:1 +tls", "A=b+tls:1", "A=b:1,"])
def test_a_malformed_address_is_told_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected AE_TITLE=host:port"):
        parse_addresses(text)
