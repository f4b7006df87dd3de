"""``python -m training``: fit a recipe, evaluate, calibrate and compare bundles, choose which one assesses."""

import typer
from rich.console import Console

from db.errors import CarpusError
from training.commands.calibrate import calibrate
from training.commands.compare import compare
from training.commands.evaluate import evaluate
from training.commands.export import export
from training.commands.fit import fit
from training.commands.novelty import novelty
from training.commands.phantom import phantom
from training.commands.refresh import refresh
from training.commands.registry import promote, register, retire, rollback, shadow, show
from training.commands.silhouettes import silhouettes
from training.commands.site_calibration import site_calibration
from training.commands.survey import survey

app = typer.Typer(
    help="Make and compare bone age models.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
errors = Console(stderr=True)

for command in (fit, evaluate, calibrate, novelty, export, compare, survey, phantom, silhouettes):
    app.command(rich_help_panel="Make and judge bundles")(command)
for choice in (refresh, site_calibration, register, promote, rollback, shadow, retire):
    app.command(rich_help_panel="Choose what assesses")(choice)
app.command("list", rich_help_panel="Choose what assesses")(show)


def main() -> None:
    """Run a command; what Carpus raises on purpose is shown as one message, without a traceback."""
    try:
        app()
    except (CarpusError, ValueError, OSError) as error:
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
