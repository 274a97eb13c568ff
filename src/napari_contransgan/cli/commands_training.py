"""The command train, alone or as one of several processes of ``torchrun``."""

import math
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import TaskID

from napari_contransgan.cli.runner import command, interrupt_held_back, note, progress_bar
from napari_contransgan.config import SimulationSettings, TrainSettings, pair_folders
from napari_contransgan.errors import InputError

if TYPE_CHECKING:
    from napari_contransgan.training.events import TrainingEvent, Validated


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "train", "train --out run --pairs hela --steps 200")(train)


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run.", show_default=False)],
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; the options below override it.")] = None,
    lr: Annotated[Path | None, typer.Option(help="Folder of low-power images (unpaired).")] = None,
    phase: Annotated[Path | None, typer.Option(help="Folder of phase images (unpaired).")] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that contains lr and phase, as written by simulate; may be repeated."),
    ] = None,
    pairs_phase: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of phase maps; --pairs is then the folder of their images, matched by name."),
    ] = None,
    simulate: Annotated[
        list[Path] | None,
        typer.Option(
            help="YAML file as for simulate --config; its pairs are simulated during training. May be repeated."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that simulate pairs in advance; with 0, each step simulates its own. [default: 1]"
        ),
    ] = None,
    generator: Annotated[str | None, typer.Option(help="Network: contrans, unet or swin.")] = None,
    preset: Annotated[str | None, typer.Option(help="Size of the network: tiny, fast, compact or published.")] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Start from the weights of a bundled network or a checkpoint of the same kind; fast can start from "
            "compact."
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe: paper (unpaired throughout) or semi-supervised.")] = None,
    steps: Annotated[int | None, typer.Option(help="Total number of training steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Number of passes over all images, instead of --steps.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Duration of the run; with --steps, it ends at whichever limit is reached first."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Batch size; smaller batches need less memory. [default: 4]")
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(help="Side of a training image in pixels of 0.325 um, a multiple of 32. [default: 224]"),
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(help="Number of parts in which a batch is processed; more parts need less memory. [default: 1]"),
    ] = None,
    bad_images: Annotated[
        str | None, typer.Option(help="What to do about unusable images: refuse (stop the run) or skip.")
    ] = None,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard", help="Also write logs for TensorBoard.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in the folder.")] = False,
    device: Annotated[str | None, typer.Option(help="Device: auto, cpu, cuda or mps.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Precision: auto (bf16 if the processor is fast at it), fp32 or bf16.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Number of CPU threads. [default: one per core, minus one; with --resume, as before]"),
    ] = None,
) -> Mapping[str, Any]:
    """Train a network.

    An interrupt (Ctrl-C) saves the run, and --resume continues it. The folder receives best.safetensors (for predict),
    its card, the settings, and metrics.jsonl. With torchrun, several processes share a run.
    """
    from napari_contransgan.training.run_folder import CONFIG

    if steps is not None and epochs is not None:
        raise InputError("--steps and --epochs both state the length of the run: give only one of them")
    given = {
        "lr": lr,
        "phase": phase,
        "pairs": pair_folders(pairs or [], pairs_phase or []) or None,
        "simulate": [SimulationSettings.from_yaml(path) for path in simulate] if simulate else None,
        "simulation_workers": workers,
        "generator": generator,
        "preset": preset,
        "start_from": start_from,
        "recipe": recipe,
        "steps": steps,
        "minutes": minutes,
        "batch_size": batch_size,
        "crop_px": crop,
        "accumulate": accumulate,
        "bad_images": bad_images,
        "tensorboard": tensorboard,
        "device": device,
        "precision": precision,
        "threads": threads,
    }
    if config is None and resume and (out / CONFIG).is_file():
        config = out / CONFIG
    # Leave out unset values, so that minutes alone are not combined with the default number of steps.
    before = {} if config is None else TrainSettings.from_yaml(config).model_dump(exclude_unset=True)
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = TrainSettings.checked(before | chosen, source="train" if config is None else str(config))
    if epochs is not None:
        settings = settings.model_copy(update={"steps": _steps_of(epochs, settings)})
    return _train(settings, out, resume)


def _steps_of(epochs: float, settings: TrainSettings) -> int:
    from napari_contransgan.training.data import gather

    if not (epochs > 0 and math.isfinite(epochs)):
        raise InputError(f"--epochs {epochs:g}: give a number above 0")
    with closing(gather(settings)) as data:
        return max(1, math.ceil(epochs * max(len(data.paired_lr), len(data.unpaired_lr)) / settings.batch_size))


def _train(settings: TrainSettings, out: Path, resume: bool) -> dict[str, Any]:
    from napari_contransgan.training.events import STOP, ImageSkipped, StepFinished, TrainingFinished, TrainingStarted
    from napari_contransgan.training.known_runs import remember_run
    from napari_contransgan.training.trainer import train as train_events

    figures: dict[str, Any] = {"run": out}
    is_over = False
    tells = int(os.environ.get("RANK", "0")) == 0  # only one of several processes reports
    events = train_events(settings, out, resume)
    with progress_bar() as bar, interrupt_held_back(bar) as interrupted, closing(events):
        task = bar.add_task("preparing", total=settings.steps, visible=tells)
        event = next(events, None)
        while event is not None:
            if tells or isinstance(event, ImageSkipped):
                figures |= _tell(event, figures, bar, task)
            if isinstance(event, StepFinished):
                figures["step"] = event.step
            is_over = isinstance(event, TrainingFinished)
            if tells and isinstance(event, TrainingStarted):
                remember_run(out)
            try:
                event = events.send(STOP if interrupted() else None)
            except StopIteration:
                event = None
    if interrupted() and not is_over:
        if tells:
            note(f"stopped after step {figures.get('step', 0)}; the run is saved in {out}: continue it with --resume")
        raise KeyboardInterrupt
    return figures if tells else {}


def _tell(event: "TrainingEvent", figures: Mapping[str, Any], bar: Bar, task: TaskID) -> dict[str, Any]:
    """Show an event, and return the values it contains."""
    from napari_contransgan.training import events as kinds

    match event:
        case kinds.TrainingStarted():
            note(f"{event.message}; {event.parameters:,} parameters on {event.device}", bar)
            return {"device": event.device, "parameters": event.parameters}
        case kinds.StepFinished():
            losses = ", ".join(f"{name} {value:.4g}" for name, value in event.losses.items())
            bar.update(task, completed=event.step, total=event.total_steps, description=escape(losses))
            return {"step": event.step, "losses": event.losses, "images_per_s": event.images_per_s}
        case kinds.Validated():
            note(f"step {event.step}: {_scores(event)}", bar)
            if not event.has_scores or event.psnr_db > figures.get("psnr_db", -math.inf):
                return {"best_step": event.step} | {name: getattr(event, name) for name in kinds.SCORES}
        case kinds.SaveFailed():
            note(f"step {event.step}: NOT SAVED: {event.reason}", bar)
        case kinds.ImageSkipped():
            note(f"left out: {event.reason}", bar)
        case kinds.RolledBack():
            note(
                f"step {event.step}: {event.reason}; continuing from step {event.to_step} with {event.rate_factor:g} "
                f"times the learning rate",
                bar,
            )
        case kinds.TrainingFinished():
            return {"step": event.step, "checkpoint": event.path}
    return {}


def _scores(event: "Validated") -> str:
    if not event.has_scores:
        return "no held-out pairs to score against"
    scores = f"SSIM {event.ssim:.4f}, PSNR {event.psnr_db:.2f} dB, slope {event.slope:.3f}"
    return f"{scores} (all-zero output: {event.ssim_zero:.4f}, {event.psnr_zero_db:.2f} dB)"
