"""The commands tile and predict."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_contransgan.cli.outputs import beside, keep_inputs, output_paths, removed_on_failure
from napari_contransgan.cli.runner import Position, command, naming, note, number_or_path, run
from napari_contransgan.config import PredictSettings, TileSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, to_luminance, write_image
from napari_contransgan.notes import doubts_added

if TYPE_CHECKING:
    from napari_contransgan.inference import Prediction

PIXEL_SIZES_AGREE = 0.02
UNCERTAINTY = "uncertainty"
Images = Annotated[list[Path], typer.Argument(help="TIFF or OME-TIFF files.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "tile", "tile demo-output/sample_frame_10x.ome.tif --out tiles --grid 4x4")(tile)
    command(app, "predict", "predict hela/lr/0000.ome.tif --out predicted.ome.tif")(predict)


def tile(
    images: Images,
    out: Annotated[Path, typer.Option(help="Folder for the tiles.", show_default=False)],
    grid: Annotated[str, typer.Option(help="Rows x columns of the grid.")] = "4x4",
    overlap: Annotated[int, typer.Option(help="Overlap of neighbouring tiles in pixels.")] = 0,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, instead of the file's.")] = None,
) -> Mapping[str, Any]:
    """Cut images into tiles.

    Each tile keeps its units and its position; train reads the folder. Existing tiles from other images or another grid
    are never replaced.
    """
    from napari_contransgan.tiles import training_notes, write_tiles

    rows, _, columns = grid.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise InputError(f"--grid {grid}: give rows x columns, such as 4x4")
    values = {"rows": int(rows), "columns": int(columns), "overlap_px": overlap}
    settings = TileSettings.checked(values, source="tile")
    tiles = run(write_tiles(images, out, settings, pixel_size_um=pixel_size))
    doubts = [f"{path}: {text}" for path in images for text in read_image(path, lazy=True).notes]
    notes = training_notes(map(read_image, tiles))
    for text in [*doubts, *(f"{out}: {text}" for text in notes)]:
        note(text)
    notes = [*doubts, *notes]
    return {"out": out, "count": len(tiles), "tiles": tiles, "notes": notes}


def predict(
    images: Images,
    out: Annotated[Path, typer.Option(help="Output: a .tif file, or a folder.", show_default=False)],
    model: Annotated[str, typer.Option(help="A bundled network's name, or a checkpoint's path.")] = "all",
    objective: Annotated[
        str | None,
        typer.Option(
            help="Objective (4x, 10x, 20x or 40x) on a camera with 6.5 um pixels, for files without a pixel size."
        ),
    ] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, instead of the file's.")] = None,
    dark: Annotated[
        str | None,
        typer.Option(help="Dark level to subtract: counts, or an image taken without light. [default: the file's]"),
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Predict in eight orientations, and write their standard deviation to a second file. 8 times slower.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda or mps.")] = "auto",
    engine: Annotated[str, typer.Option(help="Library: auto, onnx or pytorch.")] = "auto",
    precision: Annotated[str, typer.Option(help="Precision: auto (fp32), fp32 or bf16.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Number of CPU threads. [default: one per core]")] = None,
    position: Position = None,
) -> Mapping[str, Any]:
    """Predict phase from low-power bright-field images.

    Accepts single frames, time and focus series, and RGB. The phase is on the network's grid and placed over the input.
    """
    if objective is not None and pixel_size is not None:
        raise InputError("--objective and --pixel-size both state the pixel size: give only one of them")
    objective_um = None if objective is None else Microscope().pixel_size_um(objective)
    outputs = output_paths(out, images, "phase")
    if trust:
        keep_inputs([beside(output, UNCERTAINTY) for output in outputs], images)
    values = {
        "model": model,
        "pixel_size_um": pixel_size,
        "dark": number_or_path(dark),
        "trust": trust,
        "device": device,
        "engine": engine,
        "precision": precision,
        "threads": threads,
    }
    settings = PredictSettings.checked(values, source="predict")
    keep_inputs(outputs, [settings.dark])
    for path in images:  # check all images before the first result is written
        image = read_image(path, position=position)
        _check_input(path, image, _first_stated(pixel_size, objective_um), settings.dark)

    from napari_contransgan.inference import predict_with_uncertainty
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import load_checkpoint

    loaded = load_checkpoint(find_model(settings.model))
    results = []
    for path, output in zip(images, outputs, strict=True):
        image = read_image(path, position=position)
        own = settings
        if pixel_size is None and objective_um is not None:
            own = settings.model_copy(update={"pixel_size_um": _pixel_size(path, image, objective, objective_um)})
        with naming(path, image):
            prediction = run(predict_with_uncertainty(image, own, loaded))
        phase = prediction.phase
        written = _write(prediction, output)
        for text in phase.settings["predict"]["notes"]:
            note(f"{path}: {text}")
        results.append({"input": path, **written, **_described(phase), "settings": phase.settings["predict"]})
    return {"model": settings.model, "network": loaded.card.name, "count": len(results), "images": results}


def _pixel_size(path: Path, image: Image, objective: str | None, objective_um: float) -> float:
    """Return the file's own pixel size, or else the one that the objective implies."""
    stated_um = image.pixel_size_um
    if stated_um is None:
        return objective_um
    if abs(stated_um / objective_um - 1) > PIXEL_SIZES_AGREE:
        note(f"{path}: its own pixel size of {stated_um:g} um is used; {objective} would give {objective_um:g} um")
    return stated_um


def _check_input(path: Path, image: Image, stated_um: float | None, dark: float | Path | None) -> None:
    from napari_contransgan.inference import check_input

    with naming(path, image), doubts_added(image.notes):
        check_input(to_luminance(image)[0], _first_stated(stated_um, image.pixel_size_um), dark)


def _first_stated(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _write(prediction: "Prediction", output: Path) -> dict[str, Any]:
    """Write the uncertainty, if there is one, and then the phase; on an error, neither is kept."""
    path, written = beside(output, UNCERTAINTY), list[Path]()
    with removed_on_failure(output.parent, written):
        if prediction.uncertainty is not None:
            write_image(path, prediction.uncertainty)
            written.append(path)
        write_image(output, prediction.phase)
    if prediction.uncertainty is not None:
        median_rad = prediction.phase.settings["predict"]["median_std_rad"]
        return {"phase": output, "uncertainty": path, "median_std_rad": median_rad}
    if path.exists():
        note(f"{path}: this file belongs to an earlier phase, not to the one just written")
    return {"phase": output}


def _described(phase: Image) -> dict[str, Any]:
    from napari_contransgan.quantities import measured

    values_rad = phase.data[measured(phase)]
    return {
        "axes": phase.axes,
        "shape": phase.data.shape,
        "pixel_size_um": phase.pixel_size_um,
        "min_rad": float(values_rad.min()),
        "max_rad": float(values_rad.max()),
        "std_rad": float(np.std(values_rad)),
    }
