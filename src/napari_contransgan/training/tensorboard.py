"""A run for TensorBoard: losses, learning rate, speed and scores as curves, previews as grey images."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.training.events import SCORES, Preview, StepFinished, TrainingEvent, Validated

FOLDER = "tensorboard"


def open_writer(run_dir: Path, first_step: int = 0) -> Any:
    """Return a writer of TensorBoard files in the run's folder; call its ``close`` at the end.

    Parameters
    ----------
    run_dir : Path
        Folder of the run.
    first_step : int
        Number of steps done; anything an interrupted run wrote beyond them is no longer shown.

    Raises
    ------
    InputError
        If TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(
            'TensorBoard is not installed: pip install "napari-contransgan[tensorboard]", or train without it'
        ) from error
    return SummaryWriter(str(run_dir / FOLDER), purge_step=first_step + 1)


def write_event(writer: Any, event: TrainingEvent) -> None:
    """Write an event, if TensorBoard can show it."""
    match event:
        case StepFinished():
            for name, value in event.losses.items():
                writer.add_scalar(f"loss/{name}", value, event.step)
            writer.add_scalar("learning rate", event.learning_rate, event.step)
            writer.add_scalar("speed/images per s", event.images_per_s, event.step)
        case Validated():
            if event.has_scores:
                for name in SCORES:
                    writer.add_scalar(f"score/{name}", getattr(event, name), event.step)
            for number, preview in enumerate(event.previews):
                writer.add_image(f"image {number}", _grey(preview), event.step, dataformats="HW")
            writer.flush()


def _grey(preview: Preview) -> NDArray[np.float32]:
    """Return input, output, cycled contrast and label side by side; output and label share their grey scale."""
    rad = [preview.yx_output_rad, *([] if preview.yx_label_rad is None else [preview.yx_label_rad])]
    contrast = [preview.yx_input, *([] if preview.yx_cycled is None else [preview.yx_cycled])]
    output, *label = _stretched(rad)
    shown, *cycled = _stretched(contrast)
    return np.concatenate([shown, output, *cycled, *label], axis=1)


def _stretched(maps: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Scale maps to 0 to 1 between the lowest and the highest finite value of all."""
    finite = [one[np.isfinite(one)] for one in maps]
    low = min((float(one.min()) for one in finite if one.size), default=0.0)
    high = max((float(one.max()) for one in finite if one.size), default=0.0)
    return [np.nan_to_num((one - low) / max(high - low, 1e-9), posinf=1, neginf=0).astype(np.float32) for one in maps]
