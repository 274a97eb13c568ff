"""Settings for training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.config.names import DeviceName, GeneratorName, PrecisionName, PresetName, RecipeName
from napari_contransgan.config.simulation import HELD_OUT_SEEDS, SimulationSettings
from napari_contransgan.errors import InputError


class PhysicsSettings(BaseModel):
    """Optics of the low-resolution images, for the physics-consistency loss.

    Parameters
    ----------
    microscope : Microscope
        The instrument; only its wavelength and S are used.
    objective : str
        Objective of the low-resolution images, one of the microscope's.
    focus_um : float or None
        Focus of the images; None uses 0.25 wavelength / NA^2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    objective: str = "10x"
    focus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)

    @model_validator(mode="after")
    def _must_have_the_objective(self) -> Self:
        self.microscope.lens(self.objective)
        return self


class PairFolders(BaseModel):
    """Two folders whose files are paired by name.

    Parameters
    ----------
    lr, phase : Path
        Folder of low-resolution images, and folder of their phase maps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lr: Path
    phase: Path

    def __str__(self) -> str:
        return f"{self.lr} with {self.phase}"


def pair_folders(folders: Sequence[Path], phase_folders: Sequence[Path]) -> tuple[Path | PairFolders, ...]:
    """Pair folders of images with the folders of their phase maps, in order.

    Parameters
    ----------
    folders, phase_folders : sequence of Path
        Folders of images, and of their phase maps. If the second is empty, the first are folders that contain ``lr``
        and ``phase``.

    Raises
    ------
    InputError
        If the numbers of folders differ.
    """
    if not phase_folders:
        return tuple(folders)
    if len(folders) != len(phase_folders):
        raise InputError(
            f"pairs: {len(folders)} folder(s) of images and {len(phase_folders)} of phase maps: give one folder of "
            f"phase maps for each folder of images"
        )
    return tuple(PairFolders(lr=lr, phase=phase) for lr, phase in zip(folders, phase_folders, strict=True))


def _shortened(pairs: Path | PairFolders) -> Path | PairFolders:
    """Return the parent folder for a pair of folders ``lr`` and ``phase``."""
    if isinstance(pairs, PairFolders) and (pairs.lr, pairs.phase) == (
        pairs.lr.parent / "lr",
        pairs.lr.parent / "phase",
    ):
        return pairs.lr.parent
    return pairs


def _kind_of_pairs(value: Any) -> str:
    return "two folders" if isinstance(value, Mapping | PairFolders) else "folder"


PairSource = Annotated[
    Annotated[Path, Tag("folder")] | Annotated[PairFolders, Tag("two folders")], Discriminator(_kind_of_pairs)
]


MOST_STEPS = 10_000_000
"""Number of steps of a run for which only the minutes are given; it is never reached."""


class TrainSettings(Settings):
    """Settings of a training run.

    Parameters
    ----------
    lr, phase : Path or None
        Folders of unpaired low-resolution images and phase images.
    pairs : tuple of Path or PairFolders
        Folders that contain ``lr`` and ``phase``, as written by ``simulate``, or pairs of folders. Files are paired by
        name; see `napari_contransgan.training.pair_names`.
    simulate : tuple of SimulationSettings
        Pairs that are simulated during the run and not stored; ``count`` is the number of different fields.
    simulation_workers : int
        Number of processes that simulate these pairs in advance; with 0, each step simulates its own.
    bad_images : {"refuse", "skip"}
        What to do about an unusable image: stop the run, or continue without the image. Both name it.
    generator, preset : str
        Network and its size; see `napari_contransgan.models.registry`.
    start_from : str or None
        Name of a bundled network, or path of a checkpoint, whose weights the run starts from; None starts from random
        weights.
    recipe : {"paper", "semi-supervised"}
        Unpaired CycleGAN throughout, or a supervised warm start on pairs followed by unpaired training.
    steps : int
        Total number of training steps.
    minutes : float or None
        Duration of the run. The run ends after this time, or at the last step if that is earlier, and the schedules
        follow whichever limit is closer. If only the minutes are given, the number of steps is not limited. Simulated
        pairs are drawn from those that ``simulation_workers`` have made so far, and no step waits for one.
    warm_start_steps : int or None
        Supervised steps at the start of ``semi-supervised``; None uses all steps if there are only pairs, otherwise
        three quarters.
    batch_size, crop_px : int
        Images per step, over all processes, and their side on the model's grid.
    accumulate : int
        Number of parts into which a batch is divided to save memory; batch norms see one part at a time.
    scale_range : (float, float)
        Range of the random factor by which images are magnified, with a random interpolation. A range other than (1, 1)
        changes the length scale, so that defocus and phase no longer correspond as in the microscope.
    learning_rate : float or None
        None uses the recipe's value: 1e-4 for the unpaired steps, 5e-4 for the supervised ones.
    lambda_cycle : float
        Weight of the cycle loss.
    lambda_gan, lambda_physics, gradient_penalty, cycle_noise : float or None
        Weight of the adversarial loss, of the physics-consistency loss and of the discriminators' gradient penalty
        (R1), and the noise on generated images before they are translated back. None uses the recipe's value.
    physics : PhysicsSettings or None
        Optics for the physics-consistency loss; None uses those of the simulated images, if there are any.
    freeze_norms_at : float
        Fraction of the warm start, or of a run without one, after which batch norms keep their statistics, so that the
        scale of the phase settles.
    pool_size : int
        Number of images in each history pool.
    ema_decay : float
        Decay of the exponential moving average of the weights, after its warm-up.
    phase_ref_rad : float
        Phase that an output of 1.0 represents.
    validation_fraction : float
        Fraction of source frames held out for validation.
    validate_every, save_every : int
        Number of steps between validations and between saves.
    previews : int
        Number of held-out images that are shown, and saved in the run's folder, at each validation.
    tensorboard : bool
        Also write logs for TensorBoard to the run's folder.
    seed : int
        Seed of weights, data order and augmentation.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` uses bfloat16 if the processor is fast at it, unless the environment variable
        ``NAPARI_CONTRANSGAN_PRECISION`` says otherwise.
    threads : int or None
        Number of CPU threads. None uses that of the resumed run; for a new run,
        `napari_contransgan.threads.threads_to_train` chooses. The run's folder records the number.
    """

    lr: Path | None = None
    phase: Path | None = None
    pairs: tuple[PairSource, ...] = ()
    simulate: tuple[SimulationSettings, ...] = ()
    simulation_workers: int = Field(1, ge=0)
    bad_images: Literal["refuse", "skip"] = "refuse"
    generator: GeneratorName = "contrans"
    preset: PresetName = "compact"
    start_from: str | None = None
    recipe: RecipeName = "semi-supervised"
    steps: int = Field(3000, ge=1)
    minutes: float | None = Field(None, gt=0)
    warm_start_steps: int | None = Field(None, ge=0)
    batch_size: int = Field(4, ge=1)
    accumulate: int = Field(1, ge=1)
    crop_px: int = Field(224, ge=64, multiple_of=32)
    scale_range: tuple[float, float] = (1.0, 1.0)
    learning_rate: float | None = Field(None, gt=0)
    lambda_cycle: float = Field(10.0, ge=0)
    lambda_gan: float | None = Field(None, ge=0)
    lambda_physics: float | None = Field(None, ge=0)
    gradient_penalty: float | None = Field(None, ge=0)
    cycle_noise: float | None = Field(None, ge=0)
    physics: PhysicsSettings | None = None
    freeze_norms_at: float = Field(0.6, ge=0, le=1)
    pool_size: int = Field(50, ge=0)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    phase_ref_rad: float = Field(2.0, gt=0)
    validation_fraction: float = Field(0.15, ge=0, lt=1)
    validate_every: int = Field(200, ge=1)
    save_every: int = Field(100, ge=1)
    previews: int = Field(3, ge=1, le=12)
    tensorboard: bool = False
    seed: int = Field(0, ge=0)
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    threads: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _must_have_a_length(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("minutes") is None or values.get("steps") is not None:
            return values
        if values.get("warm_start_steps") is not None:
            raise ValueError("warm_start_steps is part of steps: give steps too, or leave it out")
        return {**values, "steps": MOST_STEPS}

    @field_validator("pairs")
    @classmethod
    def _must_be_two_folders(cls, value: tuple[Path | PairFolders, ...]) -> tuple[Path | PairFolders, ...]:
        for one in value:
            if isinstance(one, PairFolders) and one.lr == one.phase:
                raise ValueError(
                    f"{one.lr} contains both the images and their phase maps: put the phase maps into another folder"
                )
        return tuple(map(_shortened, value))

    @field_validator("scale_range")
    @classmethod
    def _must_be_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.5 <= value[0] <= value[1] <= 2:
            raise ValueError(
                f"the range ({value[0]:g}, {value[1]:g}) is not valid: give a lower and an upper end between 0.5 and 2"
            )
        return value

    @model_validator(mode="after")
    def _must_fit_together(self) -> Self:
        if (self.lr is None) != (self.phase is None):
            raise ValueError("unpaired training needs both folders: lr and phase")
        if self.lr is None and not self.has_pairs:
            raise ValueError(
                "nothing to train on: give the folders lr and phase, a folder of pairs, or settings to simulate pairs"
            )
        for settings in self.simulate:
            if settings.seed == HELD_OUT_SEEDS[settings.specimen]:
                raise ValueError(f"seed {settings.seed} is reserved for the held-out set: use another")
        if self.batch_size % self.accumulate:
            raise ValueError(f"a batch of {self.batch_size} cannot be divided into {self.accumulate} equal parts")
        return self

    @property
    def has_pairs(self) -> bool:
        """Return whether there are pairs for supervised steps."""
        return bool(self.pairs or self.simulate)
