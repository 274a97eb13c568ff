"""The computations of the digital microscope, as generators for a worker; torch is imported only here."""

import logging
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress, mapped

Role = Literal["lr", "stack", "tie", "phase"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FieldPart:
    """Images of a field that are ready, and a text to show meanwhile."""

    images: Mapping[Role, Image]
    text: str


@dataclass(frozen=True)
class FieldDone:
    """The end of a simulation: how long its parts took, or why it failed."""

    text: str
    complete: bool


def field_events(settings: SimulationSettings, index: int) -> Generator[FieldPart, None, FieldDone]:
    """Simulate one field, fast parts first; errors are reported only in the text.

    Yields
    ------
    FieldPart
        Low-power image, true phase, stack, TIE phase.
    """
    try:
        return (yield from _parts(settings, index))
    except InputError as error:
        return FieldDone(f"No field: {error}", complete=False)
    except Exception as error:  # a notification after each edit would be a nuisance
        _log.exception("the digital microscope failed")
        return FieldDone(f"No field: {type(error).__name__}: {error}", complete=False)


def dataset_events(
    settings: SimulationSettings, out: Path, workers: int, *, stacks: bool
) -> Generator[Progress, None, str]:
    """Write a data set, and return a summary; errors in the input are reported only in the text."""
    load_torch()
    from napari_contransgan.simulation import write_dataset

    start, there = time.monotonic(), settings.count  # all exist already if none is simulated

    def with_speed(event: Progress) -> Progress:
        nonlocal there
        made = not event.message.startswith("checking")
        if made and there == settings.count:
            there = event.step - 1
        return Progress(event.step, event.total, _progress_text(event, there if made else 0))

    try:
        yield Progress(0, settings.count, "Data set …")
        yield from mapped(write_dataset(settings, out, workers, stacks=stacks), with_speed)
    except (InputError, OSError) as error:
        return f"Not written: {error}"
    return _end_text(out, there, settings.count, time.monotonic() - start)


def _parts(settings: SimulationSettings, index: int) -> Generator[FieldPart, None, FieldDone]:
    load_torch()
    from napari_contransgan.simulation.fields import image_lr, image_stack, label_settings, true_phase
    from napari_contransgan.simulation.specimen import draw_specimen
    from napari_contransgan.tie import retrieve_phase

    done_text = f"Field {index}"
    specimen, specimen_s = _timed(lambda: draw_specimen(settings, index))
    yield FieldPart({}, f"{done_text}: specimen {specimen_s:.1f} s; low-power image …")
    lr, lr_s = _timed(lambda: image_lr(specimen, settings, index))
    done_text += f": specimen {specimen_s:.1f} s, low-power image {lr_s:.1f} s"
    yield FieldPart(
        {"lr": lr}, f"{done_text}; true phase …"
    )  # one at a time, since the window freezes while it adds a layer
    yield FieldPart({"phase": true_phase(specimen, settings, index)}, f"{done_text}; focus stack …")
    stack, stack_s = _timed(lambda: image_stack(specimen, settings, index))
    done_text += f", focus stack {stack_s:.1f} s"
    yield FieldPart({"stack": stack}, f"{done_text}; TIE phase …")
    start, waiting = time.monotonic(), FieldPart({}, f"{done_text}; TIE phase …")
    # each event is a point at which the work can be cancelled
    result = yield from mapped(retrieve_phase(stack, label_settings(settings)), lambda _: waiting)
    done_text += f", TIE phase {time.monotonic() - start:.1f} s"
    yield FieldPart({"tie": result.phase}, f"{done_text}.")
    return FieldDone(f"{done_text}.", complete=True)


def _timed(make: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    made = make()
    return made, time.monotonic() - start


def _progress_text(event: Progress, there: int) -> str:
    text = f"{event.step} of {event.total}: {event.message}"
    return f"{text}. Resumed: {there} were simulated before." if there else text


def _end_text(out: Path, there: int, done: int, wall_s: float) -> str:
    new = done - there
    lines = [f"Done: {done} field{'s' if done != 1 else ''} in {out}."]
    if new == 0:
        lines.append("All of them had been simulated before.")
    else:
        lines.append(f"{wall_s / new:.2g} s per field{f'; {there} had been simulated before' if there else ''}.")
    lines.append("To train on it, choose this folder as 'Pairs' in 'Train a network'.")
    return " ".join(lines)
