"""Settings for adapting a network to a microscope."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.names import MOST_THREADS, DeviceName, PrecisionName
from napari_contransgan.config.tie import TieSettings

MAX_NAME_LENGTH = 80


class AdaptSettings(Settings):
    """Settings for adapting a trained network to the user's microscope; see docs/adapt.md.

    Parameters
    ----------
    name : str
        Name for the adapted network, such as "my 10x"; if empty, the name of the run's folder is used.
    start_from : str
        A bundled network's name, the folder of a run, or a checkpoint's path.
    tie : TieSettings
        Settings for retrieving the phase of the focus stacks; they override the values in the files.
    planes : {"focus", "all"}
        Which planes of a stack the network learns from: the one in focus, for frames in the same focus, or all of
        them, for frames at any focus in the range of the stack, which is less exact in focus.
    unpaired : bool
        Whether stacks and frames show different fields of view, even if they seem to match.
    minutes : float
        Maximum duration of the training itself.
    steps : int
        Training steps, unless the time limit is reached first.
    batch_size : int
        Images per step, including those of `replay_share` and `simulated_share`.
    replay_share : float
        Fraction of simulated images in each batch, which preserve the network's earlier abilities.
    replay_images : int
        Number of different fields simulated for this.
    simulated_share : float
        Fraction of each batch that is simulated with the settings of a microscope fitted to the stack.
    simulated_images : int
        Number of different fields simulated for this; 0 to learn from the stack alone.
    crop_px : int
        Side of a training image on the model's grid.
    learning_rate : float
        Highest learning rate; it falls to 0 along a cosine.
    ema_decay : float
        Decay of the moving average of the weights, after its warm-up.
    validate_every : int
        Number of steps between validations on the held-out part.
    seed : int
        Seed of data order and augmentation.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.
    precision : {"auto", "fp32", "bf16"}
        As in `napari_contransgan.config.TrainSettings`.
    threads : int or None
        CPU threads; None leaves the choice to `napari_contransgan.threads.threads_to_train`.
    """

    name: str = Field(
        "",
        max_length=MAX_NAME_LENGTH,
        title="Name",
        description='What you call the adapted network, such as "my 10x"; "Predict phase" lists it under this name.',
    )
    start_from: str = "all"
    tie: TieSettings = TieSettings()
    planes: Literal["focus", "all"] = "focus"
    unpaired: bool = False
    minutes: float = Field(
        1.5,
        gt=0,
        le=600,
        title="At most (minutes)",
        description="Longest duration of the training itself. Labels, simulated images and scores take up to another "
        "minute.",
    )
    steps: int = Field(120, ge=1, le=10_000_000)
    batch_size: int = Field(4, ge=1, le=4096)
    replay_share: float = Field(0.25, ge=0, lt=1)
    replay_images: int = Field(24, ge=0, le=100_000)
    simulated_share: float = Field(0.25, ge=0, lt=1)
    simulated_images: int = Field(40, ge=0, le=100_000)
    crop_px: int = Field(128, ge=64, le=4096, multiple_of=32)
    learning_rate: float = Field(2e-3, ge=1e-9, le=1)
    ema_decay: float = Field(0.98, ge=0, lt=1)
    validate_every: int = Field(50, ge=1)
    seed: int = Field(0, ge=0)
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    threads: int | None = Field(None, ge=1, le=MOST_THREADS)

    @field_validator("name")
    @classmethod
    def _must_be_one_line(cls, value: str) -> str:
        if any(not character.isprintable() for character in value):
            raise ValueError("the name must be one line of printable characters")
        return value.strip()

    @model_validator(mode="after")
    def _must_leave_room(self) -> Self:
        if self.replay_per_batch + self.simulated_per_batch >= self.batch_size:
            raise ValueError("the fraction of simulated images leaves no room for the user's own: make it smaller")
        return self

    @property
    def simulated_per_batch(self) -> int:
        """Return the number of images of the fitted microscope in each batch."""
        return round(self.batch_size * self.simulated_share) if self.simulated_images else 0

    @property
    def replay_per_batch(self) -> int:
        """Return the number of simulated images in each batch."""
        return round(self.batch_size * self.replay_share) if self.replay_images else 0
