"""``carpus send``: files and folders to a DICOM listener, with a progress bar, and each failure by name."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from carpus.gather import gather
from carpus.outgoing import Outgoing, Unsendable
from carpus.send import Peer, send


def run(paths: Sequence[Path], peer: Peer, console: Console) -> bool:
    """Send everything that can be sent.

    Parameters
    ----------
    paths
        Files and folders, as :func:`carpus.gather.gather` takes them.
    peer
        To whom.
    console
        Where the operator reads.

    Returns
    -------
    bool
        Whether there was something and all of it was stored.
    """
    found = list(gather(paths))
    objects = [one for one in found if isinstance(one, Outgoing)]
    problems = [f"{one.name}: {one.problem}" for one in found if isinstance(one, Unsendable)]
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(objects))
        for outcome in send(objects, peer):
            progress.advance(bar)
            if outcome.problem is not None:
                problems.append(f"{outcome.outgoing.name}: {outcome.problem}")
    for problem in problems:
        console.print(f"not sent: {problem}", highlight=False, markup=False, soft_wrap=True)
    stored = len(found) - len(problems)
    console.print(
        f"{stored} of {len(found)} stored by {peer.called_ae_title} at {peer.host}:{peer.port}", highlight=False
    )
    return bool(found) and not problems
