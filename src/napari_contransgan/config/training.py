"""Settings of a training run."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.config.names import DeviceName, GeneratorName, PrecisionName, PresetName, RecipeName
from napari_contransgan.config.simulation import HELD_OUT_SEEDS, SimulationSettings
from napari_contransgan.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.settings import Settings


class PhysicsSettings(BaseModel):
    """How the low-resolution images of a run were taken, for the physics-consistency loss.

    Parameters
    ----------
    microscope : Microscope
        The instrument; its wavelength and S count.
    objective : str
        Objective of the low-resolution images, one of the microscope's.
    focus_um : float or None
        Their focus; None takes 0.25 wavelength / NA^2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    objective: str = "10x"
    focus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)

    @model_validator(mode="after")
    def _must_have_the_objective(self) -> Self:
        self.microscope.lens(self.objective)
        return self


class TrainSettings(Settings):
    """A training run.

    Parameters
    ----------
    lr, phase : Path or None
        Folders of unpaired low-resolution images and phase images.
    pairs : tuple of Path
        Folders that ``simulate`` wrote.
    simulate : tuple of SimulationSettings
        Pairs that are made while the run goes on, and not stored; each one's ``count`` is its number of different
        fields.
    simulation_workers : int
        Processes that make those pairs ahead of the steps; with 0 each step makes its own.
    bad_images : {"refuse", "skip"}
        What becomes of a run whose folder holds an image that cannot serve: it ends and names it, or goes on without
        it and names it.
    generator, preset : str
        Network and its size; see `napari_contransgan.models.registry`.
    start_from : str or None
        A bundled network's name, or a checkpoint's path, whose weights the run begins with; None begins anew.
    recipe : {"paper", "semi-supervised"}
        Unpaired CycleGAN throughout, or a supervised warm start on pairs first.
    steps : int
        Training steps in all.
    warm_start_steps : int or None
        Supervised steps at the beginning of ``semi-supervised``; None takes all where there are only pairs,
        else three quarters.
    batch_size, crop_px : int
        Images a step, over all processes, and their side on the model's grid.
    accumulate : int
        Parts into which a step's images are divided, one after the other, to need less memory; norms see one part
        at a time.
    scale_range : (float, float)
        Images are magnified by a factor drawn from this range, with an interpolation drawn too. Other than (1, 1) it
        changes what a micrometre is, so that defocus and phase no longer belong to each other as in the microscope.
    learning_rate : float or None
        None takes the recipe's own: 1e-4 for the unpaired steps, 5e-4 for the supervised ones.
    lambda_cycle : float
        Weight of the cycle loss.
    lambda_gan, lambda_physics, gradient_penalty, cycle_noise : float or None
        Weight of the adversarial loss, of the physics-consistency loss and of the discriminators' gradient penalty
        (R1), and the noise on made images before they are turned back; None takes the recipe's own.
    physics : PhysicsSettings or None
        Optics for the physics-consistency loss; None takes those of the simulated images, where there are any.
    pool_size : int
        Images in each history pool.
    ema_decay : float
        Decay of the exponential moving average of the weights, after its warm-up.
    phase_ref_rad : float
        Phase that the network's output 1.0 stands for.
    validation_fraction : float
        Share of source frames held out.
    validate_every, save_every : int
        Steps between validations and between saves.
    previews : int
        Held-out images that are shown, and kept in the run's folder, at each validation.
    tensorboard : bool
        Write what TensorBoard shows into the run's folder too.
    seed : int
        Of weights, data order and augmentation.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` takes bfloat16 where the processor is fast at it, unless the environment variable
        ``NAPARI_CONTRANSGAN_PRECISION`` says otherwise.
    threads : int or None
        CPU threads; None takes those of the run that is resumed, and for a new one leaves the choice to
        `napari_contransgan.threads.threads_to_train`. The run's folder keeps the number.
    """

    lr: Path | None = None
    phase: Path | None = None
    pairs: tuple[Path, ...] = ()
    simulate: tuple[SimulationSettings, ...] = ()
    simulation_workers: int = Field(1, ge=0)
    bad_images: Literal["refuse", "skip"] = "refuse"
    generator: GeneratorName = "contrans"
    preset: PresetName = "compact"
    start_from: str | None = None
    recipe: RecipeName = "semi-supervised"
    steps: int = Field(3000, ge=1)
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

    @field_validator("scale_range")
    @classmethod
    def _must_be_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.5 <= value[0] <= value[1] <= 2:
            raise ValueError(f"the range ({value[0]:g}, {value[1]:g}) must rise and lie between 0.5 and 2")
        return value

    @model_validator(mode="after")
    def _must_fit_together(self) -> Self:
        if (self.lr is None) != (self.phase is None):
            raise ValueError("unpaired training needs both folders: lr and phase")
        if self.lr is None and not self.has_pairs:
            raise ValueError("give the folders lr and phase, or a folder of pairs, or settings to simulate pairs by")
        for settings in self.simulate:
            if settings.seed == HELD_OUT_SEEDS[settings.specimen]:
                raise ValueError(f"seed {settings.seed} makes the fields that networks are scored on: take another")
        if self.batch_size % self.accumulate:
            raise ValueError(f"a batch of {self.batch_size} cannot be divided into {self.accumulate} equal parts")
        return self

    @property
    def has_pairs(self) -> bool:
        """Whether there is anything to learn from under supervision."""
        return bool(self.pairs or self.simulate)
