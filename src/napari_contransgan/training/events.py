"""Events that a training run reports, and requests that it accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TrainingRequest = Literal["save", "stop"]
"""Requests to the iterator: save at once, or save and end; all processes act at the same step."""

SAVE: TrainingRequest = "save"
STOP: TrainingRequest = "stop"


SCORES = ("ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db")
"""Names of the scores of a `Validated`, wherever they are stored or shown."""


@dataclass(frozen=True)
class TrainingStarted:
    """The run is set up; states what was found and where it is computed."""

    message: str
    first_step: int
    total_steps: int
    device: str
    parameters: int


@dataclass(frozen=True)
class StepFinished:
    """One optimiser step; `losses` by name, without units.

    Parameters
    ----------
    step, total_steps : int
        Steps done, and steps in all.
    losses : mapping
        By name; nan for a step that was undone because it was not finite.
    images_per_s : float
        Speed of this step.
    learning_rate : float
        Learning rate of this step.
    memory_bytes : int
        Memory held by the program: on a GPU if one is used, else in the computer's memory.
    """

    step: int
    total_steps: int
    losses: Mapping[str, float]
    images_per_s: float
    learning_rate: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Preview:
    """The averaged network's result on one fixed image; all maps have the same shape (Y, X) on the model's grid.

    Parameters
    ----------
    yx_input : ndarray, float32
        Contrast, in units of the reference contrast.
    yx_output_rad : ndarray, float32
        The network's phase.
    yx_cycled : ndarray, float32, or None
        The contrast that the other network computes from that phase; None in a run without unpaired steps.
    yx_label_rad : ndarray, float32, or None
        The true phase, where it is known.
    """

    yx_input: NDArray[np.float32]
    yx_output_rad: NDArray[np.float32]
    yx_cycled: NDArray[np.float32] | None = None
    yx_label_rad: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Validated:
    """Scores on held-out pairs, scores of an all-zero output for comparison, and the previews.

    Without held-out pairs, the scores are nan and `has_scores` is False.
    """

    step: int
    ssim: float
    psnr_db: float
    slope: float
    ssim_zero: float
    psnr_zero_db: float
    previews: tuple[Preview, ...]

    @property
    def has_scores(self) -> bool:
        """Return whether there was ground truth to compare with."""
        return any(preview.yx_label_rad is not None for preview in self.previews)


@dataclass(frozen=True)
class CheckpointSaved:
    """A file from which the run can be resumed, or that `predict` can use."""

    step: int
    path: Path


@dataclass(frozen=True)
class SaveFailed:
    """Saving failed, for example on a full disk; the run continues and tries again at the next save."""

    step: int
    reason: str


@dataclass(frozen=True)
class ImageSkipped:
    """An image is unusable and is left out from now on."""

    path: Path
    reason: str


@dataclass(frozen=True)
class RolledBack:
    """Values became infinite or NaN; the run continues from an earlier step with a lower learning rate.

    Parameters
    ----------
    step, to_step : int
        Step at which it happened, and step from which the run continues.
    reason : str
        Which values were not finite.
    rate_factor : float
        Factor on the learning rate from now on.
    """

    step: int
    to_step: int
    reason: str
    rate_factor: float


@dataclass(frozen=True)
class TrainingFinished:
    """The last event; `path` is the checkpoint for prediction."""

    step: int
    path: Path


TrainingEvent = (
    TrainingStarted
    | StepFinished
    | Validated
    | CheckpointSaved
    | SaveFailed
    | ImageSkipped
    | RolledBack
    | TrainingFinished
)
