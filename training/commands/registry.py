"""The commands of the registry: which bundles there are, and which one assesses."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from db.model_versions import described
from training import registry

Named = Annotated[
    str, typer.Argument(metavar="MODEL", help="Such as 'starter 0.1.1', or the first digits of a digest.")
]
Because = Annotated[str, typer.Option(help="Why; kept with the decision.")]

_BY_HAND = "by an operator"
_WHEN = "workers take it up within seconds, without a restart"


def register(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle; it is copied.")],
) -> None:
    """Keep a bundle in the model store, as a candidate that can be promoted."""
    row = registry.register(folder)
    typer.echo(f"{described(row)}: {row.status}")


def promote(named: Named, because: Because = _BY_HAND) -> None:
    """Make a registered version the one that assesses; nothing of it is judged here, as `refresh` does."""
    typer.echo(f"{described(registry.promote(named, because))} is active; {_WHEN}")


def rollback(because: Because = _BY_HAND) -> None:
    """Go back to the version that assessed before the present one."""
    typer.echo(f"{described(registry.roll_back(because))} is active again; {_WHEN}")


def shadow(named: Named) -> None:
    """Let a version assess beside the active one, to be compared (view `model_comparison`) and never shown."""
    typer.echo(f"{described(registry.let_shadow(named))} assesses beside the active version; {_WHEN}")


def retire(named: Named) -> None:
    """Take a shadow or a candidate out of use."""
    typer.echo(f"{described(registry.retire(named))} is retired")


def show(decisions: Annotated[int, typer.Option(min=0, help="How many of the latest decisions to show.")] = 10) -> None:
    """List the registered versions and the latest decisions about them."""
    console = Console()
    console.print(registry.versions_on_screen())
    if decisions:
        console.print(registry.decisions_on_screen(decisions))
