"""Settings for phase retrieval."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from napari_contransgan.config.base import Settings

TieMethod = Literal["anchored", "teague", "dct", "fft", "us-tie", "wotf"]


class TieSettings(Settings):
    """Settings for retrieving phase from a through-focus stack.

    Parameters
    ----------
    method : str
        Solver; see `napari_contransgan.tie.solvers`.
    wavelength_um : float or None
        Vacuum wavelength; None uses the file's, or 0.55 um if the file states none.
    dz_um : float or None
        Distance between neighbouring planes; None uses the file's.
    z_um : tuple of float or None
        Rising heights of the planes, instead of `dz_um`. If neither is given, the file's heights are used.
    pixel_size_um : float or None
        Lateral pixel size; None uses the file's.
    focus_index : int or None
        Plane in focus; None uses the middle one of three or more, or the first of two.
    flip_z : bool
        Whether the planes are in order of falling z.
    regularisation : "auto" or float
        Relative to the smallest spatial frequency of the frame, squared; 0 switches it off.
    numerical_aperture, coherence : float or None
        NA of the objective, and S, the condenser's NA divided by the objective's; None uses the file's. If both are
        known, fine structure weakened by widely spaced planes is restored.
    dark : float, Path or None
        Dark level, subtracted first, also from the flat-field image: the camera's counts without light, or an image
        taken without light (a stack of them is averaged). None uses the file's, or 0 if the file states none.
    flat_field : Path, "estimate" or None
        Image of an empty field to divide by; ``"estimate"`` uses the slow unevenness of the stack itself.
    dead_pixels, saturation, drift, magnification, equal_sums : bool
        Which corrections are applied to the planes; see `napari_contransgan.tie.preparation.Preparation`.
    specimen_sign : {"auto", "positive", "negative", "both"}
        Whether the specimen delays light more or less than its surroundings; used only by some solvers.
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
    specimen_sign: Literal["auto", "positive", "negative", "both"] = "auto"
