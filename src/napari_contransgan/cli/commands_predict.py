"""The command predict."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_contransgan.cli.outputs import keep_inputs, many_figures, names_an_image, output_paths
from napari_contransgan.cli.runner import Position, command, note, number_or_path, run
from napari_contransgan.cli.stack_options import CondenserAperture, DarkLevel, ObjectiveNA
from napari_contransgan.config import PredictSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.io.inputs import find_inputs, stands_for_many
from napari_contransgan.io.names import next_to, without_results

if TYPE_CHECKING:
    from napari_contransgan.inference.files import FileTask

UNCERTAINTY = "uncertainty"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "predict", "predict hela/lr/0000.ome.tif --out predicted.ome.tif")(predict)


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="TIFF or OME-Zarr images, folders of them, or patterns in quotes such as 'day?/*.tif'.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Output: a .tif or .ome.zarr image, or a folder.", show_default=False)],
    model: Annotated[str, typer.Option(help="A bundled network's name, or a checkpoint's path.")] = "all",
    objective: Annotated[
        str | None,
        typer.Option(
            help="Objective (4x, 10x, 20x or 40x) on a camera with 6.5 um pixels, for files without a pixel size."
        ),
    ] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, instead of the file's.")] = None,
    dark: DarkLevel = None,
    na: ObjectiveNA = None,
    coherence: CondenserAperture = None,
    defocus: Annotated[
        float | None,
        typer.Option(
            help="Focus of the image in um, for a network that can be told it: positive where cells look brighter "
            "inside.",
            show_default=False,
        ),
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Write the likely error of each pixel in radians (68 % of errors are smaller) to a second file, and "
            "say what is unusual about the image.",
        ),
    ] = False,
    orientations: Annotated[
        int, typer.Option(help="1, or 8 to average the image turned and mirrored: smoother, and 8 times slower.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that predict many files, each on one core; 1 uses all cores for each.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler, whose workers predict; they must reach the same files."),
    ] = None,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda or mps.")] = "auto",
    engine: Annotated[str, typer.Option(help="Library: auto, onnx or pytorch.")] = "auto",
    precision: Annotated[str, typer.Option(help="Precision: auto (fp32), fp32 or bf16.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Number of CPU threads. [default: one per core]")] = None,
    position: Position = None,
) -> Mapping[str, Any]:
    """Predict phase from low-power bright-field images.

    Accepts single frames, time and focus series, and RGB, of any size. The phase is on the network's grid and placed
    over the input. Files that are named are all checked before the first result is written. Of folders, of patterns,
    and with --workers or --scheduler, files that cannot be used are skipped and named; what was done and skipped is in
    predicted.jsonl in the output folder, and the same command goes on where it stopped.
    """
    if objective is not None and pixel_size is not None:
        raise InputError("--objective and --pixel-size both state the pixel size: give only one of them")
    if objective is not None:
        Microscope().pixel_size_um(objective)
    values = {
        "model": model,
        "pixel_size_um": pixel_size,
        "dark": number_or_path(dark),
        "numerical_aperture": na,
        "coherence": coherence,
        "focus_um": defocus,
        "trust": trust,
        "orientations": orientations,
        "device": device,
        "engine": engine,
        "precision": precision,
        "threads": threads,
    }
    settings = PredictSettings.checked(values, source="predict")
    many = workers > 1 or scheduler is not None or any(map(stands_for_many, images))
    if many:
        images = without_results(find_inputs(images), out, ("phase", f"phase_{UNCERTAINTY}"))
        if names_an_image(out):
            raise InputError("one file cannot hold the results of many images: give a folder", source=out)
    outputs = output_paths(out, images, "phase")
    keep_inputs(outputs, [settings.dark])
    if trust:
        keep_inputs([next_to(output, UNCERTAINTY) for output in outputs], images)

    from napari_contransgan.inference.files import FileTask

    tasks = [
        FileTask(path, output, next_to(output, UNCERTAINTY), settings, objective, position)
        for path, output in zip(images, outputs, strict=True)
    ]
    return _predict_many(tasks, out, workers, scheduler) if many else _predict_named(tasks)


def _predict_named(tasks: "list[FileTask]") -> Mapping[str, Any]:
    from napari_contransgan.inference.files import check_file, predict_file
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import load_checkpoint

    for task in tasks:  # check all images before the first result is written
        check_file(task)
    loaded = load_checkpoint(find_model(tasks[0].settings.model))
    results = [_told(run(predict_file(task, loaded))) for task in tasks]
    return {"model": tasks[0].settings.model, "network": loaded.card.name, "count": len(results), "images": results}


def _predict_many(tasks: "list[FileTask]", out: Path, workers: int, scheduler: str | None) -> Mapping[str, Any]:
    from napari_contransgan.inference.folders import predict_files

    result = run(predict_files(tasks, out, workers, scheduler))
    images = [_told(one) for one in result.results]
    figures = many_figures("predicted", images, result, out)
    return {"model": tasks[0].settings.model, "network": images[0]["settings"]["network"], **figures}


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    """Print the remarks of a result, and return the rest."""
    for text in result["remarks"]:
        note(text)
    return {name: value for name, value in result.items() if name != "remarks"}
