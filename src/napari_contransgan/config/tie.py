"""Settings for phase retrieval."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from napari_contransgan.config.base import Settings
from napari_contransgan.config.names import CondenserRatio, DarkLevel, ObjectiveAperture, PixelSizeUm, WavelengthUm

TieMethod = Literal["anchored", "teague", "dct", "fft", "us-tie", "wotf"]


class TieSettings(Settings):
    """Settings for retrieving phase from a through-focus stack.

    Parameters
    ----------
    method : str
        Solver; see `napari_contransgan.tie.solvers`.
    wavelength_um : float or None
        Vacuum wavelength. None uses the wavelength in the file, or 0.55 um if the file states none.
    dz_um : float or None
        Distance between neighbouring planes. None uses the distance in the file.
    z_um : tuple of float or None
        Height of each plane, in rising order, instead of `dz_um`. If neither is given, the heights in the file are
        used.
    pixel_size_um : float or None
        Pixel size in the specimen. None uses the pixel size in the file.
    focus_index : int or None
        Index of the plane in focus. None searches it; where it cannot be found, it is the middle plane of three or
        more, and the first of two. Of two planes, the focus may also be halfway between them.
    flip_z : bool
        Whether the planes are in order of falling z.
    regularisation : "auto" or float
        Regularisation, relative to the square of the smallest spatial frequency of the frame; 0 switches it off.
    numerical_aperture, coherence : float or None
        NA of the objective, and S, the condenser's NA divided by the objective's. None uses the values in the file. If
        both are known, fine detail that is weaker in planes away from focus is restored.
    dark : float, Path or None
        Counts that the camera gives without light, or an image taken without light (the frames of a stack are
        averaged). They are subtracted from the planes and from the flat-field image. None uses the level in the file,
        or 0.
    flat_field : Path, "estimate" or None
        Image of an empty field to divide by; ``"estimate"`` estimates the uneven illumination from the stack.
    dead_pixels, saturation, drift, magnification, equal_sums : bool
        Faults of the planes to correct; see `napari_contransgan.tie.preparation.Preparation`.
    light_correction : bool
        Remove slow changes of the lighting between planes; see `napari_contransgan.tie.slow_light`.
    specimen_sign : {"auto", "positive", "negative", "both"}
        Whether the specimen delays light more or less than its surroundings, for solvers that make use of it.
    """

    method: TieMethod = Field("anchored", title="Method", description="How the phase is computed from the planes.")
    wavelength_um: WavelengthUm = None
    dz_um: float | None = Field(
        None,
        title="Plane distance (µm)",
        description="Distance by which the focus was moved between neighbouring planes. Empty: the heights stated in "
        "the file.",
        json_schema_extra={"empty": "not stated"},
    )
    z_um: tuple[float, ...] | None = None
    pixel_size_um: PixelSizeUm = None
    focus_index: int | None = Field(
        None,
        title="Plane in focus",
        description="Index of the plane in focus, as the slider below the image counts (from 0). Empty: found from the "
        "planes; where they do not show it, the middle plane of three or more, the first of two.",
        json_schema_extra={"empty": "automatic"},
    )
    flip_z: bool = Field(
        False,
        title="Planes are in order of falling z",
        description="Tick this if cells appear darker than their surroundings in the phase: the focus was then moved "
        "in the other direction.",
    )
    regularisation: Literal["auto"] | float = Field(
        "auto",
        title="Regularisation",
        description="Suppresses low-frequency artefacts, which noise causes. Empty: chosen from the stack, or none if "
        "the method uses the background as its reference and needs none. 0: none.",
        json_schema_extra={"empty": "automatic"},
    )
    numerical_aperture: ObjectiveAperture = Field(
        None,
        lt=1,
        description="Numerical aperture engraved on a dry objective, below 1. If the condenser ratio S is known too, "
        "fine detail that defocus blurs is restored.",
    )
    coherence: CondenserRatio = Field(
        None,
        description="NA of the condenser as its diaphragm is set, divided by the objective's NA. If the objective's NA "
        "is known too, fine detail that defocus blurs is restored.",
    )
    dark: DarkLevel = None
    flat_field: Literal["estimate"] | Path | None = None
    dead_pixels: bool = Field(
        True,
        title="Dead pixels",
        description="Replaces single pixels that are dark or bright in every plane by the median of their neighbours.",
    )
    saturation: bool = Field(
        True,
        title="Saturated spots",
        description="Estimates the brightness of spots that reached the camera's limit.",
    )
    drift: bool = Field(
        True,
        title="Lateral drift",
        description="Aligns planes that drifted sideways while the focus was moved.",
    )
    magnification: bool = Field(
        False,
        title="Magnification",
        description="Corrects a change of magnification from plane to plane, which some objectives show when focused.",
    )
    equal_sums: bool = Field(
        True,
        title="Equal brightness",
        description="Scales the planes to the same total intensity, which corrects a flickering lamp.",
    )
    light_correction: bool = Field(
        True,
        title="Changes of the lighting",
        description="Removes slow changes of the lighting between planes, measured where the frame is empty. A change "
        "of 1 % would otherwise look like a phase of a radian.",
    )
    specimen_sign: Literal["auto", "positive", "negative", "both"] = Field(
        "auto",
        title="Specimen",
        description="Whether the specimen delays light more than its surroundings, as cells in water do, or less. Only "
        "the method that uses the background as its reference needs it.",
        json_schema_extra={
            "choices": {
                "auto": "Automatic",
                "positive": "Delays light more",
                "negative": "Delays light less",
                "both": "Both occur",
            }
        },
    )
