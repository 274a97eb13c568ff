"""Commands that turn images into images: tile, predict."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_contransgan.cli.outputs import beside, keep_inputs, output_paths, removed_on_failure
from napari_contransgan.cli.runner import command, naming, note, run
from napari_contransgan.config import PredictSettings, TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, to_luminance, write_image
from napari_contransgan.microscope import Microscope

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
    grid: Annotated[str, typer.Option(help="Rows x columns.")] = "4x4",
    overlap: Annotated[int, typer.Option(help="How far neighbouring tiles reach into each other, in pixels.")] = 0,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um instead of the file's.")] = None,
) -> Mapping[str, Any]:
    """Cut images into sub-tiles.

    Each tile keeps its units and its place; the folder is what train reads. Tiles that other images or another grid
    left in the folder are never replaced.
    """
    from napari_contransgan.tiles import training_notes, write_tiles

    rows, _, columns = grid.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise InputError(f"--grid {grid}: give rows x columns, such as 4x4")
    values = {"rows": int(rows), "columns": int(columns), "overlap_px": overlap}
    settings = TileSettings.checked(values, source="tile")
    tiles = run(write_tiles(images, out, settings, pixel_size_um=pixel_size))
    notes = training_notes(map(read_image, tiles))
    for text in notes:
        note(f"{out}: {text}")
    return {"out": out, "count": len(tiles), "tiles": tiles, "notes": notes}


def predict(
    images: Images,
    out: Annotated[Path, typer.Option(help="Phase: a .tif file, or a folder.", show_default=False)],
    model: Annotated[str, typer.Option(help="A bundled network's name, or a checkpoint's path.")] = "all",
    objective: Annotated[
        str | None, typer.Option(help="4x, 10x, 20x or 40x with a 6.5 um camera, where a file states no pixel size.")
    ] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um instead of the file's.")] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Predict in eight orientations: a calmer phase, and its uncertainty in a second file. 8 x slower.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, onnx or pytorch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (fp32), fp32 or bf16.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: one for each core]")] = None,
) -> Mapping[str, Any]:
    """Predict phase from low-power bright-field images.

    Works on single frames, time and focus series and RGB; the phase comes on the network's grid, placed over the input.
    """
    if objective is not None and pixel_size is not None:
        raise InputError("--objective and --pixel-size both state the pixel size: give one of them")
    objective_um = None if objective is None else Microscope().pixel_size_um(objective)
    outputs = output_paths(out, images, "phase")
    if trust:
        keep_inputs([beside(output, UNCERTAINTY) for output in outputs], images)
    values = {
        "model": model,
        "pixel_size_um": pixel_size,
        "trust": trust,
        "device": device,
        "engine": engine,
        "precision": precision,
        "threads": threads,
    }
    settings = PredictSettings.checked(values, source="predict")
    for path in images:  # all of them before the first result is written
        _check_input(path, _first_stated(pixel_size, objective_um))

    from napari_contransgan.inference import predict_with_uncertainty
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import load_checkpoint

    loaded = load_checkpoint(find_model(settings.model))
    results = []
    for path, output in zip(images, outputs, strict=True):
        image = read_image(path)
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
    """Take the file's own pixel size before the one that an objective implies."""
    stated_um = image.pixel_size_um
    if stated_um is None:
        return objective_um
    if abs(stated_um / objective_um - 1) > PIXEL_SIZES_AGREE:
        note(f"{path}: states a pixel size of {stated_um:g} um, which is used; {objective} would mean {objective_um:g}")
    return stated_um


def _check_input(path: Path, stated_um: float | None) -> None:
    from napari_contransgan.inference import check_input

    image = read_image(path)
    with naming(path, image):
        check_input(to_luminance(image)[0], _first_stated(stated_um, image.pixel_size_um))


def _first_stated(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _write(prediction: "Prediction", output: Path) -> dict[str, Any]:
    """Write the uncertainty, if there is one, and then the phase, or neither."""
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
        note(f"{path}: belongs to an earlier phase, not to the one that was written now")
    return {"phase": output}


def _described(phase: Image) -> dict[str, Any]:
    return {
        "axes": phase.axes,
        "shape": phase.data.shape,
        "pixel_size_um": phase.pixel_size_um,
        "min_rad": float(phase.data.min()),
        "max_rad": float(phase.data.max()),
        "std_rad": float(np.std(phase.data)),
    }
