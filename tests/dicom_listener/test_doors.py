"""Who is let in: addresses, AE titles, and how many at once."""

import json
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from db import settings
from db.errors import SettingsError
from dicom_listener import doors
from dicom_listener.settings import ListenerSettings
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import poll
from tests.dicom_listener.peers import (
    ACCEPT_TYPE,
    RELEASE_REQUEST,
    answer,
    associate,
    association_threads,
    connect,
    request,
    serving,
)

# PS3.8 table 9-21, result, source, reason
CALLING_NOT_RECOGNISED = (1, 1, 3)
CALLED_NOT_RECOGNISED = (1, 1, 7)
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)


def refused(lines: str) -> list[tuple[str, str]]:
    """Return event and reason of each refusal in the log."""
    told = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return [(one["event"], one["reason"]) for one in told if one["event"].startswith("refused")]


def test_a_calling_ae_title_that_is_not_listed_is_rejected_for_good(
    carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    with serving(carpus_env, calling_ae_titles="CT1, MODALITY") as listener:
        with connect(listener.port) as known, connect(listener.port) as stranger:
            assert associate(known)[0] == ACCEPT_TYPE
            stranger.sendall(request(calling="STRANGER"))
            assert tuple(answer(stranger)[7:]) == CALLING_NOT_RECOGNISED
            known.sendall(RELEASE_REQUEST)
            answer(known)
        poll(association_threads, lambda left: left == [])
    said = written()
    assert refused(said) == [("refused", "its AE title is not among CARPUS_CALLING_AE_TITLES")]
    assert '"calling_ae_title": "STRANGER"' in said


@pytest.mark.parametrize("is_required", [True, False])
def test_another_called_ae_title_is_rejected_where_ours_is_required(
    carpus_env: CarpusEnvironment, is_required: bool
) -> None:
    with serving(carpus_env, require_called_ae_title=is_required) as listener, connect(listener.port) as connection:
        connection.sendall(request(called="OTHER"))
        got = answer(connection)
        assert tuple(got[7:]) == CALLED_NOT_RECOGNISED if is_required else got[0] == ACCEPT_TYPE


def test_an_address_that_is_not_listed_is_cut_off_unheard(
    carpus_env: CarpusEnvironment, written: Callable[[], str]
) -> None:
    with serving(carpus_env, peers="127.0.0.1,10.0.0.0/8") as listener:
        for _ in range(20):
            with connect(listener.port, "127.0.0.2") as stranger:
                assert stranger.recv(1) == b""
                assert association_threads() == []
        with connect(listener.port, "127.0.0.1") as known:
            assert associate(known)[0] == ACCEPT_TYPE
    reason = "its address is not among CARPUS_PEERS"
    said = written()
    assert refused(said) == [("refused", reason), ("refused_again", reason)]
    assert '"times": 19' in said


@pytest.mark.parametrize(
    ("address", "is_admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("192.168.7.7", True),
        ("192.168.7.8", False),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("fd01::1", False),
    ],
)
def test_an_address_is_compared_with_networks(address: str, is_admitted: bool) -> None:
    networks = [ip_network(one) for one in ("10.1.0.0/16", "192.168.7.7", "fd00::/64", "fe80::/10")]
    assert doors.admits(networks, address) == is_admitted
    assert doors.admits([], address)


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    assert doors.origin("2001:db8::1") == doors.origin("2001:db8::ffff:1") != doors.origin("2001:db8:0:1::1")
    assert doors.origin("::ffff:10.0.0.1") == doors.origin("10.0.0.1") != doors.origin("10.0.0.2")


@pytest.mark.parametrize("name", ["peers", "calling_ae_titles"])
def test_a_malformed_list_stops_the_start_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"CARPUS_{name.upper()}", "10.0.0.0/33,SEVENTEEN_LETTERS")
    with pytest.raises(SettingsError, match=f"CARPUS_{name.upper()}: "):
        settings.load(ListenerSettings)


def test_lists_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_PEERS", " 10.1.2.3, 10.2.0.0/16,")
    monkeypatch.setenv("CARPUS_CALLING_AE_TITLES", "CT 1,DX2")
    found = settings.load(ListenerSettings)
    assert found.peers == (ip_network("10.1.2.3"), ip_network("10.2.0.0/16"))
    assert found.calling_ae_titles == ("CT 1", "DX2")


def test_one_address_cannot_take_all_associations(carpus_env: CarpusEnvironment, written: Callable[[], str]) -> None:
    with serving(carpus_env, max_associations=4, max_associations_per_address=3) as listener:
        greedy = [connect(listener.port, "127.0.0.2") for _ in range(8)]
        answers = [associate(one) for one in greedy]
        assert [one[0] for one in answers[:3]] == [ACCEPT_TYPE] * 3
        assert [tuple(one[7:]) for one in answers[3:]] == [LOCAL_LIMIT_EXCEEDED] * 5
        with connect(listener.port) as other, connect(listener.port, "127.0.0.3") as too_many:
            assert associate(other)[0] == ACCEPT_TYPE
            assert tuple(associate(too_many)[7:]) == LOCAL_LIMIT_EXCEEDED
        greedy[0].close()
        poll(association_threads, lambda alive: len(alive) == 4)
        with connect(listener.port, "127.0.0.2") as again:
            assert associate(again)[0] == ACCEPT_TYPE
        for one in greedy:
            one.close()
    of_one = "as many associations as CARPUS_MAX_ASSOCIATIONS_PER_ADDRESS are being served"
    of_all = "as many associations as CARPUS_MAX_ASSOCIATIONS are being served"
    assert refused(written()) == [("refused", of_one), ("refused", of_all), ("refused_again", of_one)]
