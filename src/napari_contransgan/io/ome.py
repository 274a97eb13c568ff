"""Read pixel size, plane heights, times, position and aperture from an OME description."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io.annotation import own_annotation, restored
from napari_contransgan.io.heights import Heights, Positions, settle_heights
from napari_contransgan.io.image import Image
from napari_contransgan.io.tags import PLACEHOLDER_PIXEL, PLACEHOLDER_UM, PLACEHOLDERS, square, tagged_pixel_size
from napari_contransgan.io.units import in_s, in_um, listed_um, number_in, positive

LARGEST_APERTURE = 1.7
CAMERA_TYPES = ("CCD", "IntensifiedCCD", "EMCCD", "CMOS", "EBCCD", "")
"""Detectors whose offset is in counts without light; for others it is a percentage or a voltage."""


def with_ome(path: Path, image: Image, tif: tifffile.TiffFile, element: ElementTree.Element) -> Image:
    """Add the properties in an ``Image`` element, except the wavelengths of channels, which are for fluorescence.

    Parameters
    ----------
    path : Path
        The file.
    image : Image
        Its pixels and axes.
    tif : TiffFile
        The same, open.
    element : Element
        The ``Image`` element of this image.

    Raises
    ------
    InputError
        If the description contains no pixels, the pixels are not square, or our own annotation is damaged.
    """
    root = ElementTree.fromstring(tif.ome_metadata or "")  # noqa: S314 (tifffile has parsed the same text already)
    pixels = element.find("{*}Pixels")
    if pixels is None:
        raise InputError("its OME description holds no image: export it again", source=path)
    own = own_annotation(path, root)
    notes: list[str] = []
    x_um, y_um, z_um = (_length_um(pixels, f"PhysicalSize{axis}", "µm") for axis in "XYZ")
    if own is None and x_um == y_um == PLACEHOLDER_UM:
        if z_um == PLACEHOLDER_UM:
            notes.append(PLACEHOLDERS.format(what="a pixel size and a plane distance"))
            x_um = y_um = z_um = None
        else:
            notes.append(PLACEHOLDER_PIXEL)
    heights, heights_along = _heights(pixels, image.axes, z_um)
    if own is None and "Z" in image.axes:
        notes += heights.notes
    first = pixels.find("{*}Plane")
    # OME's default unit of a position is "reference frame", which is not a length
    position = _length_um(first, "PositionY", None), _length_um(first, "PositionX", None)
    has_z = "Z" in image.axes
    image = replace(
        image,
        pixel_size_um=square(path, x_um, y_um) or tagged_pixel_size(path, tif),
        z_step_um=heights.z_step_um if own or has_z else None,
        z_um=heights.z_um if has_z else heights_along,
        time_step_s=_time_step(pixels) if own or "T" in image.axes else None,
        origin_yx_um=(0.0, 0.0) if position[0] is None or position[1] is None else (position[0], position[1]),
        numerical_aperture=_aperture(root, element),
        z_falls=heights.z_falls and has_z,
        dark_counts=_dark_counts(root, pixels),
        notes=(*image.notes, *notes),
    )
    if not has_z and heights_along is not None:
        image = replace(image, notes=(*image.notes, _misnamed(image.axes[0], heights_along)))
    return restored(path, image, own) if own else image


def _length_um(element: ElementTree.Element | None, name: str, default_unit: str | None) -> float | None:
    if element is None:
        return None
    return in_um(number_in(element.get(name)), element.get(name + "Unit", default_unit))


def _heights(pixels: ElementTree.Element, axes: str, step_um: float | None) -> tuple[Heights, tuple[float, ...] | None]:
    """Return the heights along Z or, for an image without Z, heights that change along time points or channels."""
    if "Z" in axes:
        return settle_heights(step_um, _positions(pixels, "Z")), None
    along = axes[0] if axes[0] in "TC" else ""
    found = _positions(pixels, along) if along else None
    if found is None or not found.is_um or np.ptp(found.stacks[0]) == 0:
        return settle_heights(step_um, None), None
    return settle_heights(step_um, None), tuple(float(f"{z - found.stacks[0][0]:.6g}") for z in found.stacks[0])


def _positions(pixels: ElementTree.Element, letter: str) -> Positions | None:
    """Collect the stated heights of planes along an axis; None unless a stack states all of them in one unit."""
    others = [other for other in "TCZ" if other != letter]
    stacks: dict[tuple[str | None, ...], dict[int, float]] = {}
    units = set()
    for plane in pixels.iterfind("{*}Plane"):
        index, z = number_in(plane.get(f"The{letter}")), number_in(plane.get("PositionZ"))
        if index is not None and z is not None:
            stacks.setdefault(tuple(plane.get(f"The{other}") for other in others), {})[int(index)] = z
            units.add(plane.get("PositionZUnit"))
    count = number_in(pixels.get(f"Size{letter}"))
    whole = [tuple(z for _, z in sorted(stack.items())) for stack in stacks.values() if len(stack) == count]
    if not whole or count == 1 or len(units) > 1:
        return None
    unit = units.pop()
    if in_um(1.0, unit) is None:
        return Positions(tuple(whole), is_um=False)
    return Positions(tuple(tuple(in_um(z, unit) or 0.0 for z in stack) for stack in whole), is_um=True)


def _misnamed(letter: str, heights_um: tuple[float, ...]) -> str:
    name = {"T": "time points", "C": "channels"}[letter]
    return (
        f"The file calls its {len(heights_um)} images {name}, but states a different height for each "
        f"({listed_um(heights_um)}): they are probably focus planes."
    )


def _time_step(pixels: ElementTree.Element) -> float | None:
    """Return the time step: the stated one, else the one from the times of the first and last time points."""
    stated = positive(in_s(number_in(pixels.get("TimeIncrement")), pixels.get("TimeIncrementUnit", "s")))
    if stated is not None:
        return stated
    times: dict[float, float] = {}
    for plane in pixels.iterfind("{*}Plane"):
        index = number_in(plane.get("TheT"))
        time_s = in_s(number_in(plane.get("DeltaT")), plane.get("DeltaTUnit", "s"))
        if index is not None and time_s is not None:
            times.setdefault(index, time_s)
    if 0 not in times or len(times) < 2:
        return None
    last = max(times)
    return positive(float(f"{(times[last] - times[0]) / last:.6g}"))


def _aperture(root: ElementTree.Element, element: ElementTree.Element) -> float | None:
    """Return the NA of the objective that the image refers to."""
    settings = element.find("{*}ObjectiveSettings")
    wanted = None if settings is None else settings.get("ID")
    for objective in root.iterfind("{*}Instrument/{*}Objective"):
        if wanted is not None and objective.get("ID") == wanted:
            aperture = positive(number_in(objective.get("LensNA")))
            return aperture if aperture is not None and aperture < LARGEST_APERTURE else None
    return None


def _dark_counts(root: ElementTree.Element, pixels: ElementTree.Element) -> float | None:
    """Return the dark level: the offset of the camera of the first channel."""
    settings = pixels.find("{*}Channel/{*}DetectorSettings")
    if settings is None:
        return None
    for detector in root.iterfind("{*}Instrument/{*}Detector"):
        if detector.get("ID") == settings.get("ID"):
            if detector.get("Type", "") not in CAMERA_TYPES:
                return None
            return positive(number_in(settings.get("Offset", detector.get("Offset"))))
    return positive(number_in(settings.get("Offset")))
