"""Options of the commands that read a focus stack."""

from typing import Annotated

import typer

from napari_contransgan.errors import InputError

Wavelength = Annotated[
    float | None, typer.Option(help="Vacuum wavelength in um. [default: the file's, or 0.55]", show_default=False)
]
PlaneDistance = Annotated[float | None, typer.Option(help="Distance between planes in um. [default: the file's]")]
PlaneHeights = Annotated[
    str | None, typer.Option("--z", help="Rising heights of the planes in um, 'z0,z1,...', instead of --dz.")
]
FocusPlane = Annotated[
    int | None,
    typer.Option(help="Plane in focus, counted from 0. [default: found from the planes]"),
]
PixelSize = Annotated[float | None, typer.Option(help="Pixel size in um. [default: the file's]")]
ObjectiveNA = Annotated[float | None, typer.Option(help="NA of the objective. [default: the file's]")]
CondenserAperture = Annotated[
    float | None,
    typer.Option(help="Condenser aperture S: the condenser's NA divided by the objective's. [default: the file's]"),
]
DarkLevel = Annotated[
    str | None,
    typer.Option(help="Dark level to subtract: counts, or an image taken without light. [default: the file's]"),
]
Drift = Annotated[bool, typer.Option(help="Correct sideways drift between planes.")]


def heights_um(text: str | None) -> tuple[float, ...] | None:
    """Read the heights of planes, if they are given."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--z {text}: give numbers separated by commas") from None
