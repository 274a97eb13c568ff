"""What an adaptation tells about itself while it goes on, and what it gives; without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.progress import Progress

Way = Literal["paired", "unpaired"]
Kept = Literal["adapted", "original"]

KEPT_BACK = "kept-back part"


@dataclass(frozen=True)
class PartScores:
    """How a network's phase agrees with the TIE phase on the part that was kept back.

    Parameters
    ----------
    slope : float
        Least squares of the network's phase on the TIE phase; 1 is right.
    correlation : float
        Pearson's.
    rmse_rad : float
        Root mean square difference after the medians of both were made equal.
    """

    slope: float
    correlation: float
    rmse_rad: float


@dataclass(frozen=True)
class AdaptStarted:
    """Everything was read and checked, and training begins.

    Parameters
    ----------
    way : {"paired", "unpaired"}
        How the network learns.
    message : str
        What was given and what is kept back, in words.
    notes : tuple of str
        What the user should know beforehand, such as a doubtful direction of the stack.
    device : str
        What computes.
    total_steps : int
        Training steps, unless the time is over before.
    """

    way: Way
    message: str
    notes: tuple[str, ...]
    device: str
    total_steps: int


@dataclass(frozen=True)
class AdaptStep(Progress):
    """One training step, or what precedes and follows the training.

    Parameters
    ----------
    loss : float
        Of the step.
    images_per_s : float
        Speed of this step.
    """

    loss: float = 0.0
    images_per_s: float = 0.0


@dataclass(frozen=True)
class AdaptPreview:
    """The part that was kept back, as the network sees it before and now; maps on the model's grid.

    Parameters
    ----------
    step : int
        Steps done; 0 before the training.
    scores : PartScores
        Of the network now.
    yx_input : ndarray, float32
        Contrast, in units of the reference contrast.
    yx_before_rad, yx_now_rad, yx_label_rad : ndarray, float32
        Phase by the network that was begun with, by the network now, and by TIE; nan where TIE does not know.
    """

    step: int
    scores: PartScores
    yx_input: NDArray[np.float32]
    yx_before_rad: NDArray[np.float32]
    yx_now_rad: NDArray[np.float32]
    yx_label_rad: NDArray[np.float32]


@dataclass(frozen=True)
class AdaptResult:
    """What an adaptation gives.

    Parameters
    ----------
    checkpoint : Path
        The network to predict with, in the folder of the run.
    name : str
        What the user calls it.
    way : {"paired", "unpaired"}
        How it learned.
    kept : {"adapted", "original"}
        Whether the adapted network was better on the part that was kept back; if not, the checkpoint holds the network
        that was begun with, unchanged.
    before, after : PartScores
        Scores of the original and of the network in the checkpoint.
    compared : str
        What was scored, in words.
    steps : int
        Training steps done.
    minutes : float
        From the start to the written network.
    seconds : mapping
        Time of each part of the work.
    notes : tuple of str
        What the user should know.
    """

    checkpoint: Path
    name: str
    way: Way
    kept: Kept
    before: PartScores
    after: PartScores
    compared: str
    steps: int
    minutes: float
    seconds: Mapping[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AdaptFinished:
    """The last event."""

    result: AdaptResult


AdaptEvent = Progress | AdaptStarted | AdaptStep | AdaptPreview | AdaptFinished
