"""Check that stored numbers represent light, and apply calibrations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.image import LUMINANCE_WEIGHTS
from napari_contransgan.io.units import number_in

RISING_SHARE = 0.9
"""Fraction of the changes of brightness along a palette that must be increases."""

_PHOTOMETRIC = tifffile.PHOTOMETRIC
_REFUSED: Mapping[int, str] = {
    _PHOTOMETRIC.MINISWHITE: "its smallest number means white: invert it and save it as min-is-black",
    _PHOTOMETRIC.MASK: "is a transparency mask: give the image itself",
    _PHOTOMETRIC.SEPARATED: "holds inks (CMYK), not light: export it as greyscale or RGB",
    _PHOTOMETRIC.CIELAB: "holds CIELAB colours: export it as greyscale or RGB",
    _PHOTOMETRIC.ICCLAB: "holds ICC Lab colours: export it as greyscale or RGB",
    _PHOTOMETRIC.ITULAB: "holds ITU Lab colours: export it as greyscale or RGB",
    _PHOTOMETRIC.CFA: "is a raw colour-filter mosaic: convert it to greyscale or RGB first",
}


def check_meaning(path: Path, page: tifffile.TiffPage) -> None:
    """Raise an error for pages whose numbers do not increase with the light.

    Raises
    ------
    InputError
        For inks, inverted brightness, masks, Lab colours, raw colour mosaics, and palettes whose colours do not get
        brighter with their number.
    """
    reason = _REFUSED.get(int(page.photometric))
    if reason is not None:
        raise InputError(reason, source=path)
    if page.photometric == _PHOTOMETRIC.PALETTE and page.colormap is not None:
        rising = _rising_share(page.colormap)
        if rising <= 1 - RISING_SHARE:
            raise InputError("its palette is inverted (0 is white): invert it and save it as greyscale", source=path)
        if rising < RISING_SHARE:
            raise InputError(
                "its colours do not get brighter with their number in the palette: save it as greyscale", source=path
            )


def _rising_share(colormap: NDArray[np.uint16]) -> float:
    """Return the fraction of brightness changes from colour to colour that are increases; unused black is left out."""
    brightness = np.asarray(LUMINANCE_WEIGHTS) @ colormap.astype(float)
    used = np.flatnonzero(brightness)
    changes = np.diff(brightness[: used[-1] + 1]) if used.size else np.zeros(1)
    total = np.abs(changes).sum()
    return float(np.maximum(changes, 0).sum() / total) if total > 0 else 0.5


def calibrated(data: Any, text: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Apply the calibration that an ImageJ description states, as ImageJ does when it displays a value.

    ImageJ stores signed 16-bit images as unsigned ones with the linear calibration -32768 + 1 n.

    Parameters
    ----------
    data : array
        Stored numbers; a dask array gives a dask array.
    text : mapping
        ImageJ's description.

    Returns
    -------
    data : array
        int16 for ImageJ's signed images, float32 for other linear calibrations, otherwise unchanged.
    notes : tuple of str
        Notes for the user.
    """
    function, offset, slope = number_in(text.get("cf")), number_in(text.get("c0")), number_in(text.get("c1"))
    unit = str(text.get("vunit", "")).strip()
    if function is None:
        return data, ()
    if function != 0 or offset is None or slope is None or slope == 0:
        return data, (f"The file's calibration of grey values{f' ({unit})' if unit else ''} was not applied.",)
    if (offset, slope) == (0, 1):
        return data, ()
    if (offset, slope) == (-32768, 1) and data.dtype == np.uint16:
        return (data.astype(np.int32) - 32768).astype(np.int16), ()
    line = f"{offset:g} {'+' if slope > 0 else '-'} {abs(slope):g} n"
    note = f"The file's calibration was applied: grey values are {line}{f', in {unit}' if unit else ''}."
    if slope < 0:
        note += " Its slope is negative, so the stored image is inverted."
    return (data.astype(np.float32) * np.float32(slope) + np.float32(offset)), (note,)
