"""Compare two phase maps: bring them onto one grid, register them on request, score them, and measure their beads."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation.beads import BeadHeight, measure_bead_heights
from napari_contransgan.evaluation.registration import Registration, register
from napari_contransgan.evaluation.scores import Scores, evaluate, level
from napari_contransgan.io import Image, check_pixels
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.resampling import area_mean, block_mean

WHOLE_RATIO_TOLERANCE = 0.01
"""Relative difference up to which a ratio of pixel sizes counts as a whole number: files state rounded sizes."""


@dataclass(frozen=True)
class Comparison:
    """Comparison of a phase map with its reference.

    Parameters
    ----------
    scores : Scores
        Scores of the two maps on one grid.
    yx_phase_rad, yx_reference_rad : (Y, X) ndarray of float64
        The compared maps: levelled, on one grid, and registered if that was requested.
    pixel_size_um : float or None
        Pixel size of that grid, if known.
    origin_yx_um : tuple of float
        Position of its pixel (0, 0), in the coordinates of the reference.
    registration : Registration or None
        Movement that brought the map onto the reference, if registration was requested.
    beads : tuple of BeadHeight or None
        Heights of the beads in the phase map, if they were requested.
    notes : tuple of str
        Changes made to the maps before the comparison.
    """

    scores: Scores
    yx_phase_rad: NDArray[np.float64]
    yx_reference_rad: NDArray[np.float64]
    pixel_size_um: float | None
    origin_yx_um: tuple[float, float] = (0.0, 0.0)
    registration: Registration | None = None
    beads: tuple[BeadHeight, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Return the shape of the compared maps."""
        return self.yx_reference_rad.shape[0], self.yx_reference_rad.shape[1]

    @property
    def difference(self) -> Image:
        """Return the phase map minus the reference, placed where the reference is."""
        return Image(
            (self.yx_phase_rad - self.yx_reference_rad).astype(np.float32),
            "YX",
            self.pixel_size_um,
            origin_yx_um=self.origin_yx_um,
            quantity="phase",
            name="difference",
        )


def compare(
    phase: Image,
    reference: Image,
    *,
    register_first: bool = False,
    data_range_rad: float | None = None,
    index_contrast: float | None = None,
    wavelength_um: float | None = None,
) -> Comparison:
    """Compare a phase map with a reference, such as a prediction with a measured phase.

    Both are levelled by the median of their background and never fitted to each other. The map with the smaller pixels
    is averaged to the pixels of the other.

    Parameters
    ----------
    phase, reference : Image
        Maps with the axes YX, in radians.
    register_first : bool
        First shift, scale and rotate the phase map onto the reference.
    data_range_rad : float or None
        Range for SSIM and PSNR; None uses the reference's own.
    index_contrast : float or None
        Refractive index of beads minus that of their medium; None measures no beads.
    wavelength_um : float or None
        Wavelength for the heights of beads; None uses the one that the maps state.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If an image is not a phase map, the shapes differ on one grid, the maps cannot be registered, or bead heights
        are requested and no wavelength is known. The message names the image.
    """
    for image in (phase, reference):
        check_pixels(image)
        if image.axes != "YX":
            raise InputError(f"has the axes {image.axes}: give a single phase map (YX)", source=image.name)
    for image in (phase, reference):
        _refuse_counts(image)
    whole = phase
    phase, reference, notes = _on_one_grid(phase, reference)
    yx_phase_rad, yx_reference_rad = phase.data, reference.data
    registration, origin_yx_um = None, reference.origin_yx_um
    if register_first:
        registration = register(yx_phase_rad, yx_reference_rad)
        rows, columns = _largest_whole(registration.yx_valid)
        pixel_um = reference.pixel_size_um or 0.0
        origin_yx_um = (origin_yx_um[0] + rows.start * pixel_um, origin_yx_um[1] + columns.start * pixel_um)
        yx_phase_rad, yx_reference_rad = registration.yx_aligned_rad[rows, columns], yx_reference_rad[rows, columns]
    elif yx_phase_rad.shape != yx_reference_rad.shape:
        shapes = f"{'x'.join(map(str, yx_phase_rad.shape))} and {'x'.join(map(str, yx_reference_rad.shape))} pixels"
        size = f" of {reference.pixel_size_um:g} um" if reference.pixel_size_um is not None else ""
        raise InputError(f"{phase.name} and {reference.name}: have {shapes}{size}: crop one of them, or register them")
    return Comparison(
        evaluate(yx_phase_rad, yx_reference_rad, data_range_rad=data_range_rad),
        level(yx_phase_rad),
        level(yx_reference_rad),
        reference.pixel_size_um,
        origin_yx_um,
        registration,
        None if index_contrast is None else _beads(whole, reference, index_contrast, wavelength_um),
        notes,
    )


def bead_heights(phase: Image, index_contrast: float, wavelength_um: float | None = None) -> tuple[BeadHeight, ...]:
    """Measure the height of every isolated bead of a phase map; see `measure_bead_heights`.

    Parameters
    ----------
    phase : Image
        Phase in radians, axes YX, with a pixel size.
    index_contrast : float
        Refractive index of the beads minus that of their medium.
    wavelength_um : float, optional
        Vacuum wavelength; by default the map's.

    Returns
    -------
    tuple of BeadHeight
        From top to bottom, with positions in the coordinates of the image's origin.

    Raises
    ------
    InputError
        If the image is not one phase map, states no pixel size or wavelength, or a number is impossible.
    """
    check_pixels(phase)
    if phase.axes != "YX":
        raise InputError(f"has the axes {phase.axes}: give a single phase map (YX)", source=phase.name)
    _refuse_counts(phase)
    y_um, x_um = phase.origin_yx_um
    found = _beads(phase, phase, index_contrast, wavelength_um)
    return tuple(replace(bead, y_um=bead.y_um + y_um, x_um=bead.x_um + x_um) for bead in found)


def _refuse_counts(image: Image) -> None:
    """Raise an error for camera counts; maps of other programs state no quantity, but hold real numbers."""
    if image.quantity not in ("phase", "intensity"):
        raise InputError(f"holds {image.quantity}, not phase: give phase maps", source=image.name)
    if image.quantity != "phase" and image.data.dtype.kind != "f":
        raise InputError(
            f"is a camera frame of {image.data.dtype} counts, not a phase in radians: give phase maps",
            source=image.name,
        )


def _on_one_grid(phase: Image, reference: Image) -> tuple[Image, Image, tuple[str, ...]]:
    """Average the finer of two maps to the pixels of the coarser, if both state their pixel size."""
    sizes_um = phase.pixel_size_um, reference.pixel_size_um
    if sizes_um[0] is None or sizes_um[1] is None:
        return phase, reference, ()
    ratio = max(sizes_um[0], sizes_um[1]) / min(sizes_um[0], sizes_um[1])
    step = round(ratio)
    is_whole = abs(ratio / step - 1) <= WHOLE_RATIO_TOLERANCE
    if is_whole and step == 1:
        return phase, reference, ()
    finer, other = (phase, reference) if sizes_um[0] < sizes_um[1] else (reference, phase)
    if min(finer.data.shape) < ratio:
        raise InputError("is smaller than one pixel of the other map: choose another", source=finer.name)
    side = step if is_whole else ratio
    shift_um = (side - 1) / 2 * min(sizes_um[0], sizes_um[1])  # from the centre of a pixel to that of its block
    coarse = replace(
        finer,
        data=block_mean(finer.data, step) if is_whole else area_mean(finer.data, ratio),
        pixel_size_um=max(sizes_um[0], sizes_um[1]),
        origin_yx_um=(finer.origin_yx_um[0] + shift_um, finer.origin_yx_um[1] + shift_um),
    )
    if not is_whole:
        coarse, other = _without_ragged_edge(coarse, other)
    note = f"{finer.name}: averaged over {side:.4g} x {side:.4g} pixels to {coarse.pixel_size_um:g} um"
    return (coarse, other, (note,)) if finer is phase else (other, coarse, (note,))


def _without_ragged_edge(one: Image, other: Image) -> tuple[Image, Image]:
    """Crop maps of one field whose last pixels are rounded differently to their common size."""
    sides = list(zip(one.data.shape, other.data.shape, strict=True))
    if max(abs(first - second) for first, second in sides) > 1:
        return one, other
    rows, columns = (slice(min(pair)) for pair in sides)
    return replace(one, data=one.data[rows, columns]), replace(other, data=other.data[rows, columns])


def _largest_whole(yx_valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Find a rectangle without holes by repeatedly removing the worst row or column of the border."""
    top, left, bottom, right = 0, 0, *yx_valid.shape
    while top < bottom and left < right and not yx_valid[top:bottom, left:right].all():
        inside = ~yx_valid[top:bottom, left:right]
        worst = int(np.argmax([inside[0].mean(), inside[-1].mean(), inside[:, 0].mean(), inside[:, -1].mean()]))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    return slice(top, bottom), slice(left, right)


def _beads(
    phase: Image, reference: Image, index_contrast: float, wavelength_um: float | None
) -> tuple[BeadHeight, ...]:
    stated = (wavelength_um, phase.wavelength_um, reference.wavelength_um)
    used_um = next((value for value in stated if value is not None), None)
    if used_um is None:
        raise InputError("states no wavelength: give it in um", source=phase.name)
    pixel_um = check_pixel_size(phase.pixel_size_um, phase.name)
    return tuple(measure_bead_heights(phase.data, pixel_um, check_wavelength(used_um), index_contrast))
