"""Convert phase to optical path, height and dry mass, and measure the dry mass of each object."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, Quantity, check_pixels
from napari_contransgan.optics import check_pixel_size, check_wavelength, height_from_phase, path_from_phase
from napari_contransgan.robust import quieter_sigma
from napari_contransgan.tie.background import background_median
from napari_contransgan.unlit import opened

REFRACTIVE_INCREMENT_UM3_PER_PG = 0.19
"""Refractive increment of cells, rise of the index with the concentration of dry mass: usually 0.18 to 0.21 ml/g."""

PLAUSIBLE_INCREMENT_UM3_PER_PG = (0.05, 0.5)

THRESHOLD_SIGMAS = 5.0
LOWEST_THRESHOLD_RAD = 0.1
SMALLEST_AREA_UM2 = 20.0


@dataclass(frozen=True)
class ObjectMass:
    """One connected region of a phase map and its dry mass.

    Parameters
    ----------
    label : int
        Number of the object, from 1, in row-by-row order.
    y_um, x_um : float
        Centre of its area, in the coordinates of the image's origin.
    area_um2 : float
        Its area.
    dry_mass_pg : float
        Dry mass per area, summed over the area.
    mean_phase_rad : float
        Mean of its phase above the background.
    touches_edge : bool
        Whether the frame cuts the object, or may cut it.
    """

    label: int
    y_um: float
    x_um: float
    area_um2: float
    dry_mass_pg: float
    mean_phase_rad: float
    touches_edge: bool


def measured(image: Image) -> NDArray[np.bool_]:
    """Return which pixels hold a measured phase, and not the 0 that marks missing light or data.

    Parameters
    ----------
    image : Image
        Phase, or a quantity computed from it, in memory.

    Returns
    -------
    ndarray of bool
        Of the image's shape; True everywhere if the image was neither retrieved nor predicted, or is 0 throughout.
    """
    values = np.asarray(image.data)
    found = np.ones(values.shape, bool)
    if ("tie_report" in image.settings or "predict" in image.settings) and values.any():
        frames = found.reshape(-1, *values.shape[-2:])
        for yx_found, yx_values in zip(frames, values.reshape(frames.shape), strict=True):
            np.copyto(yx_found, ~opened(yx_values == 0))  # single pixels may happen to be 0
    return found


def optical_path(image: Image) -> Image:
    """Compute the optical path difference, phase * wavelength / (2 pi).

    Parameters
    ----------
    image : Image
        Phase in radians with its wavelength; axes ending in YX. A dask array gives a dask array.

    Returns
    -------
    Image
        Quantity ``"path"``, float32 nanometres, with all other properties kept.

    Raises
    ------
    InputError
        If it is not a phase, has other axes, or states no wavelength or an impossible one.
    """
    wavelength_um = _checked_wavelength_um(image)
    path_um = path_from_phase(image.data, wavelength_um)
    return _converted(image, path_um * 1000.0, "path", {"wavelength_um": wavelength_um})


def height(image: Image, index_contrast: float) -> Image:
    """Compute the height of a specimen of uniform refractive index, phase * wavelength / (2 pi dn).

    Parameters
    ----------
    image : Image
        Phase in radians with its wavelength; axes ending in YX. A dask array gives a dask array.
    index_contrast : float
        The specimen's index minus the medium's; negative for a specimen of lower index.

    Returns
    -------
    Image
        Quantity ``"height"``, float32 micrometres, with all other properties kept.

    Raises
    ------
    InputError
        As for `optical_path`, and if the index contrast is zero or not a finite number.
    """
    wavelength_um = _checked_wavelength_um(image)
    if index_contrast == 0 or not math.isfinite(index_contrast):
        raise InputError(
            f"an index contrast of {index_contrast:g} gives no height: "
            "give the specimen's index minus the medium's, for example 0.03",
            source=image.name,
        )
    height_um = height_from_phase(image.data, wavelength_um, float(index_contrast))
    numbers = {"wavelength_um": wavelength_um, "index_contrast": float(index_contrast)}
    return _converted(image, height_um, "height", numbers)


def dry_mass_density(image: Image, refractive_increment_um3_per_pg: float = REFRACTIVE_INCREMENT_UM3_PER_PG) -> Image:
    """Compute the dry mass per area, the optical path difference divided by the refractive increment.

    R. Barer, Nature 169, 366 (1952); G. Popescu et al., Am. J. Physiol. Cell Physiol. 295, C538 (2008).

    Parameters
    ----------
    image : Image
        Phase in radians with its wavelength; axes ending in YX. A dask array gives a dask array.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry mass; um^3/pg is the same as ml/g.

    Returns
    -------
    Image
        Quantity ``"dry-mass"``, float32 pg/um^2, with all other properties kept.

    Raises
    ------
    InputError
        As for `optical_path`, and if the increment is outside 0.05 to 0.5 um^3/pg.
    """
    wavelength_um = _checked_wavelength_um(image)
    increment = _checked_increment(image, refractive_increment_um3_per_pg)
    density = path_from_phase(image.data, wavelength_um) / increment
    numbers = {"wavelength_um": wavelength_um, "refractive_increment_um3_per_pg": increment}
    return _converted(image, density, "dry-mass", numbers)


@dataclass(frozen=True)
class Conversions:
    """The quantities to compute from a phase.

    Parameters
    ----------
    path : bool
        Whether to compute the optical path difference.
    index_contrast : float or None
        The specimen's index minus the medium's; if given, the height is computed.
    refractive_increment_um3_per_pg : float or None
        Rise of the refractive index with the concentration of dry mass; if given, the dry mass is computed.
    """

    path: bool = False
    index_contrast: float | None = None
    refractive_increment_um3_per_pg: float | None = None

    @property
    def functions(self) -> Mapping[Quantity, Callable[[Image], Image]]:
        """Return the function that computes each quantity from a phase."""
        wanted: dict[Quantity, Callable[[Image], Image]] = {}
        contrast, increment = self.index_contrast, self.refractive_increment_um3_per_pg
        if self.path:
            wanted["path"] = optical_path
        if contrast is not None:
            wanted["height"] = lambda phase: height(phase, contrast)
        if increment is not None:
            wanted["dry-mass"] = lambda phase: dry_mass_density(phase, increment)
        return wanted

    def check(self, name: str) -> None:
        """Try the conversions on a single pixel before the long computation starts.

        Raises
        ------
        InputError
            If a number cannot be right; the message names `name` and the number.
        """
        pixel = Image(np.zeros((1, 1), np.float32), "YX", quantity="phase", wavelength_um=0.55, name=name)
        for convert in self.functions.values():
            convert(pixel)


def object_masses(
    image: Image,
    *,
    refractive_increment_um3_per_pg: float = REFRACTIVE_INCREMENT_UM3_PER_PG,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
) -> list[ObjectMass]:
    """Measure the dry mass of each connected region above the background.

    Phases are relative to the level of the map's background; see `napari_contransgan.tie.background.background_median`.
    Pixels that share a side or a corner belong together. The thin rim of an object, below the threshold, is not
    included. Pixels without a measured phase (see `measured`) belong neither to an object nor to the background; they
    cut objects as the frame's edge does.

    Parameters
    ----------
    image : Image
        Phase in radians of one frame, axes YX, with pixel size and wavelength.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry mass; um^3/pg is the same as ml/g.
    threshold_rad : float or None
        Phase above the background from which on a pixel belongs to an object. None uses five robust standard deviations
        of the background, but at least 0.1 rad.
    smallest_area_um2 : float
        Smaller regions are left out.

    Returns
    -------
    list of ObjectMass
        In row-by-row order; empty if no region is above the threshold.

    Raises
    ------
    InputError
        As for `dry_mass_density`, and if there is more than one frame, the pixel size is missing or impossible, a pixel
        is NaN or infinite, the threshold is not above zero, or the smallest area is below zero.
    """
    wavelength_um = _checked_wavelength_um(image)
    increment = _checked_increment(image, refractive_increment_um3_per_pg)
    if image.axes != "YX":
        raise InputError(f"has axes {image.axes}: give a single frame (YX)", source=image.name)
    pixel_size_um = check_pixel_size(image.pixel_size_um, image.name)
    if threshold_rad is not None and not 0 < threshold_rad < math.inf:
        raise InputError(f"a threshold of {threshold_rad:g} rad finds no objects: give one above 0", source=image.name)
    if not 0 <= smallest_area_um2 < math.inf:
        raise InputError(f"a smallest area of {smallest_area_um2:g} um^2 is below 0: give 0 or more", source=image.name)
    yx_phase_rad = np.asarray(image.data, dtype=np.float64)
    if yx_phase_rad.size == 0 or not np.isfinite(yx_phase_rad).all():  # a uniform map has no objects
        check_pixels(replace(image, data=yx_phase_rad))

    yx_measured = measured(image)
    yx_phase_rad = np.where(yx_measured, yx_phase_rad - background_median(yx_phase_rad[yx_measured]), 0)
    threshold_rad = _threshold_rad(yx_phase_rad[yx_measured]) if threshold_rad is None else threshold_rad
    labels, count = ndimage.label(yx_phase_rad > threshold_rad, structure=np.ones((3, 3)))
    pixel_area_um2 = pixel_size_um**2
    pixels = np.bincount(labels.ravel(), minlength=count + 1)
    phases_rad = np.bincount(labels.ravel(), weights=yx_phase_rad.ravel(), minlength=count + 1)
    yx_border = np.pad(~yx_measured, 1, constant_values=True)
    at_edge = np.unique(labels[ndimage.binary_dilation(yx_border, np.ones((3, 3), bool))[1:-1, 1:-1]])
    kept = [index for index in range(1, count + 1) if pixels[index] * pixel_area_um2 >= smallest_area_um2]
    centres = ndimage.center_of_mass(labels > 0, labels, kept)
    y_um, x_um = image.origin_yx_um
    return [
        ObjectMass(
            label=label,
            y_um=y_um + float(y) * pixel_size_um,
            x_um=x_um + float(x) * pixel_size_um,
            area_um2=float(pixels[index]) * pixel_area_um2,
            dry_mass_pg=float(path_from_phase(phases_rad[index], wavelength_um)) * pixel_area_um2 / increment,
            mean_phase_rad=float(phases_rad[index] / pixels[index]),
            touches_edge=bool(index in at_edge),
        )
        for label, (index, (y, x)) in enumerate(zip(kept, centres, strict=True), start=1)
    ]


def total_dry_mass_pg(
    image: Image,
    *,
    refractive_increment_um3_per_pg: float = REFRACTIVE_INCREMENT_UM3_PER_PG,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
) -> float:
    """Return the dry mass in pg of all objects of a frame, including those at its edge; see `object_masses`.

    Parameters
    ----------
    image, refractive_increment_um3_per_pg, threshold_rad, smallest_area_um2
        As for `object_masses`.

    Raises
    ------
    InputError
        As for `object_masses`.
    """
    found = object_masses(
        image,
        refractive_increment_um3_per_pg=refractive_increment_um3_per_pg,
        threshold_rad=threshold_rad,
        smallest_area_um2=smallest_area_um2,
    )
    return sum((one.dry_mass_pg for one in found), start=0.0)


def _checked_wavelength_um(image: Image) -> float:
    if image.quantity != "phase":
        raise InputError(f"holds {image.quantity}, not phase: give a phase map in radians", source=image.name)
    if not image.axes.endswith("YX") or image.data.ndim != len(image.axes):
        raise InputError(
            f"has axes {image.axes} and shape {image.data.shape}: give phase frames that end in YX", source=image.name
        )
    if image.wavelength_um is None:
        raise InputError("states no wavelength: give the one it was recorded with, in um", source=image.name)
    try:
        return check_wavelength(float(image.wavelength_um))
    except InputError as error:
        raise error.named(image.name) from None


def _checked_increment(image: Image, increment_um3_per_pg: float) -> float:
    low, high = PLAUSIBLE_INCREMENT_UM3_PER_PG
    if not low <= increment_um3_per_pg <= high:
        raise InputError(
            f"a refractive increment of {increment_um3_per_pg:g} um^3/pg cannot be right: "
            f"give {low:g} to {high:g} um^3/pg, which is the same number in ml/g; for cells it is 0.18 to 0.21",
            source=image.name,
        )
    return float(increment_um3_per_pg)


def _converted(image: Image, data: NDArray[Any], quantity: Quantity, numbers: dict[str, float]) -> Image:
    settings = {**image.settings, "quantity": {"kind": quantity, **numbers}}
    return replace(image, data=data.astype(np.float32), quantity=quantity, settings=settings)


def _threshold_rad(phase_rad: NDArray[np.float64]) -> float:
    """Return five robust standard deviations of the background on its quieter side, but at least 0.1 rad."""
    return max(THRESHOLD_SIGMAS * quieter_sigma(phase_rad), LOWEST_THRESHOLD_RAD)
