"""The command reproduce."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_contransgan.cli.runner import command, run


class PartName(StrEnum):
    """Parts that the command can reproduce."""

    TABLE1 = "table1"
    FIG7 = "fig7"
    FIG8 = "fig8"
    FIG9 = "fig9"
    FIG10 = "fig10"
    FIG11 = "fig11"
    SPEED = "speed"
    ALL = "all"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "reproduce", "reproduce table1 --out reproduced --quick")(reproduce)


def reproduce(
    part: Annotated[PartName, typer.Argument(help="Table or figure to reproduce.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for CSV, PNG and report.html.", show_default=False)],
    quick: Annotated[
        bool, typer.Option("--quick", help="Use few fields: takes minutes and gives rough scores.")
    ] = False,
    model: Annotated[str, typer.Option(help="A bundled network's name, a run's folder, or a checkpoint.")] = "all",
    contrans: Annotated[
        str | None, typer.Option(help="Contrans network for fig9, with the same training as the next two.")
    ] = None,
    unet: Annotated[str | None, typer.Option(help="U-Net for fig9.")] = None,
    swin: Annotated[str | None, typer.Option(help="Swin-only network for fig9.")] = None,
    from_4x: Annotated[str | None, typer.Option(help="Network trained only on 4x, for fig10.")] = None,
    from_10x: Annotated[str | None, typer.Option(help="Network trained only on 10x, for fig10.")] = None,
    defocus_model: Annotated[
        str | None, typer.Option(help="Network trained with defocus from -10 to +10 um, for fig11.")
    ] = None,
    aperture_model: Annotated[
        str | None,
        typer.Option(help="Network trained with a range of S, for fig11. [default: the network for defocus]"),
    ] = None,
) -> Mapping[str, Any]:
    """Reproduce the paper's tables and figures.

    Uses simulated fields that no training has seen, and gives the paper's scores and those of an empty map for
    comparison.
    """
    from napari_contransgan.reproduction import PARTS, QUICK, Extent, NetworkChoice
    from napari_contransgan.reproduction import reproduce as make

    choice = NetworkChoice(model, contrans, unet, swin, from_4x, from_10x, defocus_model, aperture_model)
    names = list(PARTS) if part is PartName.ALL else [part.value]
    given = [f"--{name.replace('_', '-')} {value}" for name, value in vars(choice).items() if value]
    words = ["napari-contransgan reproduce", part.value, "--out DIR", *given, *(["--quick"] if quick else [])]
    return run(make(names, out, choice, QUICK if quick else Extent(), command=" ".join(words)))
