"""The validated settings that the window, the command line and Python share, with a YAML round trip.

Every settings object refuses unknown keys and carries the version of its own layout.
"""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_contransgan.errors import InputError
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM, PLAUSIBLE_WAVELENGTH_UM

GeneratorName = Literal["contrans", "unet", "swin"]
PresetName = Literal["tiny", "compact", "published"]
RecipeName = Literal["paper", "semi-supervised"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
TieMethod = Literal["anchored", "teague", "dct", "fft", "us-tie", "wotf"]
SpecimenName = Literal["psm", "hela"]
ObjectiveName = Literal["4x", "10x", "20x", "40x"]


TILE_UNIT_PX = 224
"""Tiles for inference are multiples of this: 4 px patches, 7 x 7 windows and three mergings come out even."""

MAX_DEFOCUS_UM = 50.0
"""Further out of focus, waves would reach past the simulated field's margin and around its edges."""


class Settings(BaseModel):
    """Base of all settings: frozen, strict about unknown keys, versioned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1

    def to_yaml(self) -> str:
        """Write the settings as YAML text."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read settings from a YAML file.

        Raises
        ------
        InputError
            If the file cannot be read or holds what these settings do not allow.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path}: cannot be read as YAML settings ({str(error).splitlines()[0]})") from error
        if not isinstance(values, dict):
            raise InputError(f"{path}: holds no settings; write one 'name: value' a line")
        return cls.checked(values, source=str(path))

    @classmethod
    def checked(cls, values: dict[str, Any], source: str = "settings") -> Self:
        """Build the settings, turning a validation error into one line that a user can act on.

        Raises
        ------
        InputError
            Naming the first value that is not allowed.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "values"
            raise InputError(f"{source}: {where}: {first['msg'].removeprefix('Value error, ')}") from error


class TieSettings(Settings):
    """How phase is retrieved from a through-focus stack.

    Parameters
    ----------
    method : str
        Solver; see `napari_contransgan.tie.solvers`.
    wavelength_um : float or None
        Vacuum wavelength; None takes the file's, else 0.55 um.
    dz_um : float or None
        Distance of neighbouring planes; None takes the file's.
    z_um : tuple of float or None
        Height of each plane instead of `dz_um`, rising.
    pixel_size_um : float or None
        Lateral pixel size; None takes the file's.
    focus_index : int or None
        Plane in focus; None takes the middle one of three or more, the first of two.
    flip_z : bool
        The planes stand in order of falling z.
    regularisation : "auto" or float
        Relative to the smallest spatial frequency of the frame, squared; 0 switches it off.
    numerical_aperture, coherence : float or None
        Of the objective, and S, the condenser's over the objective's; None takes the file's. Where both are known, fine
        structure that planes at a distance weaken is restored.
    flat_field : Path, "estimate" or None
        Picture of an empty field to divide by; ``"estimate"`` takes the slow unevenness of the stack itself.
    dead_pixels, saturation, drift, magnification, equal_sums : bool
        Which faults of the planes are put right; see `napari_contransgan.tie.preparation.Preparation`.
    specimen_sign : {"auto", "positive", "negative", "both"}
        Whether the specimen delays light more or less than its surroundings, where the solver makes use of it.
    """

    method: TieMethod = "anchored"
    wavelength_um: float | None = None
    dz_um: float | None = None
    z_um: tuple[float, ...] | None = None
    pixel_size_um: float | None = None
    focus_index: int | None = None
    flip_z: bool = False
    regularisation: Literal["auto"] | float = "auto"
    numerical_aperture: float | None = Field(None, gt=0, lt=1)
    coherence: float | None = Field(None, gt=0, le=1.5)
    flat_field: Literal["estimate"] | Path | None = None
    dead_pixels: bool = True
    saturation: bool = True
    drift: bool = True
    magnification: bool = False
    equal_sums: bool = True
    specimen_sign: Literal["auto", "positive", "negative", "both"] = "auto"


class TileSettings(Settings):
    """How a frame is divided into sub-tiles.

    Parameters
    ----------
    rows, columns : int
        The grid; 4 x 4 brings a 10x frame to the field of view of a 40x frame.
    overlap_px : int
        How far neighbouring tiles reach into each other.
    """

    rows: int = Field(4, ge=1)
    columns: int = Field(4, ge=1)
    overlap_px: int = Field(0, ge=0)


class PredictSettings(Settings):
    """How a network is applied to an image.

    Parameters
    ----------
    model : str
        Name of a bundled network, or the path of a checkpoint.
    pixel_size_um : float or None
        Pixel size of the input; None takes the file's.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    tile_px, overlap_px : int
        Tile side and overlap on the model's grid. Tiles are multiples of 224 px, for which attention windows of 7 x 7
        tokens come out even at every stage, as in training; with others the network's answer shifts.
    """

    model: str = "default"
    pixel_size_um: float | None = None
    device: DeviceName = "auto"
    tile_px: int = Field(448, ge=TILE_UNIT_PX, multiple_of=TILE_UNIT_PX)
    overlap_px: int = Field(64, ge=0, multiple_of=2)

    @model_validator(mode="after")
    def _tiles_must_advance(self) -> Self:
        if self.overlap_px * 2 > self.tile_px:
            raise ValueError("the overlap must not exceed half a tile")
        return self


class SimulationSettings(Settings):
    """What the digital microscope makes.

    Parameters
    ----------
    specimen : {"psm", "hela"}
        Polystyrene microspheres or HeLa-like cells.
    objective : {"4x", "10x", "20x", "40x"}
        Objective of the low-resolution image; the stack is always taken at 40x.
    count, seed : int
        Number of fields, and the seed; field i depends on (seed, i) alone.
    field_px : int
        Side of the field on the model's grid of 0.325 um; a multiple of 40, so that every objective's pixels fit.
    wavelength_um : float
        Vacuum wavelength.
    defocus_um : float or None
        Focus of the low-resolution image; None takes 0.25 wavelength / NA^2 (see docs/physics.md).
    defocus_jitter : float
        Half width of the uniform focus error, as a share of 0.25 wavelength / NA^2.
    coherence : float
        S of the low-resolution image.
    stack_coherence, stack_dz_um : float
        S and plane distance of the 40x stack.
    max_absorption_per_um : float
        Cells dim the light: a field's amplitude falls by exp(-a path), a drawn between 0 and this in 1/um of optical
        path, and 0 for a third of the fields. Beads do not dim it.
    inside_frame : bool
        Keep every cell clear of the field's edges, where TIE's boundary condition holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    specimen: SpecimenName = "hela"
    objective: ObjectiveName = "10x"
    count: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    field_px: int = Field(240, ge=80, multiple_of=40)
    wavelength_um: float = Field(DEFAULT_WAVELENGTH_UM, ge=PLAUSIBLE_WAVELENGTH_UM[0], le=PLAUSIBLE_WAVELENGTH_UM[1])
    defocus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)
    defocus_jitter: float = Field(0.2, ge=0, le=2)
    coherence: float = Field(0.6, gt=0, le=1)
    stack_coherence: float = Field(0.3, gt=0, le=1)
    stack_dz_um: float = Field(3.0, gt=0, le=MAX_DEFOCUS_UM)
    max_absorption_per_um: float = Field(0.3, ge=0)
    inside_frame: bool = False


class TrainSettings(Settings):
    """A training run.

    Parameters
    ----------
    lr, phase : Path or None
        Folders of unpaired low-resolution images and phase images.
    pairs : tuple of Path
        Folders that ``simulate`` wrote.
    generator, preset : str
        Network and its size; see `napari_contransgan.models.registry`.
    recipe : {"paper", "semi-supervised"}
        Unpaired CycleGAN throughout, or a supervised warm start on pairs first.
    steps : int
        Training steps in all.
    warm_start_steps : int or None
        Supervised steps at the beginning of ``semi-supervised``; None takes all where there are only pairs,
        else three quarters.
    batch_size, crop_px : int
        Images a step, and their side on the model's grid.
    learning_rate : float or None
        None takes the recipe's own: 1e-4 for the unpaired steps, 5e-4 for the supervised ones.
    lambda_cycle : float
        Weight of the cycle loss.
    lambda_gan : float
        Weight of the adversarial loss.
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
    seed : int
        Of weights, data order and augmentation.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` takes bfloat16 where the processor is fast at it.
    threads : int or None
        CPU threads; None leaves torch's choice.
    """

    lr: Path | None = None
    phase: Path | None = None
    pairs: tuple[Path, ...] = ()
    generator: GeneratorName = "contrans"
    preset: PresetName = "compact"
    recipe: RecipeName = "semi-supervised"
    steps: int = Field(3000, ge=1)
    warm_start_steps: int | None = Field(None, ge=0)
    batch_size: int = Field(4, ge=1)
    crop_px: int = Field(224, ge=64, multiple_of=32)
    learning_rate: float | None = Field(None, gt=0)
    lambda_cycle: float = Field(10.0, ge=0)
    lambda_gan: float = Field(1.0, ge=0)
    pool_size: int = Field(50, ge=0)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    phase_ref_rad: float = Field(2.0, gt=0)
    validation_fraction: float = Field(0.15, ge=0, lt=1)
    validate_every: int = Field(200, ge=1)
    save_every: int = Field(100, ge=1)
    seed: int = Field(0, ge=0)
    device: DeviceName = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _must_have_data(self) -> Self:
        if (self.lr is None) != (self.phase is None):
            raise ValueError("unpaired training needs both folders: lr and phase")
        if self.lr is None and not self.pairs:
            raise ValueError("give the folders lr and phase, or a folder of pairs")
        return self
