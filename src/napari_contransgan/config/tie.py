"""Settings of phase retrieval."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from napari_contransgan.config.base import Settings

TieMethod = Literal["anchored", "teague", "dct", "fft", "us-tie", "wotf"]


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
        Height of each plane instead of `dz_um`, rising. Where neither is stated, the file's own are used.
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
    dark : float, Path or None
        Counts that the camera gives without light, or a picture taken without light (a stack of them is averaged);
        subtracted first, from the flat field's picture too. None takes the file's, else 0.
    flat_field : Path, "estimate" or None
        Picture of an empty field to divide by; ``"estimate"`` takes the slow unevenness of the stack itself.
    dead_pixels, saturation, drift, magnification, equal_sums : bool
        Which faults of the planes are put right; see `napari_contransgan.tie.preparation.Preparation`.
    light_correction : bool
        Remove slow changes of the lighting between planes; see `napari_contransgan.tie.slow_light`.
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
    dark: Annotated[float, Field(allow_inf_nan=False)] | Path | None = None
    flat_field: Literal["estimate"] | Path | None = None
    dead_pixels: bool = True
    saturation: bool = True
    drift: bool = True
    magnification: bool = False
    equal_sums: bool = True
    light_correction: bool = True
    specimen_sign: Literal["auto", "positive", "negative", "both"] = "auto"
