"""The unevenness of the lighting, from a picture of an empty field or from the planes themselves."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.resampling import block_mean
from napari_contransgan.robust import quieter_sigma
from napari_contransgan.tie.background import background_median
from napari_contransgan.tie.focus_data import INTENSITY_FLOOR

FlatField = NDArray[np.floating] | Literal["estimate"] | None

_FLAT_CELLS = 64
_FLAT_DEGREES = (1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4)  # round by round


def light_of_flat(flat_field: FlatField, dark: float | NDArray[np.float32], shape_yx: tuple[int, ...]) -> FlatField:
    """Subtract the dark level from the picture of an empty field, and check its size.

    Raises
    ------
    InputError
        If the picture and the planes differ in size.
    """
    if flat_field is None or isinstance(flat_field, str):
        return flat_field
    if flat_field.shape != shape_yx:
        raise InputError(
            f"the flat field has {_size(flat_field.shape)} px and the planes {_size(shape_yx)}: "
            "take it with the same camera settings"
        )
    return np.asarray(flat_field, np.float32) - np.asarray(dark, np.float32)


def flatten(
    zyx: NDArray[np.float32], flat_field: NDArray[np.floating] | Literal["estimate"], yx_dark: NDArray[np.bool_] | None
) -> list[float]:
    """Divide by the flat field, in place; return its smallest and largest value relative to its mean.

    Raises
    ------
    InputError
        If the flat field is dark or undefined where the planes are used.
    """
    if isinstance(flat_field, str):
        yx_flat = _estimated_flat(zyx.mean(axis=0))
    else:
        yx_flat = np.asarray(flat_field, np.float32)
        if yx_dark is not None:
            yx_flat = np.where(yx_dark, np.float32(np.mean(yx_flat, where=~yx_dark)), yx_flat)
        if not np.all(np.isfinite(yx_flat)) or yx_flat.min() <= 0:
            raise InputError(
                "the flat field has dark or undefined pixels: give the picture of an evenly lit empty field"
            )
    yx_relative = (yx_flat / yx_flat.mean(dtype=np.float64)).astype(np.float32)
    zyx /= yx_relative
    return [round(float(yx_relative.min()), 4), round(float(yx_relative.max()), 4)]


def _estimated_flat(yx_mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit the slow unevenness as a polynomial through cells of the frame, robust to outlying cells.

    It begins with the most common level and grows by degrees, so that what sticks out is known before the polynomial
    could bend to it.
    """
    step = max(1, max(yx_mean.shape) // _FLAT_CELLS)
    cells = block_mean(yx_mean, step).astype(np.float64)
    y, x = (
        2 * (np.arange(count) + 0.5) * step / side - 1 for count, side in zip(cells.shape, yx_mean.shape, strict=True)
    )
    highest = _FLAT_DEGREES[-1]
    terms = sorted(((i, j) for i in range(highest + 1) for j in range(highest + 1 - i)), key=sum)
    design = np.stack([np.outer(y**i, x**j).ravel() for i, j in terms], axis=1)
    values = cells.ravel()
    lit = values > INTENSITY_FLOOR * np.percentile(cells, 99)
    residual, fitted = values - background_median(values[lit]), np.zeros(1)
    for degree in _FLAT_DEGREES:
        spread = max(quieter_sigma(residual[lit]), 1e-12)
        weights = lit * np.maximum(1 - (residual / (4 * spread)) ** 2, 0) ** 2
        count = (degree + 1) * (degree + 2) // 2
        fitted = np.linalg.lstsq(design[:, :count] * weights[:, None], values * weights, rcond=None)[0]
        residual = values - design[:, :count] @ fitted
    y, x = (2 * (np.arange(side) + 0.5) / side - 1 for side in yx_mean.shape)
    yx_flat = sum(value * np.outer(y**i, x**j) for value, (i, j) in zip(fitted, terms, strict=True))
    return np.asarray(np.maximum(yx_flat, 0.05 * float(cells.max())), np.float32)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
