"""``carpus demo``: radiographs sent to a stack of its own at free ports, followed to their end, and shown.

The radiographs go the whole way that a modality's would: a real association, both queues, the database, and SQL back.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from carpus import contact_sheet, drawn, findings, followed, gather, sql
from carpus.outgoing import Outgoing, Reference, Unsendable
from carpus.ports import LOOPBACK
from carpus.send import Outcome, Peer, send
from carpus.settings import StackSettings
from carpus.stack import Ports, Stack
from carpus.supervise import StackError
from db import settings
from db.roles import Role
from dicom_listener.settings import ListenerSettings
from worker.settings import worker

POLL_SECONDS = 0.2
# Without one radiograph more at its end in all this time, something is wrong: loading the model takes some ten seconds.
PATIENCE_SECONDS = 300.0
MOST_DEATHS = 2
SHEET = "contact_sheet.png"
_EXAMPLE = "select patient_id, patient_sex, bone_age_months, stage from result"
_CALLING_AE_TITLE = "CARPUS-DEMO"
# What another listener of this machine lets in, and how; the demonstration's own serves the demonstration alone.
DOORS = tuple(
    f"{settings.PREFIX}{name}"
    for name in (
        "PEERS",
        "CALLING_AE_TITLES",
        "DESTINATIONS",
        "TLS_CERTIFICATE",
        "TLS_KEY",
        "TLS_CLIENT_CA",
        "MAX_OBJECT_BYTES",
    )
)


class Demonstration:
    """One run, from radiographs to a table.

    Parameters
    ----------
    source
        A folder of radiographs, or None for drawn hands.
    console
        Where the operator reads.
    """

    def __init__(self, source: Path | None, console: Console) -> None:
        self._source = source
        self._console = console
        self._phases: dict[str, float] = {}
        self._began_at = datetime.now(UTC)

    def run(self) -> bool:
        """Run it.

        Returns
        -------
        bool
            Whether every radiograph was sent and reached an end.

        Raises
        ------
        StackError, ServerError, NotSendableError
            When it cannot go on.
        """
        objects, unsendable = self._gather()
        stack = Stack(settings.load(StackSettings).home, Ports.free(), self._say, MOST_DEATHS, DOORS)
        with self._timed_start(stack):
            stored, problems = self._send(objects, stack)
            self._wait(list(stored), stack)
            with self._phase("report"):
                references = _references(stored)
                followed.note_references(stack.postgres.libpq_url_of(Role.READS), references)
                names = {uid: outgoing.name for uid, outgoing in stored.items()}
                self._report(followed.fetch(stack.postgres.libpq_url, names), stack)
        problems += [f"{one.name}: {one.problem}" for one in unsendable]
        self._say_all(f"not sent: {problem}" for problem in problems)
        self._say("; ".join(f"{name} {seconds:.1f} s" for name, seconds in self._phases.items()))
        return not problems

    def _gather(self) -> tuple[list[Outgoing], list[Unsendable]]:
        found = drawn.hands() if self._source is None else list(gather.gather([self._source]))
        objects = [one for one in found if isinstance(one, Outgoing)]
        if not objects:
            raise StackError(f"no radiograph found in {self._source}: expected DICOM files, or PNGs with a labels.csv")
        return objects, [one for one in found if isinstance(one, Unsendable)]

    def _send(self, objects: Sequence[Outgoing], stack: Stack) -> tuple[dict[str, Outgoing], list[str]]:
        """Return what was stored, by SOP Instance UID, and what was not and why."""
        peer = Peer(LOOPBACK, stack.ports.listener, settings.load(ListenerSettings).ae_title, _CALLING_AE_TITLE)
        outcomes: list[Outcome] = []
        with self._phase("send"), self._bar("sending by C-STORE", len(objects)) as progress:
            for outcome in send(objects, peer):
                outcomes.append(outcome)
                progress.advance(progress.task_ids[0])
                stack.look_after()
        stored = {o.sop_instance_uid: o.outgoing for o in outcomes if o.sop_instance_uid and o.problem is None}
        return stored, [f"{o.outgoing.name}: {o.problem}" for o in outcomes if o.problem is not None]

    def _wait(self, sop_instance_uids: Sequence[str], stack: Stack) -> None:
        """Wait until each radiograph has reached an end state."""
        ended, since = 0, time.monotonic()
        with self._phase("assess"), self._bar("reading and assessing", len(sop_instance_uids)) as progress:
            while ended < len(sop_instance_uids):
                stack.look_after()
                now = followed.ended_count(stack.postgres.libpq_url, sop_instance_uids) or ended
                if now > ended:
                    ended, since = now, time.monotonic()
                    progress.update(progress.task_ids[0], completed=ended)
                if time.monotonic() - since > PATIENCE_SECONDS:
                    raise StackError(f"no radiograph ended for {PATIENCE_SECONDS:.0f} s; see the logs in {stack.logs}")
                time.sleep(POLL_SECONDS)

    def _report(self, ends: Sequence[followed.Followed], stack: Stack) -> None:
        self._console.print(findings.table(ends, self._console.width))
        self._say_all(findings.reasons(ends))
        self._say_all(filter(None, [findings.accuracy(ends), findings.known_before(ends, self._began_at)]))
        self._say_all(findings.models(ends))
        sheet = stack.home / SHEET
        if contact_sheet.write(ends, stack.store, worker().bundle, sheet):
            self._say(f"Radiographs with their Grad-CAM overlays: {sheet}")
        self._say(f"Everything else: {stack.home} (logs in {stack.logs})")
        self._say(f"Query it: {sql.command_line(_EXAMPLE)}")

    @contextmanager
    def _timed_start(self, stack: Stack) -> Iterator[None]:
        with ExitStack() as started:
            with self._phase("start"):
                started.enter_context(stack)
            yield

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._phases[name] = time.monotonic() - begun

    @contextmanager
    def _bar(self, words: str, total: int) -> Iterator[Progress]:
        columns = (TextColumn("{task.description:22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            progress.add_task(words, total=total)
            yield progress

    def _say_all(self, lines: Iterator[str] | Sequence[str]) -> None:
        for line in lines:
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _references(stored: dict[str, Outgoing]) -> dict[str, Reference]:
    return {uid: outgoing.reference for uid, outgoing in stored.items() if outgoing.reference is not None}
