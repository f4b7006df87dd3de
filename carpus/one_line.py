"""How a command ends that could not do what it was asked for: in one line and a status, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from db.errors import CarpusError

INTERRUPTED = 130  # what a shell answers for Ctrl-C


@contextmanager
def in_one_line() -> Iterator[None]:
    """Say what went wrong in one line, and end with a status that a script can read."""
    try:
        yield
    except CarpusError as error:
        typer.echo(f"carpus: {error}", err=True)
        raise typer.Exit(1) from error
    except BrokenPipeError:  # whoever read our output has seen enough; Click ends quietly
        raise
    except OSError as error:  # a full disk, a closed folder
        typer.echo(f"carpus: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo("carpus: stopped", err=True)
        raise typer.Exit(INTERRUPTED) from error
