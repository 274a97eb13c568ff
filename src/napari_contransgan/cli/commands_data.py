"""The command simulate."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_contransgan.cli.runner import command, note, run
from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope, preset_named
from napari_contransgan.errors import InputError

if TYPE_CHECKING:
    pass


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "simulate", "simulate --out hela --specimen hela --objective 10x --count 2")(simulate)


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the data set.", show_default=False)],
    specimen: Annotated[str | None, typer.Option(help="psm (beads) or hela (cells).")] = None,
    objective: Annotated[
        str | None, typer.Option(help="4x, 10x, 20x, 40x, or another objective of the microscope.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Number of fields of view.")] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed. [default: 0]")] = None,
    workers: Annotated[int, typer.Option(help="Number of single-threaded processes.", min=1)] = 1,
    defocus: Annotated[
        float | None, typer.Option(help="Focus of the low-power image in um. [default: 0.25 wavelength / NA^2]")
    ] = None,
    coherence: Annotated[float | None, typer.Option(help="S of the low-power image, instead of the microscope's.")] = (
        None
    ),
    microscope: Annotated[Path | None, typer.Option(help="YAML file that describes your microscope.")] = None,
    preset: Annotated[str | None, typer.Option(help="Predefined microscope instead: paper or led.")] = None,
    scene: Annotated[
        str | None,
        typer.Option(help="How crowded the fields are: mixed, empty, sparse, dense or confluent. [default: mixed]"),
    ] = None,
    field_px: Annotated[int | None, typer.Option(help="Side of a field in pixels of 0.325 um. [default: 240]")] = None,
    stacks: Annotated[
        bool, typer.Option("--stacks/--no-stacks", help="Also write the focus stacks and their TIE phase.")
    ] = True,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler whose workers make the fields, such as tcp://host:8786."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; other options override it.")] = None,
) -> Mapping[str, Any]:
    """Simulate low-power images and their phase.

    Writes the folders lr, phase, stack (focus stacks) and tie (their TIE phase), and dataset.json. After an
    interruption, the same command continues; with a larger --count it adds fields. Field i depends only on i, the seed
    and the other settings.
    """
    values = _simulated(config, microscope, preset, coherence)
    given = {
        "specimen": specimen,
        "objective": objective,
        "count": count,
        "seed": seed,
        "defocus_um": defocus,
        "scene": scene,
        "field_px": field_px,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    for name in ("specimen", "objective", "count"):
        if name not in values:
            raise InputError(f"--{name} is missing: give it, or a --config file that contains it")
    files = ", ".join(str(path) for path in (config, microscope) if path is not None)
    settings = SimulationSettings.checked(values, source=files or "simulate")
    warnings = settings.microscope.advice()
    for warning in warnings:
        note(f"note: {warning}")

    from napari_contransgan.simulation import write_dataset

    folder = run(write_dataset(settings, out, workers, stacks=stacks, scheduler=scheduler))
    return {"out": folder, "stacks": stacks, "warnings": warnings, **settings.model_dump(mode="json")}


def _simulated(
    config: Path | None, microscope: Path | None, preset: str | None, coherence: float | None
) -> dict[str, Any]:
    """Return the settings in a file, with another microscope if one is named."""
    values: dict[str, Any] = {}
    if config is not None:
        values = SimulationSettings.from_yaml(config).model_dump(exclude_unset=True)
    if microscope is not None and preset is not None:
        raise InputError(f"--microscope {microscope} and --preset {preset} both describe the microscope: give one")
    if microscope is not None:
        values["microscope"] = Microscope.from_yaml(microscope).model_dump()
    if preset is not None:
        values["microscope"] = preset_named(preset).model_dump()
    if coherence is not None:
        values["microscope"] = {**values.get("microscope", {}), "coherence": coherence}
    return values
