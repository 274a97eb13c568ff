"""The validated settings that the window, the command line and Python share, with a YAML round trip.

Every settings object refuses unknown keys and carries the version of its own layout.
"""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.settings import Settings

GeneratorName = Literal["contrans", "unet", "swin"]
PresetName = Literal["tiny", "compact", "published"]
RecipeName = Literal["paper", "semi-supervised"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
TieMethod = Literal["anchored", "teague", "dct", "fft", "us-tie", "wotf"]
SpecimenName = Literal["psm", "hela"]
SceneName = Literal["mixed", "empty", "sparse", "dense", "confluent"]


TILE_UNIT_PX = 224
"""Tiles for inference are multiples of this: 4 px patches, 7 x 7 windows and three mergings come out even."""


LEAST_MARGIN_UM = 5.0
MARGIN_BEYOND_RAYS_UM = 1.5

Range = tuple[float, float]
FactorRange = tuple[Annotated[float, Field(gt=0, le=10)], Annotated[float, Field(gt=0, le=10)]]
ShareRange = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
NearOneRange = tuple[Annotated[float, Field(ge=0.8, le=1.25)], Annotated[float, Field(ge=0.8, le=1.25)]]


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


class Variation(BaseModel):
    """By how much fields differ from each other, as ranges ``(low, high)`` from which every field draws evenly.

    Training on varied fields (domain randomisation) makes a network indifferent to what no microscope keeps the same.

    Parameters
    ----------
    focus_um : (float, float)
        Added to the focus of the low-power image.
    focus_share : (float, float)
        Added too, in units of 0.25 wavelength / NA^2.
    stack_focus_um : (float, float)
        Focus error of the stack, common to its planes.
    drift_um : (float, float)
        Shift of each plane of the stack but the focused one, along y and along x.
    coherence_factor : (float, float)
        Times the microscope's S.
    exposure_factor : (float, float)
        Times the camera's exposure: photon noise, and the counts with it.
    gain_factor : (float, float)
        Times the counts, at the same noise relative to the signal.
    read_noise_factor : (float, float)
        Times the camera's read noise.
    unevenness : (float, float)
        Slow unevenness that a flat field leaves, as the largest deviation from 1.
    dust_specks : (int, int)
        Specks of dust near the camera, out of focus.
    stray_light : (float, float)
        Share of the light that carries no image, which lowers every contrast.
    phase_factor : (float, float)
        Times the specimen's phase.
    pixel_size_factor : (float, float)
        The true pixel size over the stated one.
    wavelength_factor : (float, float)
        The true wavelength over the stated one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    focus_um: Range = (0.0, 0.0)
    focus_share: Range = (-0.2, 0.2)
    stack_focus_um: Range = (-0.2, 0.2)
    drift_um: Range = (0.0, 0.0)
    coherence_factor: FactorRange = (1.0, 1.0)
    exposure_factor: FactorRange = (0.6, 1.4)
    gain_factor: FactorRange = (0.85, 1.0)
    read_noise_factor: FactorRange = (0.67, 1.67)
    unevenness: ShareRange = (0.0, 0.02)
    dust_specks: tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]] = (0, 0)
    stray_light: ShareRange = (0.0, 0.0)
    phase_factor: FactorRange = (1.0, 1.0)
    pixel_size_factor: NearOneRange = (1.0, 1.0)
    wavelength_factor: NearOneRange = (1.0, 1.0)

    @field_validator("*")
    @classmethod
    def _must_rise(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"the range ({value[0]:g}, {value[1]:g}) falls: give the lower end first")
        return value


class SimulationSettings(Settings):
    """What the digital microscope makes.

    Parameters
    ----------
    microscope : Microscope
        The instrument; the paper's unless another is given.
    specimen : {"psm", "hela"}
        Polystyrene microspheres or HeLa-like cells.
    scene : str
        How crowded the fields are; ``"mixed"`` draws from all, from empty to confluent.
    objective : str
        Objective of the low-resolution image, one of the microscope's.
    count, seed : int
        Number of fields, and the seed; field i depends on these settings, but for the count, and on i alone.
    field_px : int
        Side of the field on the model's grid of 0.325 um.
    defocus_um : float or None
        Focus of the low-resolution image; None takes 0.25 wavelength / NA^2 (see docs/physics.md).
    max_absorption_per_um : float
        Cells dim the light: a field's amplitude falls by exp(-a path), a drawn between 0 and this in 1/um of optical
        path, and 0 for a third of the fields. Beads do not dim it.
    inside_frame : bool
        Keep every cell clear of the field's edges, where TIE's boundary condition holds.
    variation : Variation
        How fields differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    specimen: SpecimenName = "hela"
    scene: SceneName = "mixed"
    objective: str = "10x"
    count: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    field_px: int = Field(240, ge=64)
    defocus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)
    max_absorption_per_um: float = Field(0.3, ge=0)
    inside_frame: bool = False
    variation: Variation = Variation()

    @model_validator(mode="after")
    def _must_fit_together(self) -> Self:
        self.microscope.lens(self.objective)
        field_um = self.field_px * MODEL_PIXEL_SIZE_UM
        if field_um < self.margin_um:
            raise ValueError(
                f"a field of {field_um:.0f} um is smaller than the margin of {self.margin_um:.0f} um from which "
                f"defocused light reaches into it: make field_px at least "
                f"{math.ceil(self.margin_um / MODEL_PIXEL_SIZE_UM)}, or defocus less"
            )
        return self

    @property
    def mean_focus_um(self) -> float:
        """Focus of the low-resolution image before it varies."""
        return self.microscope.nominal_defocus_um(self.objective) if self.defocus_um is None else self.defocus_um

    @property
    def margin_um(self) -> float:
        """How far around a field specimen must be imaged: light reaches in from there when out of focus.

        A ray of the steepest angle that lens and condenser let pass travels |z| (NA + NA_condenser) sideways.
        """
        share_um = self.microscope.nominal_defocus_um(self.objective)
        low_um, high_um = (
            self.mean_focus_um + um + share * share_um
            for um, share in zip(self.variation.focus_um, self.variation.focus_share, strict=True)
        )
        lr = self.microscope.lens(self.objective).numerical_aperture * (
            1 + self.microscope.coherence * self.variation.coherence_factor[1]
        )
        hr = self.microscope.lens(self.microscope.stack_objective).numerical_aperture * (
            1 + self.microscope.stack_coherence
        )
        reach_um = max(max(abs(low_um), abs(high_um)) * lr, self.microscope.stack_dz_um * hr)
        return max(LEAST_MARGIN_UM, MARGIN_BEYOND_RAYS_UM + reach_um)


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
    simulate: tuple[SimulationSettings, ...] = ()
    simulation_workers: int = Field(1, ge=0)
    generator: GeneratorName = "contrans"
    preset: PresetName = "compact"
    start_from: str | None = None
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
        if self.lr is None and not self.has_pairs:
            raise ValueError("give the folders lr and phase, or a folder of pairs, or settings to simulate pairs by")
        return self

    @property
    def has_pairs(self) -> bool:
        """Whether there is anything to learn from under supervision."""
        return bool(self.pairs or self.simulate)
