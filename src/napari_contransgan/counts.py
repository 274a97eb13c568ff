"""Camera counts: the dark level, the bright level, and images that contain no intensities."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError, UnusableFrameError
from napari_contransgan.io import Image, read_image
from napari_contransgan.resampling import block_mean

LUMINANCE_NOTE = "The RGB image was converted to luminance, which is weighted towards green."

LIGHT_FLOOR = 0.1
"""Pixels darker than this fraction of the bright level count as dark: no phase can be measured there."""

MAX_NEGATIVE = 0.01
"""Fraction of clearly negative pixels above which a background must have been subtracted."""

_CLEARLY_NEGATIVE = 0.1  # of the brightest pixel; the noise left after subtracting a dark level stays above it
_LOW_CONTRAST = 0.1
_SAME_LAMP = 0.3
_MOST_ZEROS = 0.25  # of the pixels in the light
_CELL_PX = 4
_SAMPLED_PX = 250_000


def bright_level(yx_intensity: NDArray[np.number]) -> float:
    """Return the median of the pixels brighter than half the 99th percentile: that of the field inside any aperture."""
    sample = _sample(yx_intensity)
    bright = sample[sample > 0.5 * np.percentile(sample, 99)]
    return float(np.median(bright if bright.size else sample))


def stated_dark(stated: float | Path | None, image: Image) -> float | NDArray[np.float32]:
    """Return the dark level of an image: the stated one, else its file's, else 0.

    Parameters
    ----------
    stated : float, Path or None
        Counts without light, or an image taken without light; a stack of such images is averaged.
    image : Image
        The image; its axes contain Y and X.

    Returns
    -------
    float or (Y, X) ndarray
        In counts.

    Raises
    ------
    InputError
        If the dark image cannot be read, contains no counts, or has another size than the image.
    """
    if not isinstance(stated, Path):
        return float(stated if stated is not None else image.dark_counts or 0.0)
    picture = read_image(stated)
    if picture.quantity != "intensity" or picture.axes[-2:] != "YX" or len(picture.axes) > 3:
        raise InputError(
            f"holds {picture.quantity} with the axes {picture.axes}, not an image taken without light: "
            "give one YX image, or a stack of such images",
            source=stated,
        )
    frames = picture.data.reshape(-1, *picture.data.shape[-2:])
    yx_dark: NDArray[np.float32] = frames.mean(axis=0, dtype=np.float64).astype(np.float32)
    shape = tuple(image.data.shape[image.axes.index(axis)] for axis in "YX")
    if yx_dark.shape != shape:
        raise InputError(
            f"the image taken without light has {_size(yx_dark.shape)} px and {image.name} {_size(shape)}: "
            "take it with the same camera settings",
            source=stated,
        )
    if not np.all(np.isfinite(yx_dark)):
        raise InputError("the image taken without light holds NaN or infinite values: record it again", source=stated)
    return yx_dark


def dark_source_note(stated: float | Path | None, image: Image) -> list[str]:
    """Return a note if the file's own dark level is used."""
    if stated is not None or not image.dark_counts:
        return []
    return [f"The file states a dark level of {image.dark_counts:g} counts, which was subtracted."]


def check_dark(yx_intensity: NDArray[np.number], dark: float | NDArray[np.float32]) -> None:
    """Raise an error if a dark level leaves nothing of a frame's light.

    Raises
    ------
    InputError
        If the frame's bright level is not clearly above it, or if it is below 0 although no pixel is.
    """
    mean = float(np.mean(dark))
    if mean == 0:
        return
    sample = _sample(yx_intensity)
    bright = sample[sample > 0.5 * np.percentile(sample, 99)]
    bright = bright if bright.size else sample
    level = float(np.median(bright))
    what = "a dark level of" if isinstance(dark, float) else "an image taken without light with a mean of"
    if level - mean <= float(np.median(np.abs(bright - level))):
        raise UnusableFrameError(
            f"{what} {mean:g} counts leaves nothing of the bright level, {level:.5g} counts: "
            "give the counts that the camera records without light"
        )
    if mean < 0 <= yx_intensity.min():
        raise InputError(f"{what} {mean:g} counts is below 0, but no pixel of the image is: give it as recorded")


def less_dark(data: NDArray[np.number], dark: float | NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Subtract a dark level.

    Parameters
    ----------
    data : (..., Y, X) ndarray
        Counts.
    dark : float or (Y, X) ndarray
        Dark level; 0 leaves the counts unchanged.

    Returns
    -------
    (..., Y, X) ndarray of float32
        Counts above the dark level; negative ones are set to 0.
    float
        Fraction of the pixels that were below the dark level.
    """
    light = np.array(data, dtype=np.float32)
    return light, take_dark(light, dark)


def take_dark(light: NDArray[np.float32], dark: float | NDArray[np.float32]) -> float:
    """Subtract a dark level in place, and return the fraction of pixels that were below it; see `less_dark`."""
    if isinstance(dark, float) and dark == 0:
        return 0.0
    light -= np.asarray(dark, np.float32)
    share = float(np.count_nonzero(light < 0) / light.size)
    if share > 0:
        np.maximum(light, 0, out=light)
    return share


def clipped_note(share: float) -> str:
    """Return a note on how many pixels were below the dark level, if any were."""
    return (
        f"{share:.2%} of the pixels were below the dark level and were set to 0: noise does that where no light "
        "falls; elsewhere the dark level is too high."
    )


def other_light_note(level: float, first_level: float) -> list[str]:
    """Return a note if a frame of a series has much more or less light than the first one."""
    if first_level <= 0 or _SAME_LAMP < level / first_level < 1 / _SAME_LAMP:
        return []
    how = "darker" if level < first_level else "brighter"
    return [
        f"It is much {how} than the first frame, with {level:.4g} counts for {first_level:.4g}: "
        "see whether the lamp was on."
    ]


def check_intensities(yx_frame: NDArray[Any], dark: float | NDArray[np.float32] = 0.0) -> None:
    """Raise an error for a frame from which a background was subtracted, and for a mask.

    Parameters
    ----------
    yx_frame : (Y, X) ndarray
        Finite counts as recorded.
    dark : float or (Y, X) ndarray
        Dark level; where it is negative, the counts may be negative too.

    Raises
    ------
    UnusableFrameError
        If more than 1 % of the pixels are clearly below 0, if a quarter of those in the light are 0, or if the frame
        contains only two values.
    """
    if yx_frame.dtype.kind in "if" and np.mean(dark) >= 0:
        sample = _sample(yx_frame)
        limit = -_CLEARLY_NEGATIVE * max(float(np.percentile(sample, 99)), 0.0)
        share = float(np.mean(sample < limit))
        if share > MAX_NEGATIVE:
            raise UnusableFrameError(
                f"{share:.0%} of the pixels hold negative intensities, as if a background was subtracted: "
                "give the image as recorded"
            )
    values = two_values(yx_frame)
    if values is not None:
        raise UnusableFrameError(
            f"holds only two values, {values[0]:g} and {values[1]:g}, as a mask or a thresholded image does: "
            "give the image as recorded"
        )
    share = _zeros_in_the_light(yx_frame)
    if share > _MOST_ZEROS:
        raise UnusableFrameError(
            f"{share:.0%} of the pixels in the light are 0, as if a background was subtracted and the rest cut off: "
            "give the image as recorded"
        )


def _zeros_in_the_light(yx_frame: NDArray[Any]) -> float:
    """Return the fraction of pixels that are 0 among non-zero ones, outside the dark area of a stop."""
    if np.mean(_sample(yx_frame) == 0) < _MOST_ZEROS / 2:
        return 0.0
    lit = block_mean(yx_frame, _CELL_PX) >= LIGHT_FLOOR * bright_level(yx_frame)
    zeros = block_mean(yx_frame == 0, _CELL_PX)[lit]
    return float(zeros.mean()) if zeros.size else 0.0


def two_values(yx_frame: NDArray[Any]) -> tuple[float, float] | None:
    """Return the two values of a mask; None for images, even for one of so low a contrast that it has two counts."""
    low, high = float(yx_frame.min()), float(yx_frame.max())
    is_next = yx_frame.dtype.kind in "ui" and high - low == 1
    if low == high or (low > 0 and (is_next or high - low <= _LOW_CONTRAST * high)):
        return None
    for part in (_sample(yx_frame), yx_frame):  # the first pixels nearly always decide
        if not np.all((part == low) | (part == high)):
            return None
    return low, high


def _sample(yx_values: NDArray[Any]) -> NDArray[Any]:
    stride = max(1, int(np.sqrt(yx_values.size / _SAMPLED_PX)))
    return yx_values[::stride, ::stride]


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
