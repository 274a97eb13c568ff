"""The command adapt."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import TaskID

from napari_contransgan.cli.runner import Position, command, note, number_or_path, progress_bar
from napari_contransgan.cli.stack_options import (
    CondenserAperture,
    DarkLevel,
    Drift,
    FocusPlane,
    ObjectiveNA,
    PixelSize,
    PlaneDistance,
    PlaneHeights,
    Wavelength,
    heights_um,
)
from napari_contransgan.config import AdaptSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image
from napari_contransgan.progress import result_of

if TYPE_CHECKING:
    from napari_contransgan.adapting.events import AdaptEvent, AdaptResult, PartScores


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "adapt", 'adapt --stack my_stack.ome.tif --out my-10x --name "my 10x"')(adapt)


def adapt(
    stack: Annotated[
        list[Path],
        typer.Option(help="Focus stack (ZYX); may be repeated for several fields of view.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the adapted network.", show_default=False)],
    label: Annotated[
        list[Path] | None,
        typer.Option(help="Phase map of the same field of view, used instead of the TIE phase; one for each stack."),
    ] = None,
    frames: Annotated[
        list[Path] | None,
        typer.Option(help="Frames of another objective to which the network is adapted; may be repeated."),
    ] = None,
    unpaired: Annotated[
        bool,
        typer.Option("--unpaired", help="Frames and stacks show different fields of view, even if they seem to match."),
    ] = False,
    name: Annotated[str, typer.Option(help='Name for the network, such as "my 10x". [default: the folder]')] = "",
    planes: Annotated[
        str, typer.Option(help="Planes to learn from: focus, or all for frames at any focus of the stack.")
    ] = "focus",
    start_from: Annotated[str, typer.Option(help="Name of a bundled network, folder of a run, or checkpoint.")] = "all",
    minutes: Annotated[float | None, typer.Option(help="Maximum duration of the training itself.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps, unless the time limit is reached first.")] = None,
    replay: Annotated[
        int | None, typer.Option(help="Simulated images to mix in, which prevent forgetting. [default: 24]")
    ] = None,
    simulated: Annotated[
        int | None,
        typer.Option(help="Fields to simulate with a microscope fitted to the stack; 0 for none. [default: 40]"),
    ] = None,
    wavelength: Wavelength = None,
    dz: PlaneDistance = None,
    z: PlaneHeights = None,
    focus: FocusPlane = None,
    flip_z: Annotated[bool, typer.Option("--flip-z", help="The planes are in order of falling z.")] = False,
    pixel_size: PixelSize = None,
    na: ObjectiveNA = None,
    coherence: CondenserAperture = None,
    dark: DarkLevel = None,
    specimen: Annotated[
        str, typer.Option(help="Sign of the specimen's phase: auto, positive, negative or both.")
    ] = "auto",
    drift: Drift = True,
    seed: Annotated[int, typer.Option(help="Random seed for the order and augmentation of images.")] = 0,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="Precision: auto, fp32 or bf16.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="Number of CPU threads. [default: one per core, minus one]")
    ] = None,
    position: Position = None,
) -> Mapping[str, Any]:
    """Adapt a network to your microscope from one focus stack.

    The label is the TIE phase of the stack. The inputs are its planes, or --frames of another objective, of the same or
    of other fields of view (unpaired). The network also learns from fields that are simulated with a microscope fitted
    to the stack. A part is held out to score the network before and after. The result is a run:
    give its folder to predict as --model.
    """
    values: dict[str, Any] = {
        "name": name,
        "start_from": start_from,
        "unpaired": unpaired,
        "planes": planes,
        "minutes": minutes,
        "replay_images": replay,
        "simulated_images": simulated,
        "steps": steps,
        "tie": {
            "wavelength_um": wavelength,
            "dz_um": dz,
            "z_um": heights_um(z),
            "focus_index": focus,
            "flip_z": flip_z,
            "pixel_size_um": pixel_size,
            "numerical_aperture": na,
            "coherence": coherence,
            "dark": number_or_path(dark),
            "specimen_sign": specimen,
            "drift": drift,
        },
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
    }
    settings = AdaptSettings.checked({key: one for key, one in values.items() if one is not None}, source="adapt")
    if unpaired and not frames:
        raise InputError("--unpaired: no frames were given: give --frames too")
    stacks = [read_image(path, position=position) for path in stack]
    others = {"frames": frames or [], "labels": label or []}
    given = {kind: [read_image(path) for path in paths] for kind, paths in others.items()}

    from napari_contransgan.adapting.adapt import adapt as adapt_events

    return _figures(_run(adapt_events(stacks, settings, out, **given)))


def _run(events: Any) -> "AdaptResult":
    from napari_contransgan.training.known_runs import remember_run

    with progress_bar() as bar, closing(events):
        task = bar.add_task("reading", total=None)
        result: AdaptResult = result_of(events, lambda event: _tell(event, bar, task))
    remember_run(result.checkpoint.parent)
    return result


def _tell(event: "AdaptEvent", bar: Bar, task: TaskID) -> None:
    from napari_contransgan.adapting import events as kinds

    match event:
        case kinds.AdaptStarted():
            for text in event.notes:
                note(text, bar)
            note(f"{event.message}; up to {event.total_steps} steps on {event.device}", bar)
        case kinds.AdaptPreview():
            note(f"step {event.step}: {_scores(event.scores)}", bar)
        case kinds.AdaptFinished():
            pass
        case _:
            bar.update(task, completed=event.step, total=event.total, description=escape(event.message))


def _figures(result: "AdaptResult") -> dict[str, Any]:
    if result.kept == "original":
        note("the adapted network was not better on the held-out part: the original network is kept, unchanged")
    return {
        "run": result.checkpoint.parent,
        "checkpoint": result.checkpoint,
        "name": result.name,
        "way": result.way,
        "kept": result.kept,
        "compared": result.compared,
        "before": vars(result.before),
        "after": vars(result.after),
        "steps": result.steps,
        "minutes": result.minutes,
        "seconds": result.seconds,
        "notes": list(result.notes),
    }


def _scores(scores: "PartScores") -> str:
    return f"slope {scores.slope:.3f}, correlation {scores.correlation:.3f}, RMSE {scores.rmse_rad:.3f} rad"
