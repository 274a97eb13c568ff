"""Events and result of an adaptation; without torch."""

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
    """Agreement of a network's phase with the TIE phase on the held-out part.

    Parameters
    ----------
    slope : float
        Slope of the least-squares fit of the network's phase to the TIE phase; 1 is exact.
    correlation : float
        Pearson's correlation coefficient.
    rmse_rad : float
        Root-mean-square difference after the medians were made equal.
    """

    slope: float
    correlation: float
    rmse_rad: float


@dataclass(frozen=True)
class AdaptStarted:
    """All inputs were read and checked, and training begins.

    Parameters
    ----------
    way : {"paired", "unpaired"}
        How the network learns.
    message : str
        Description of the inputs and of the held-out part.
    notes : tuple of str
        Notes for the user before training, such as a doubtful direction of the stack.
    device : str
        Device that computes.
    total_steps : int
        Number of training steps, unless the time limit is reached first.
    """

    way: Way
    message: str
    notes: tuple[str, ...]
    device: str
    total_steps: int


@dataclass(frozen=True)
class AdaptStep(Progress):
    """One training step, or a step before or after the training.

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
    """The held-out part, predicted before adapting and now; maps on the model's grid.

    Parameters
    ----------
    step : int
        Steps done; 0 before the training.
    scores : PartScores
        Of the network now.
    yx_input : ndarray, float32
        Contrast, in units of the reference contrast.
    yx_before_rad, yx_now_rad, yx_label_rad : ndarray, float32
        Phase from the original network, from the network now, and from TIE; nan where TIE is undetermined.
    """

    step: int
    scores: PartScores
    yx_input: NDArray[np.float32]
    yx_before_rad: NDArray[np.float32]
    yx_now_rad: NDArray[np.float32]
    yx_label_rad: NDArray[np.float32]


@dataclass(frozen=True)
class AdaptResult:
    """Result of an adaptation.

    Parameters
    ----------
    checkpoint : Path
        The network for prediction, in the folder of the run.
    name : str
        Name chosen by the user.
    way : {"paired", "unpaired"}
        How it learned.
    kept : {"adapted", "original"}
        Whether the adapted network was better on the held-out part; if not, the checkpoint contains the original
        network, unchanged.
    before, after : PartScores
        Scores of the original and of the network in the checkpoint.
    compared : str
        Description of the scored part.
    steps : int
        Training steps done.
    minutes : float
        From the start to the written network.
    seconds : mapping
        Time of each part of the work.
    notes : tuple of str
        Notes for the user.
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
