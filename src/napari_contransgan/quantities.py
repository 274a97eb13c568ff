"""Convert phase to optical path, height and dry mass per area."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, Quantity
from napari_contransgan.optics import check_wavelength, height_from_phase, path_from_phase
from napari_contransgan.unlit import opened

REFRACTIVE_INCREMENT_UM3_PER_PG = 0.19
"""Refractive increment of cells, rise of the index with the concentration of dry mass: usually 0.18 to 0.21 ml/g."""

PLAUSIBLE_INCREMENT_UM3_PER_PG = (0.05, 0.5)


def measured(image: Image) -> NDArray[np.bool_]:
    """Return where a map holds a phase, and not the 0 of places without light or data.

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
    wavelength_um = checked_wavelength_um(image)
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
    wavelength_um = checked_wavelength_um(image)
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
    wavelength_um = checked_wavelength_um(image)
    increment = checked_increment(image, refractive_increment_um3_per_pg)
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


def checked_wavelength_um(image: Image) -> float:
    """Return the wavelength of frames of phase.

    Raises
    ------
    InputError
        If the image is not phase, has other axes, or states no wavelength or an impossible one.
    """
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


def checked_increment(image: Image, increment_um3_per_pg: float) -> float:
    """Return a refractive increment that dry matter can have.

    Raises
    ------
    InputError
        If it is outside `PLAUSIBLE_INCREMENT_UM3_PER_PG`.
    """
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
