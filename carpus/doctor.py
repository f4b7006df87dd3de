"""``carpus doctor``: what is wrong with this set-up, one line a check, and how to cure it."""

from collections.abc import Callable

from rich.console import Console

from carpus import door_checks, machine_checks, model_checks, server_checks, waiting_checks
from carpus.finding import Finding
from db.errors import CarpusError

CHECKS: tuple[Callable[[], Finding], ...] = (
    machine_checks.python,
    machine_checks.packages,
    machine_checks.variables,
    machine_checks.store,
    machine_checks.model,
    machine_checks.usual_ports,
    machine_checks.flower_login,
    door_checks.doors,
    door_checks.commitment,
    door_checks.destinations,
    door_checks.limits,
    server_checks.postgres,
    server_checks.broker,
    model_checks.registry,
    waiting_checks.inbox,
    waiting_checks.commitments,
    waiting_checks.deliveries,
)


def run(console: Console) -> bool:
    """Run every check.

    Parameters
    ----------
    console
        Where the operator reads.

    Returns
    -------
    bool
        Whether nothing is wrong; warnings are not counted.
    """
    findings = [_found(check) for check in CHECKS]
    for finding in findings:
        mark = "[green]✓[/]" if finding.is_well else "[yellow]![/]" if finding.is_warning else "[red]✗[/]"
        console.print(mark, end=" ")
        cure = "" if finding.is_well else f" → {finding.cure}"
        console.print(f"{finding.subject}: {finding.words}{cure}", highlight=False, markup=False, soft_wrap=True)
    return all(finding.is_well or finding.is_warning for finding in findings)


def _found(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (CarpusError, OSError) as error:  # such as a malformed setting or a closed folder
        return Finding(check.__name__.replace("_", " "), str(error), "correct it")
