"""Settings for training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.config.names import (
    MOST_THREADS,
    DeviceName,
    GeneratorName,
    PrecisionName,
    PresetName,
    RecipeName,
)
from napari_contransgan.config.pairs import PairFolders, PairSource, shortened
from napari_contransgan.config.simulation import HELD_OUT_SEEDS, SimulationSettings
from napari_contransgan.optics import LEAST_PHASE_REF_RAD, MOST_PHASE_REF_RAD


class PhysicsSettings(BaseModel):
    """How the low-resolution images of a run were acquired, for the physics-consistency loss.

    Parameters
    ----------
    microscope : Microscope
        The microscope; only its wavelength and S are used.
    objective : str
        Objective of the low-resolution images, one of the microscope's.
    focus_um : float or None
        Their focus; None means 0.25 wavelength / NA^2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    objective: str = "10x"
    focus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)

    @model_validator(mode="after")
    def _must_have_the_objective(self) -> Self:
        self.microscope.lens(self.objective)
        return self


MOST_STEPS = 10_000_000
"""Number of steps of a run for which only the minutes are given; it is never reached."""


class TrainSettings(Settings):
    """Settings of a training run.

    Parameters
    ----------
    lr : Path or None
        Folder of unpaired low-resolution images.
    phase : Path or None
        Folder of unpaired phase images.
    pairs : tuple of Path or PairFolders
        Folders that contain the folders ``lr`` and ``phase``, as ``simulate`` writes them, or pairs of folders. Files
        are matched by name; see `napari_contransgan.training.pair_names`.
    simulate : tuple of SimulationSettings
        Pairs that are simulated during the run and not stored; ``count`` is the number of different fields of each.
    simulation_workers : int
        Processes that simulate these pairs in advance; with 0 each step simulates its own.
    bad_images : {"refuse", "skip"}
        Whether an unusable image stops the run, or is skipped; both name the file.
    generator, preset : str
        Network and its size; see `napari_contransgan.models.registry`.
    takes_optics : bool
        Whether the network can be told the aperture, the condenser and the focus of an image, and learns what they
        mean. They are known of simulated pairs only. Of many images it is told only a part of them, or nothing.
    start_from : str or None
        Name of a bundled network, or path of a checkpoint, from whose weights the run starts; None starts from random
        weights.
    recipe : {"paper", "semi-supervised"}
        Unpaired CycleGAN throughout, or a supervised start on pairs.
    steps : int
        Total number of training steps.
    minutes : float or None
        Duration of the run. The run ends after this time, or at the last step if that comes first; the schedule follows
        whichever is further along. If only the minutes are given, the number of steps is not limited. Simulated pairs
        are then drawn from those that ``simulation_workers`` have made so far, so that no step waits for one.
    warm_start_steps : int or None
        Supervised steps at the start of ``semi-supervised``; None means all steps if there are only pairs, and three
        quarters otherwise.
    batch_size, crop_px : int
        Images per step over all processes, and their side on the network's grid.
    accumulate : int
        Number of parts into which each batch is divided, processed one after the other, to need less memory.
        Normalisation layers see one part at a time.
    scale_range : (float, float)
        Images are magnified by a random factor from this range, with a random interpolation. A range other than
        (1, 1) changes the physical scale, so that defocus and phase no longer match as in the microscope.
    learning_rate : float or None
        None uses the recipe's: 1e-4 for unpaired steps, 5e-4 for supervised ones.
    lambda_cycle : float
        Weight of the cycle loss.
    lambda_gan, lambda_physics, gradient_penalty, cycle_noise : float or None
        Weights of the adversarial loss, of the physics-consistency loss and of the discriminators' gradient penalty
        (R1), and the noise that is added to generated images before they are translated back. None uses the recipe's.
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
        Phase in radians that corresponds to a network output of 1.
    validation_fraction : float
        Fraction of the source frames that is held out.
    validate_every, save_every : int
        Steps between validations and between checkpoints.
    previews : int
        Held-out images that are shown, and kept in the run folder, at each validation.
    tensorboard : bool
        Whether to write TensorBoard logs into the run folder.
    seed : int
        Seed of weights, data order and augmentation.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` is bfloat16 if the processor is fast at it, unless the environment variable
        ``NAPARI_CONTRANSGAN_PRECISION`` says otherwise.
    threads : int or None
        CPU threads. None uses the number of the run that is resumed, and leaves the choice for a new run to
        `napari_contransgan.threads.threads_to_train`. The run folder keeps the number.
    """

    lr: Path | None = None
    phase: Path | None = None
    pairs: tuple[PairSource, ...] = ()
    simulate: tuple[SimulationSettings, ...] = ()
    simulation_workers: int = Field(1, ge=0, le=MOST_THREADS)
    bad_images: Literal["refuse", "skip"] = Field(
        "refuse",
        title="Unusable images",
        description="What happens if a file is damaged, too small or of the wrong kind. The file is named in either "
        "case.",
        json_schema_extra={"choices": {"refuse": "Stop the run", "skip": "Skip the file"}},
    )
    generator: GeneratorName = Field(
        "contrans",
        title="Network",
        description="contrans combines a CNN with a Swin Transformer; unet is the CNN alone, and swin the "
        "transformer alone.",
    )
    preset: PresetName = Field(
        "compact",
        title="Network size",
        description="tiny is for a first try; fast works on pixels twice as wide and takes a third of the time of "
        "compact; published has the size given in the paper and needs a GPU.",
    )
    takes_optics: bool = False
    start_from: str | None = None
    recipe: RecipeName = Field(
        "semi-supervised",
        title="Recipe",
        description="semi-supervised learns from pairs first, then from unpaired images too; paper is the unpaired "
        "CycleGAN of the paper.",
    )
    steps: int = Field(
        3000,
        ge=1,
        le=MOST_STEPS,
        title="Steps",
        description="Number of training steps. Each step updates the network with one batch of images.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=1e6,
        title="Minutes",
        description="Time limit. The run ends after this time or after its steps, whichever comes first. Empty: after "
        "its steps.",
        json_schema_extra={"empty": "no limit"},
    )
    warm_start_steps: int | None = Field(None, ge=0)
    batch_size: int = Field(
        4,
        ge=1,
        le=4096,
        title="Batch size",
        description="Number of images per step. Larger batches give steadier steps and need more memory.",
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=4096,
        title="Accumulate (parts)",
        description="Divides each batch into this many parts, processed one after the other, which needs less "
        "memory. The batch size must be a multiple of it.",
    )
    crop_px: int = Field(
        224,
        ge=64,
        le=4096,
        multiple_of=32,
        title="Crop (px)",
        description="Side of a training image, in pixels of 0.325 µm; a multiple of 32. Smaller crops need less "
        "memory.",
    )
    scale_range: tuple[float, float] = (1.0, 1.0)
    learning_rate: float | None = Field(
        None,
        ge=1e-9,
        le=1,
        title="Learning rate",
        description="How far each step changes the network; smaller is slower and more stable.",
        json_schema_extra={"empty": "from the recipe"},
    )
    lambda_cycle: float = Field(
        10.0,
        ge=0,
        le=1e6,
        title="Cycle weight",
        description="Weight of the cycle loss: translating an image to the other domain and back should return the "
        "same image.",
    )
    lambda_gan: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Adversarial weight",
        description="Weight of the adversarial loss: generated images should look like real ones.",
        json_schema_extra={"empty": "from the recipe"},
    )
    lambda_physics: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Physics weight",
        description="Weight of the physics loss: imaging the predicted phase with the microscope's optics should "
        "give the measured image.",
        json_schema_extra={"empty": "from the recipe"},
    )
    gradient_penalty: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Gradient penalty (R1)",
        description="Weight of the R1 penalty, which stabilises the discriminators.",
        json_schema_extra={"empty": "from the recipe"},
    )
    cycle_noise: float | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Cycle noise",
        description="Noise added to generated images before they are translated back, so that the networks cannot "
        "hide information in imperceptible detail.",
        json_schema_extra={"empty": "from the recipe"},
    )
    physics: PhysicsSettings | None = None
    freeze_norms_at: float = Field(0.6, ge=0, le=1)
    pool_size: int = Field(50, ge=0, le=100_000)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    phase_ref_rad: float = Field(2.0, ge=LEAST_PHASE_REF_RAD, le=MOST_PHASE_REF_RAD)
    validation_fraction: float = Field(0.15, ge=0, lt=1)
    validate_every: int = Field(
        200,
        ge=1,
        title="Validate every (steps)",
        description="Number of steps between validations on held-out images; each also updates the preview.",
    )
    save_every: int = Field(
        100,
        ge=1,
        title="Save every (steps)",
        description="Number of steps between checkpoints.",
    )
    previews: int = Field(
        3,
        ge=1,
        le=12,
        title="Preview images",
        description="Number of held-out images shown after each validation and kept in the run folder.",
    )
    tensorboard: bool = False
    seed: int = Field(0, ge=0)
    device: DeviceName = Field(
        "auto",
        title="Device",
        description="auto uses a supported graphics card if there is one, and the processor (cpu) otherwise.",
    )
    precision: PrecisionName = "auto"
    threads: int | None = Field(
        None,
        ge=1,
        le=MOST_THREADS,
        title="Threads",
        description="Number of processor cores to use. Empty: all but one, which stays free for other programs.",
        json_schema_extra={"empty": "automatic"},
    )

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
        return tuple(map(shortened, value))

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
        """Return whether there are pairs for supervised learning."""
        return bool(self.pairs or self.simulate)
