"""What a training run tells about itself while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingStarted:
    """The run is set up: what was found, and where it is computed."""

    message: str
    first_step: int
    total_steps: int
    device: str
    parameters: int


@dataclass(frozen=True)
class StepFinished:
    """One optimiser step; `losses` by name, without units."""

    step: int
    total_steps: int
    losses: Mapping[str, float]
    images_per_s: float


@dataclass(frozen=True)
class Validated:
    """Scores on held-out pairs, with the all-zero output's beside them, and one example in radians.

    Without pairs there is no score: the scores are nan and `yx_label_rad` is None.
    """

    step: int
    ssim: float
    psnr_db: float
    slope: float
    ssim_zero: float
    psnr_zero_db: float
    yx_input: NDArray[np.float32]
    yx_output_rad: NDArray[np.float32]
    yx_label_rad: NDArray[np.float32] | None


@dataclass(frozen=True)
class CheckpointSaved:
    """A file that the run can go on from, or that `predict` can use."""

    step: int
    path: Path


@dataclass(frozen=True)
class TrainingFinished:
    """The last event; `path` is the checkpoint to use."""

    step: int
    path: Path


TrainingEvent = TrainingStarted | StepFinished | Validated | CheckpointSaved | TrainingFinished
