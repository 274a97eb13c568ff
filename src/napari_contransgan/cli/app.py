"""Assemble all commands under one name."""

from typing import Annotated

import typer

import napari_contransgan
from napari_contransgan.cli import (
    commands_adapting,
    commands_data,
    commands_images,
    commands_measure,
    commands_models,
    commands_predict,
    commands_reproduce,
    commands_results,
    commands_tie,
    commands_training,
)

app = typer.Typer(
    name="napari-contransgan",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(napari_contransgan.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Measure or predict quantitative phase from bright-field images.

    Lengths are in micrometres and phases in radians. Files are OME-TIFF. Every command accepts --json.
    """


commands_results.add_demo(app)
commands_tie.add_to(app)
commands_images.add_to(app)
commands_predict.add_to(app)
commands_data.add_to(app)
commands_training.add_to(app)
commands_adapting.add_to(app)
commands_results.add_evaluate(app)
commands_measure.add_to(app)
commands_reproduce.add_to(app)
app.add_typer(commands_models.app, name="models")


def main() -> None:
    """Run the command line."""
    app()
