"""Commands that make data and networks: simulate, train."""

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from napari_contransgan.cli.runner import command, interrupt_held_back, note, progress_bar, run
from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.microscope import Microscope, preset_named

if TYPE_CHECKING:
    from napari_contransgan.training.events import Validated


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "simulate", "simulate --out hela --specimen hela --objective 10x --count 2")(simulate)
    command(app, "train", "train --out run --pairs hela --steps 200")(train)


def simulate(
    out: Annotated[Path, typer.Option(help="Folder of the data set.", show_default=False)],
    specimen: Annotated[str | None, typer.Option(help="psm (beads) or hela (cells).")] = None,
    objective: Annotated[str | None, typer.Option(help="4x, 10x, 20x, 40x, or another of the microscope's.")] = None,
    count: Annotated[int | None, typer.Option(help="Number of fields.")] = None,
    seed: Annotated[int | None, typer.Option(help="Field i depends on the seed and i alone. [default: 0]")] = None,
    workers: Annotated[int, typer.Option(help="Processes, of one thread each.", min=1)] = 1,
    defocus: Annotated[
        float | None, typer.Option(help="Focus of the low-power image in um; else 0.25 wavelength / NA^2.")
    ] = None,
    coherence: Annotated[float | None, typer.Option(help="S of the low-power image, in place of the microscope's.")] = (
        None
    ),
    microscope: Annotated[Path | None, typer.Option(help="YAML file that describes your microscope.")] = None,
    preset: Annotated[str | None, typer.Option(help="Or a microscope to begin with: paper or led.")] = None,
    scene: Annotated[
        str | None, typer.Option(help="How crowded: mixed, empty, sparse, dense or confluent. [default: mixed]")
    ] = None,
    field_px: Annotated[int | None, typer.Option(help="Side on the grid of 0.325 um. [default: 240]")] = None,
    stacks: Annotated[bool, typer.Option("--stacks/--no-stacks", help="Also write the stacks and their phase.")] = True,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers make the fields, such as tcp://host:8786.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of all settings; the other options replace what it says.")
    ] = None,
) -> Mapping[str, Any]:
    """Simulate low-power images and their phase.

    Writes lr, phase, stack (the focus stack) and tie (its TIE phase), and dataset.json. Interrupted, the same command
    goes on; with a larger --count it adds fields.
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
            raise InputError(f"--{name} is missing: give it, or a --config that holds it")
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
    """Settings as a file states them, with another microscope where one is named."""
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


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run.", show_default=False)],
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; the options below replace what it says.")
    ] = None,
    lr: Annotated[Path | None, typer.Option(help="Folder of low-power images (unpaired).")] = None,
    phase: Annotated[Path | None, typer.Option(help="Folder of phase images (unpaired).")] = None,
    pairs: Annotated[list[Path] | None, typer.Option(help="Folder that simulate wrote; may be repeated.")] = None,
    simulate: Annotated[
        list[Path] | None,
        typer.Option(help="YAML file for simulate --config, whose pairs are made on the fly; may be repeated."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that make those pairs ahead; 0 makes them in turn. [default: 1]")
    ] = None,
    generator: Annotated[str | None, typer.Option(help="contrans, unet or swin.")] = None,
    preset: Annotated[str | None, typer.Option(help="Size of the network: tiny, compact or published.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="Begin with the weights of a bundled network or a checkpoint of the same kind.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="paper (unpaired throughout) or semi-supervised.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps in all.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Instead: how often each image is seen.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step; less needs less memory. [default: 4]")] = None,
    crop: Annotated[
        int | None,
        typer.Option(help="Side of a training image on the grid of 0.325 um, a multiple of 32 px. [default: 224]"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
) -> Mapping[str, Any]:
    """Train a network.

    An interrupt (Ctrl-C) keeps the work, and --resume goes on with it. The folder gets best.safetensors (for
    predict), its card, the settings, and metrics.jsonl.
    """
    if steps is not None and epochs is not None:
        raise InputError("--steps and --epochs both state the length of the run: give one of them")
    given = {
        "lr": lr,
        "phase": phase,
        "pairs": pairs or None,
        "simulate": [SimulationSettings.from_yaml(path) for path in simulate] if simulate else None,
        "simulation_workers": workers,
        "generator": generator,
        "preset": preset,
        "start_from": start_from,
        "recipe": recipe,
        "steps": steps,
        "batch_size": batch_size,
        "crop_px": crop,
        "device": device,
    }
    if config is None and resume and (out / "config.yaml").is_file():
        config = out / "config.yaml"
    before = {} if config is None else TrainSettings.from_yaml(config).model_dump()
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = TrainSettings.checked(before | chosen, source="train" if config is None else str(config))
    if epochs is not None:
        settings = settings.model_copy(update={"steps": _steps_of(epochs, settings)})
    return _train(settings, out, resume)


def _steps_of(epochs: float, settings: TrainSettings) -> int:
    from napari_contransgan.training.data import gather

    if not (epochs > 0 and math.isfinite(epochs)):
        raise InputError(f"--epochs {epochs:g}: give a number above 0")
    data = gather(settings)
    return max(1, math.ceil(epochs * max(len(data.paired_lr), len(data.unpaired_lr)) / settings.batch_size))


def _train(settings: TrainSettings, out: Path, resume: bool) -> dict[str, Any]:
    from napari_contransgan.training.events import StepFinished, TrainingFinished, TrainingStarted, Validated
    from napari_contransgan.training.trainer import train as train_events

    figures: dict[str, Any] = {"run": out}
    best_psnr_db = -math.inf
    events = train_events(settings, out, resume)
    with progress_bar() as bar, interrupt_held_back(bar) as interrupted, closing(events):
        task = bar.add_task("preparing", total=settings.steps)
        for event in events:
            match event:
                case TrainingStarted():
                    note(f"{event.message}; {event.parameters:,} parameters on {event.device}", bar)
                    figures |= {"device": event.device, "parameters": event.parameters}
                case StepFinished():
                    losses = ", ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
                    bar.update(task, completed=event.step, description=escape(losses))
                    figures |= {"step": event.step, "losses": event.losses, "images_per_s": event.images_per_s}
                case Validated():
                    note(f"step {event.step}: {_scores(event)}", bar)
                    if not event.has_scores or event.psnr_db > best_psnr_db:
                        best_psnr_db = event.psnr_db
                        names = ("ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db")
                        figures |= {"best_step": event.step} | {name: getattr(event, name) for name in names}
                case TrainingFinished():
                    figures |= {"step": event.step, "checkpoint": event.path}
            if interrupted():
                break
    if "checkpoint" not in figures:
        note(f"stopped after step {figures.get('step', 0)}; the work is kept in {out}: go on with --resume")
        raise KeyboardInterrupt
    return figures


def _scores(event: "Validated") -> str:
    if not event.has_scores:
        return "no held-out pairs to score against"
    scores = f"SSIM {event.ssim:.4f}, PSNR {event.psnr_db:.2f} dB, slope {event.slope:.3f}"
    return f"{scores} (all-zero output: {event.ssim_zero:.4f}, {event.psnr_zero_db:.2f} dB)"
