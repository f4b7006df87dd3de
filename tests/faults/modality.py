"""Modalities that keep a radiograph until it was promised, in one process: ``python -m tests.faults.modality``.

It takes one line of JSON a batch, ``{"port": 11112, "pause_seconds": 0, "shares": [[path, …], …]}``, and answers
``promised UID`` and ``refused STATUS`` as they come, and ``done`` when all is promised or an empty line ended it.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pynetdicom import AE
from pynetdicom.association import Association

SUCCESS = 0x0000
ANSWER_TIMEOUT_SECONDS = 20
_PAUSE_SECONDS = 0.2
_saying = threading.Lock()


def _say(line: str) -> None:
    with _saying:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _send(number: int, port: int, pause_seconds: float, share: list[Path], giving_up: threading.Event) -> None:
    """Send as one modality, from an address of its own, over as many associations as it takes."""
    waiting, address = [dcmread(path) for path in share], f"127.0.0.{number + 2}"
    entity = AE(f"MODALITY{number}")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = ANSWER_TIMEOUT_SECONDS
    entity.add_requested_context(waiting[0].SOPClassUID, waiting[0].file_meta.TransferSyntaxUID)
    while waiting and not giving_up.is_set():
        association = entity.associate("127.0.0.1", port, ae_title="CARPUS", bind_address=(address, 0))
        if association.is_established:
            _send_over(association, waiting, pause_seconds, giving_up)
        if waiting:
            time.sleep(_PAUSE_SECONDS)


def _send_over(
    association: Association, waiting: list[Dataset], pause_seconds: float, giving_up: threading.Event
) -> None:
    """Send until all is promised or something goes wrong; what was promised leaves the list."""
    try:
        while waiting and not giving_up.is_set():
            status = association.send_c_store(waiting[0]).get("Status")
            if status != SUCCESS:
                _say(f"refused {status or 'without an answer'}")
                break
            _say(f"promised {waiting.pop(0).SOPInstanceUID}")
            giving_up.wait(pause_seconds)
    except (RuntimeError, ValueError):  # the association has ended meanwhile
        pass
    if association.is_established:
        association.release()


def main() -> None:
    """Send one batch after another."""
    giving_up = threading.Event()
    for line in sys.stdin:
        if not line.strip():
            giving_up.set()
            continue
        giving_up = threading.Event()
        threading.Thread(target=_send_batch, args=(json.loads(line), giving_up), daemon=True).start()


def _send_batch(batch: dict[str, Any], giving_up: threading.Event) -> None:
    port, pause_seconds, shares = batch["port"], batch["pause_seconds"], batch["shares"]
    threads = [
        threading.Thread(
            target=_send, args=(number, port, pause_seconds, list(map(Path, share)), giving_up), daemon=True
        )
        for number, share in enumerate(shares)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _say("done")


if __name__ == "__main__":
    main()
