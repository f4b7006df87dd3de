"""The operator's command line, ``carpus``. Each command imports what it needs when it is called."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carpus.one_line import in_one_line
from carpus.reads import commands as reads

app = typer.Typer(
    help="Carpus reads bone age from hand radiographs. Not for clinical use with the model it ships with.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(reads.app, name="reads")


def _ae_title(title: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from db.addresses import AETitle

    try:
        return TypeAdapter[str](AETitle).validate_python(title)
    except ValidationError as error:
        raise typer.BadParameter(f"{title!r} is no AE title: 1 to 16 ASCII characters without a backslash") from error


Host = Annotated[str, typer.Option(help="The listener's address.")]
Port = Annotated[int, typer.Option(help="The listener's port.", envvar="CARPUS_LISTENER_PORT", min=1, max=65535)]
Called = Annotated[str, typer.Option(help="The listener's AE title.", envvar="CARPUS_AE_TITLE", callback=_ae_title)]
Calling = Annotated[str, typer.Option(help="Our own AE title.", callback=_ae_title)]
TLSCA = Annotated[Path | None, typer.Option("--tls-ca", help="Authority of the listener's certificate, PEM: use TLS.")]
TLSCertificate = Annotated[Path | None, typer.Option("--tls-certificate", help="Our own certificate, PEM.")]
TLSKey = Annotated[Path | None, typer.Option("--tls-key", help="Its key, PEM.")]


@app.callback()
def main() -> None:
    """Let a terminal or log that has no ✓ show a question mark in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


@app.command()
def demo(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            envvar="CARPUS_DEMO_FROM",
            help="Folder of radiographs: DICOM files, or PNGs with a labels.csv. Without it, hands are drawn.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Send radiographs through a stack at free ports and show what comes out."""
    with in_one_line():
        from carpus.stack import stop_on_signals

        stop_on_signals()
        from carpus.demo import Demonstration

        if not Demonstration(source, Console()).run():
            raise typer.Exit(1)


@app.command()
def up() -> None:
    """Run the one-machine stack at the usual ports until Ctrl-C.

    What dies or hangs is started again, with longer and longer pauses.
    """
    with in_one_line():
        from carpus.up import run

        run(Console())


@app.command()
def send(
    paths: Annotated[
        list[Path], typer.Argument(help="DICOM files, folders of them, or folders of PNGs with a labels.csv.")
    ],
    *,
    host: Host = "127.0.0.1",
    port: Port = 11112,
    called: Called = "CARPUS",
    ae_title: Calling = "CARPUS-SEND",
    tls_ca: TLSCA = None,
    tls_certificate: TLSCertificate = None,
    tls_key: TLSKey = None,
) -> None:
    """Send radiographs by DICOM C-STORE, each in its own transfer syntax."""
    with in_one_line():
        from carpus.send import Peer
        from carpus.sending import run
        from carpus.tls import client_context

        tls = client_context(tls_ca, tls_certificate, tls_key)
        if not run(paths, Peer(host, port, called, ae_title, tls), Console()):
            raise typer.Exit(1)


@app.command()
def echo(
    *,
    host: Host = "127.0.0.1",
    port: Port = 11112,
    called: Called = "CARPUS",
    ae_title: Calling = "CARPUS-SEND",
    tls_ca: TLSCA = None,
    tls_certificate: TLSCertificate = None,
    tls_key: TLSKey = None,
) -> None:
    """Ask a DICOM listener whether it serves, by C-ECHO."""
    with in_one_line():
        from carpus.send import Peer
        from carpus.send import echo as ask
        from carpus.tls import client_context

        tls = client_context(tls_ca, tls_certificate, tls_key)
        if problem := ask(Peer(host, port, called, ae_title, tls)):
            typer.echo(f"carpus: {problem}", err=True)
            raise typer.Exit(1)
        typer.echo(f"{called} at {host}:{port} serves")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help='One SELECT, such as "select * from result". It can only read.')],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV with all digits.")] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="See the embedded database's tables, not only views.")
    ] = False,
) -> None:
    """Query the configured database, else the embedded one, which is started for it if need be."""
    with in_one_line():
        from carpus.sql import run

        run(query, Console(), as_csv=csv, with_tables=tables)


@app.command()
def forget(
    patient_id: Annotated[str, typer.Argument(help="The patient's ID as it was sent, or its pseudonym.")],
    issuer: Annotated[str | None, typer.Option(help="Who issued the ID, if not CARPUS_SITE.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what there is.")] = False,
    committed: Annotated[
        bool, typer.Option("--committed", help="Remove objects, too, that a storage commitment promised to keep.")
    ] = False,
) -> None:
    """Remove a patient everywhere, from database and store, and say what was removed and what cannot be.

    It shows what there is, and asks. Of an image all revisions go.
    Where a later one corrected the ID to another patient's, only those before it go.
    Run it where the store is; the services may run or not.
    """
    with in_one_line():
        from carpus.forget import run
        from carpus.patient import Patient

        meant = Patient.meant(patient_id, issuer)
        run(meant, Console(), is_dry_run=dry_run, is_sure=yes, takes_committed=committed)


@app.command()
def requeue(
    named: Annotated[
        list[str] | None,
        typer.Argument(help="Radiographs, by the id that `worklist` shows or by SOP Instance UID.", metavar="ID…"),
    ] = None,
    all_failed: Annotated[bool, typer.Option("--all", help="Every radiograph that is FAILED.")] = False,
    all_rejected: Annotated[
        bool, typer.Option("--rejected", help="Every radiograph that its reader REJECTED, such as after an update.")
    ] = False,
) -> None:
    """Put radiographs that ended as FAILED or REJECTED back to be read and assessed again, all attempts before them."""
    with in_one_line():
        from carpus.requeue import run

        if not run(named or [], Console(), all_failed=all_failed, all_rejected=all_rejected):
            raise typer.Exit(1)


@app.command()
def deliver(
    named: Annotated[
        list[str] | None,
        typer.Argument(help="With --retry: these alone, by the ids in the view `deliveries`.", metavar="ID…"),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Send again what FAILED, or what is named.")] = False,
) -> None:
    """Show how far results got to their destinations, and with --retry send again what did not arrive.

    Without --retry it ends with 1 where anything FAILED.
    """
    with in_one_line():
        from carpus import deliver as delivering

        if named and not retry:
            raise typer.BadParameter("ids go with --retry")
        if retry:
            delivering.retry(named or [], Console())
        elif not delivering.show(Console()):
            raise typer.Exit(1)


@app.command()
def audit(
    model: Annotated[
        str | None, typer.Option(help="A model's name, or the first digits of its digest; all of them by default.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the pages; `audit` in CARPUS_HOME by default.", file_okay=False)
    ] = None,
    fail_only: Annotated[
        bool, typer.Option("--fail-only", help="End with 0 where there is not enough data, too.")
    ] = False,
) -> None:
    """Say whether models judge girls and boys alike, by reads that were sampled and blinded.

    It ends with 0 where all pass, with 1 where one fails, with 2 where none fails and there is not enough data.
    """
    with in_one_line():
        from carpus.audit import run

        if status := run(model, output, Console(), is_fail_only=fail_only):
            raise typer.Exit(status)


@app.command()
def import_predictions(
    table: Annotated[
        Path, typer.Argument(help="CSV as `python -m training evaluate --predictions` takes it.", dir_okay=False)
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Remove what was imported from this table.")] = False,
) -> None:
    """Enter any models' predictions as assessed radiographs with sampled reads, so that they can be audited.

    They show in `result`, marked as imported; no service has work with them.
    """
    with in_one_line():
        from carpus.import_predictions import run

        run(table, Console(), is_removal=remove)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="COMMAND [ARGS]...",
)
def training(context: typer.Context) -> None:
    """Make, compare and choose models: `python -m training` with this stack's database and store."""
    with in_one_line():
        from carpus.training import run

        raise typer.Exit(run(context.args))


@app.command()
def doctor() -> None:
    """Say what is wrong with this set-up, one line a check."""
    with in_one_line():
        from carpus.doctor import run

        if not run(Console()):
            raise typer.Exit(1)


@app.command()
def settings() -> None:
    """List every setting with its default and meaning."""
    with in_one_line():
        from carpus.settings import table

        console = Console()
        console.print(table(console.width))


if __name__ == "__main__":
    app()
