# mypy: disable-error-code="no-untyped-call"
"""Find the objects of one phase map by threshold and watershed, or take them from labels, and measure each of them."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops_table
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels
from napari_contransgan.optics import check_pixel_size, path_from_phase
from napari_contransgan.quantities import checked_increment, checked_wavelength_um, measured
from napari_contransgan.resampling import block_mean
from napari_contransgan.robust import quieter_sigma
from napari_contransgan.tie.background import background_median

THRESHOLD_SIGMAS = 5.0
LOWEST_THRESHOLD_RAD = 0.1
SMALLEST_AREA_UM2 = 20.0
DEPTH_UM, BODY_UM = 0.5, 2.0
"""Widths of the Gaussians that smooth the distance from an outline, which granules fray, and the phase of a cell."""
NECK = 0.1
"""Objects that touch are split where distance times phase falls by this share of its value in the smaller one."""

LEAST_BACKGROUND = 0.02
"""Fraction of the measured area that must be background for its level to be trusted."""

_LEAST_PATCHES = 8
_ALL_SIDES = np.ones((3, 3), bool)


@dataclass(frozen=True)
class MeasuredObject:
    """One object of a phase map.

    Parameters
    ----------
    frame : int
        Index along time, from 0.
    label : int
        Its value in the label image.
    y_um, x_um : float
        Centre of its area, in the coordinates of the image's origin.
    area_um2 : float
        Area.
    mean_rad, max_rad : float
        Mean and largest phase above the background.
    volume_um2_rad : float
        Optical volume: phase times area.
    dry_mass_pg : float
        Dry mass per area, summed over the area.
    dry_mass_std_pg : float or None
        Standard error of the dry mass; None if neither an uncertainty map nor the background gives one.
    eccentricity : float
        Eccentricity of the ellipse with the object's second moments: 0 for a circle, close to 1 for a line.
    touches_edge : bool
        Whether the frame or an area without phase cuts the object.
    track : int or None
        The same number for the same object in all frames of a time series.
    """

    frame: int
    label: int
    y_um: float
    x_um: float
    area_um2: float
    mean_rad: float
    max_rad: float
    volume_um2_rad: float
    dry_mass_pg: float
    dry_mass_std_pg: float | None
    eccentricity: float
    touches_edge: bool
    track: int | None = None


@dataclass(frozen=True)
class MeasuredFrame:
    """The objects of one frame.

    Parameters
    ----------
    objects : tuple of MeasuredObject
        In the order of their labels.
    yx_labels : (Y, X) ndarray of int32
        The objects' pixels; 0 is background.
    threshold_rad : float or None
        Phase above the background that separates objects from it; None if labels were given.
    notes : tuple of str
        Reasons to doubt the results.
    """

    objects: tuple[MeasuredObject, ...]
    yx_labels: NDArray[np.int32]
    threshold_rad: float | None
    notes: tuple[str, ...] = ()


def find_objects(
    yx_phase_rad: NDArray[np.floating],
    yx_measured: NDArray[np.bool_],
    pixel_size_um: float,
    *,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
) -> tuple[NDArray[np.int32], float]:
    """Find objects above a threshold and split those that touch.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase above the background, in radians.
    yx_measured : (Y, X) ndarray of bool
        Where the map holds a phase.
    pixel_size_um : float
        Pixel size.
    threshold_rad : float or None
        Phase from which on a pixel belongs to an object. None uses five robust standard deviations of the background,
        but at least 0.1 rad.
    smallest_area_um2 : float
        Smaller objects are left out.

    Returns
    -------
    yx_labels : (Y, X) ndarray of int32
        Numbered from 1 in reading order.
    threshold_rad : float
        The threshold that was used.
    """
    if threshold_rad is None:
        threshold_rad = max(THRESHOLD_SIGMAS * quieter_sigma(yx_phase_rad[yx_measured]), LOWEST_THRESHOLD_RAD)
    yx_inside = (yx_phase_rad > threshold_rad) & yx_measured
    yx_depth_um = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(yx_inside) * pixel_size_um, DEPTH_UM / pixel_size_um
    )
    yx_body_rad = ndimage.gaussian_filter(np.where(yx_inside, yx_phase_rad, 0), BODY_UM / pixel_size_um)
    yx_relief = np.log(np.maximum(yx_depth_um * yx_body_rad, 1e-9))
    yx_seeds, _ = ndimage.label(h_maxima(yx_relief, -math.log(1 - NECK)) & yx_inside, _ALL_SIDES)
    yx_regions, regions = ndimage.label(yx_inside, _ALL_SIDES)
    seeded = np.zeros(regions + 1, bool)
    seeded[yx_regions[yx_seeds > 0]] = True
    yx_unseeded = yx_inside & ~seeded[yx_regions]  # regions too thin for a maximum are separate objects
    yx_seeds = np.where(yx_unseeded, yx_regions + yx_seeds.max(), yx_seeds)
    yx_labels = watershed(-yx_relief, yx_seeds, _ALL_SIDES, mask=yx_inside)
    areas_um2 = np.bincount(yx_labels.ravel()) * pixel_size_um**2
    areas_um2[0] = 0
    kept = np.flatnonzero(areas_um2 >= max(smallest_area_um2, pixel_size_um**2))
    first_pixel = ndimage.minimum(np.arange(yx_labels.size).reshape(yx_labels.shape), yx_labels, kept)
    renumbered = np.zeros(len(areas_um2), np.int32)
    renumbered[kept[np.argsort(first_pixel)]] = np.arange(1, len(kept) + 1)
    return renumbered[yx_labels], threshold_rad


def measure_frame(
    phase: Image,
    refractive_increment_um3_per_pg: float,
    *,
    yx_labels: NDArray[np.integer] | None = None,
    yx_std_rad: NDArray[np.floating] | None = None,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
    frame: int = 0,
) -> MeasuredFrame:
    """Measure each object of one phase map.

    Phases are relative to the level of the background; see `napari_contransgan.tie.background.background_median`.

    The standard error of a dry mass assumes that all pixels of an object share one error, since the errors of retrieved
    and predicted phases vary slowly. It is therefore an upper bound if errors vary inside the object. Without an
    uncertainty map, the error is the standard deviation of the means of empty patches as large as the object.

    Parameters
    ----------
    phase : Image
        Phase in radians, axes YX, with pixel size and wavelength.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry matter; um^3/pg is the same as ml/g.
    yx_labels : (Y, X) ndarray of int, optional
        Objects as labels from 1; by default they are found by `find_objects`.
    yx_std_rad : (Y, X) ndarray, optional
        Standard deviation of the phase.
    threshold_rad : float, optional
        Threshold for finding objects.
    smallest_area_um2 : float
        Smaller found objects are left out; given labels are all measured.
    frame : int
        Index along time, recorded in the objects.

    Returns
    -------
    MeasuredFrame

    Raises
    ------
    InputError
        If the image is not a phase map of one frame or states no pixel size or wavelength, if its pixels are not
        finite, if labels or uncertainties have another shape, or if a number is impossible.
    """
    wavelength_um = checked_wavelength_um(phase)
    increment = checked_increment(phase, refractive_increment_um3_per_pg)
    if phase.axes != "YX":
        raise InputError(f"{phase.name}: has axes {phase.axes}: objects are found in one frame: give it as YX")
    pixel_size_um = check_pixel_size(phase.pixel_size_um, phase.name)
    yx_phase_rad = np.asarray(phase.data, np.float64)
    if yx_phase_rad.size == 0 or not np.isfinite(yx_phase_rad).all():  # a uniform map has no objects
        check_pixels(replace(phase, data=yx_phase_rad))
    _check_numbers(phase.name, threshold_rad, smallest_area_um2)
    for what, given in (("labels", yx_labels), ("uncertainty", yx_std_rad)):
        if given is not None and given.shape != yx_phase_rad.shape:
            raise InputError(
                f"{phase.name}: has {_size(yx_phase_rad)} pixels and its {what} {_size(given)}: "
                "give both on the same pixels"
            )
    yx_measured = measured(phase)
    yx_background = yx_measured if yx_labels is None else yx_measured & (yx_labels == 0)
    notes: list[str] = []
    if np.count_nonzero(yx_background) < LEAST_BACKGROUND * np.count_nonzero(yx_measured):
        notes.append(
            f"the labels cover all but {np.count_nonzero(yx_background) / yx_background.size:.1%} of the frame, so the "
            "level of the background is estimated from the covered area too: phases and dry masses may be too low"
        )
        yx_background = yx_measured
    base_rad = background_median(yx_phase_rad[yx_background]) if yx_background.any() else 0.0
    yx_phase_rad = np.where(yx_measured, yx_phase_rad - base_rad, 0.0)
    if yx_labels is None:
        found, threshold_rad = find_objects(
            yx_phase_rad,
            yx_measured,
            pixel_size_um,
            threshold_rad=threshold_rad,
            smallest_area_um2=smallest_area_um2,
        )
    else:
        found, threshold_rad = _as_labels(yx_labels, phase.name), None
    um_per_rad = float(path_from_phase(np.ones(1), wavelength_um)[0])
    pg_per_rad_px = um_per_rad * pixel_size_um**2 / increment
    rows = _rows(yx_phase_rad, found, yx_measured)
    stds_rad_px = _sum_errors(yx_phase_rad, found, yx_measured, yx_std_rad, rows)
    y_um, x_um = phase.origin_yx_um
    objects = tuple(
        MeasuredObject(
            frame=frame,
            label=int(rows["label"][index]),
            y_um=y_um + float(rows["centroid-0"][index]) * pixel_size_um,
            x_um=x_um + float(rows["centroid-1"][index]) * pixel_size_um,
            area_um2=float(rows["area"][index]) * pixel_size_um**2,
            mean_rad=float(rows["intensity_mean"][index]),
            max_rad=float(rows["intensity_max"][index]),
            volume_um2_rad=float(rows["intensity_mean"][index] * rows["area"][index]) * pixel_size_um**2,
            dry_mass_pg=float(rows["intensity_mean"][index] * rows["area"][index]) * pg_per_rad_px,
            dry_mass_std_pg=None if std_rad_px is None else std_rad_px * pg_per_rad_px,
            eccentricity=float(rows["eccentricity"][index]),
            touches_edge=bool(rows["touches_edge"][index]),
        )
        for index, std_rad_px in enumerate(stds_rad_px)
    )
    return MeasuredFrame(objects, found, threshold_rad, tuple(notes))


def _check_numbers(name: str, threshold_rad: float | None, smallest_area_um2: float) -> None:
    if threshold_rad is not None and not 0 < threshold_rad < math.inf:
        raise InputError(f"{name}: a threshold of {threshold_rad:g} rad finds no objects: give one above 0")
    if not 0 <= smallest_area_um2 < math.inf:
        raise InputError(f"{name}: a smallest area of {smallest_area_um2:g} um^2 is not possible: give 0 or more")


def _size(data: NDArray[np.generic]) -> str:
    return " x ".join(map(str, data.shape))


def _as_labels(yx_labels: NDArray[np.integer], name: str) -> NDArray[np.int32]:
    """Convert labels to int32."""
    yx_labels = np.asarray(yx_labels)
    if yx_labels.dtype.kind not in "uib" or (yx_labels.size and int(yx_labels.min()) < 0):
        raise InputError(f"{name}: labels must be whole numbers from 0 (background): give a label image")
    if yx_labels.size and int(yx_labels.max()) > np.iinfo(np.int32).max:
        raise InputError(f"{name}: has a label of {int(yx_labels.max())}: number the objects from 1")
    return yx_labels.astype(np.int32)


def _rows(
    yx_phase_rad: NDArray[np.float64], yx_labels: NDArray[np.int32], yx_measured: NDArray[np.bool_]
) -> dict[str, NDArray[np.generic]]:
    """Measure the area, phase and shape of each label, and whether it is cut."""
    properties = ("label", "area", "centroid", "intensity_mean", "intensity_max", "eccentricity")
    rows: dict[str, NDArray[np.generic]] = regionprops_table(yx_labels, yx_phase_rad, properties=properties)
    yx_outside = np.pad(~yx_measured, 1, constant_values=True)
    yx_edge = ndimage.binary_dilation(yx_outside, _ALL_SIDES)[1:-1, 1:-1]
    rows["touches_edge"] = np.isin(rows["label"], np.unique(yx_labels[yx_edge]))
    return rows


def _sum_errors(
    yx_phase_rad: NDArray[np.float64],
    yx_labels: NDArray[np.int32],
    yx_measured: NDArray[np.bool_],
    yx_std_rad: NDArray[np.floating] | None,
    rows: dict[str, NDArray[np.generic]],
) -> list[float | None]:
    """Estimate the standard error of each object's sum of phases, in radians times pixels."""
    if yx_std_rad is not None:
        sums = np.bincount(yx_labels.ravel(), np.asarray(yx_std_rad, np.float64).ravel())
        return [float(sums[label]) for label in rows["label"].tolist()]
    yx_empty = yx_measured & (yx_labels == 0)
    areas_px = np.asarray(rows["area"], float).tolist()
    sides_px = [max(1, round(math.sqrt(area_px))) for area_px in areas_px]
    spreads = {side_px: _spread_of_patches(yx_phase_rad, yx_empty, side_px) for side_px in set(sides_px)}
    return [
        None if (spread := spreads[side_px]) is None else spread * area_px
        for side_px, area_px in zip(sides_px, areas_px, strict=True)
    ]


def _spread_of_patches(yx_phase_rad: NDArray[np.float64], yx_empty: NDArray[np.bool_], side_px: int) -> float | None:
    """Return the standard deviation of the means of empty patches; None if there are too few."""
    if min(yx_phase_rad.shape) < side_px:
        return None
    shares = block_mean(yx_empty.astype(np.float64), side_px)
    sums = block_mean(np.where(yx_empty, yx_phase_rad, 0.0), side_px)
    enough = shares >= 0.5
    if np.count_nonzero(enough) < _LEAST_PATCHES:
        return None
    return float(np.sqrt(np.mean(np.square(sums[enough] / shares[enough]))))
