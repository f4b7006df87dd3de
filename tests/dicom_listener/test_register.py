"""The registrar's thread: nothing ends it, and it says of a server only what it has seen."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.settings import SharedSettings
from dicom_listener import register
from dicom_listener.outage import BROKER_ERRORS, DATABASE_ERRORS, Outage
from dicom_listener.register import Registrar
from dicom_listener.settings import ListenerSettings
from dicom_listener.store import Arrival, Store
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, messages, poll
from tests.objects import hand_radiograph


def failing_once(function: Callable[..., Any]) -> Callable[..., Any]:
    errors = iter([RuntimeError("DOE^JANE")])

    def called(*arguments: Any) -> Any:
        if threading.current_thread().name == "registrar":
            for error in errors:
                raise error
        return function(*arguments)

    return called


@pytest.mark.parametrize("place", [(register, "enqueue"), (register, "read_header"), (Store, "arrivals")])
def test_the_thread_outlives_what_nobody_foresaw(
    listener: Running,
    carpus_env: CarpusEnvironment,
    written: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[object, str],
) -> None:
    monkeypatch.setattr(*place, failing_once(getattr(*place)))
    assert listener.send(hand_radiograph()) == 0x0000
    assert listener.send(hand_radiograph()) == 0x0000
    poll(lambda: messages(carpus_env), lambda found: len(found) == 1)
    (told,) = [line for line in written().splitlines() if "registration_failed" in line]
    assert "RuntimeError" in told
    assert place[1] in told
    assert "DOE" not in written()


def test_a_server_that_was_not_asked_is_not_said_to_be_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    shared = SharedSettings(database_url="none", broker_url="redis://", store=tmp_path)
    database = Outage("database", DATABASE_ERRORS)
    database.is_on = True
    registrar = Registrar(store, ListenerSettings(), shared, database, Outage("broker", BROKER_ERRORS))
    registrar.offer(store.inbox / Arrival("1.2", "a" * 64, 1).file_name)  # which another has registered
    registrar.start()
    registrar.stop(5)
    assert database.is_on
    assert not any(thread.is_alive() for thread in registrar._threads)


def test_an_outage_is_on_while_its_errors_come_and_no_others() -> None:
    outage = Outage("database", (OSError,))
    with outage.tolerated():
        raise OSError
    assert outage.is_on
    with pytest.raises(ValueError, match="other"), outage.tolerated():
        raise ValueError("other")
    assert outage.is_on
    with pytest.raises(OSError, match="away"), outage.watched():
        raise OSError("away")
    with outage.watched():
        pass
    assert not outage.is_on
