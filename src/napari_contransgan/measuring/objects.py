# mypy: disable-error-code="no-untyped-call"
"""Measure each object of one phase map, found by `find_objects` or given as labels."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops_table

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels
from napari_contransgan.measuring.finding import RIM_UM, SMALLEST_AREA_UM2, find_objects
from napari_contransgan.measuring.standard_errors import FULL_FRAME_RAD, LEAST_BACKGROUND, level_error, sum_errors
from napari_contransgan.optics import check_pixel_size, path_from_phase
from napari_contransgan.quantities import checked_increment, checked_wavelength_um, measured
from napari_contransgan.tie.background import background_median

_LARGEST_PREDICTED_LEVEL_RAD = 0.1
"""A predicted background lies closer to zero; a larger common phase is that of cells."""

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


def measure_frame(
    phase: Image,
    refractive_increment_um3_per_pg: float,
    *,
    yx_labels: NDArray[np.integer] | None = None,
    yx_std_rad: NDArray[np.floating] | None = None,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
    rim_um: float = RIM_UM,
    frame: int = 0,
) -> MeasuredFrame:
    """Measure each object of one phase map.

    Phases are relative to the level of the background; see `napari_contransgan.tie.background.background_median`.
    Retrieved maps keep their zero, which TIE puts where the frame is empty: in a frame full of cells, the most common
    phase is that of cells. Standard errors: see `napari_contransgan.measuring.standard_errors.sum_errors`.

    Where the map holds no phase, there is neither background nor object.

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
    rim_um : float
        How far the thin rim of a found object may reach beyond the threshold; see `find_objects`.
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
    _check_numbers(phase.name, threshold_rad, smallest_area_um2, rim_um)
    for what, other in (("labels", yx_labels), ("uncertainty", yx_std_rad)):
        if other is not None and other.shape != yx_phase_rad.shape:
            raise InputError(
                f"{phase.name}: has {_size(yx_phase_rad)} pixels and its {what} {_size(other)}: "
                "give both on the same pixels"
            )
    yx_measured = measured(phase)
    notes: list[str] = []
    given = None if yx_labels is None else _as_labels(yx_labels, yx_measured, phase.name, notes)
    base_rad = _level(phase, yx_phase_rad, yx_measured, given, notes)
    yx_phase_rad = np.where(yx_measured, yx_phase_rad - base_rad, 0.0)
    if given is None:
        found, threshold_rad = find_objects(
            yx_phase_rad,
            yx_measured,
            pixel_size_um,
            threshold_rad=threshold_rad,
            smallest_area_um2=smallest_area_um2,
            rim_um=rim_um,
        )
    else:
        found, threshold_rad = given, None
    if yx_std_rad is not None:
        level_std_rad = level_error(yx_std_rad, found, yx_measured)
        if level_std_rad > FULL_FRAME_RAD:
            notes.append(
                f"the level of the background is uncertain by {level_std_rad:.2f} rad, since the frame has hardly any "
                "empty background: phases and dry masses are more likely too low than too high"
            )
    um_per_rad = float(path_from_phase(np.ones(1), wavelength_um)[0])
    pg_per_rad_px = um_per_rad * pixel_size_um**2 / increment
    rows = _rows(yx_phase_rad, found, yx_measured)
    errors_rad_px = sum_errors(yx_phase_rad, found, yx_measured, yx_std_rad, pixel_size_um)
    stds_rad_px = [errors_rad_px[label] for label in rows["label"].tolist()]
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


def _check_numbers(name: str, threshold_rad: float | None, smallest_area_um2: float, rim_um: float) -> None:
    if threshold_rad is not None and not 0 < threshold_rad < math.inf:
        raise InputError(f"{name}: a threshold of {threshold_rad:g} rad finds no objects: give one above 0")
    if not 0 <= smallest_area_um2 < math.inf:
        raise InputError(f"{name}: a smallest area of {smallest_area_um2:g} um^2 is not possible: give 0 or more")
    if not 0 <= rim_um < math.inf:
        raise InputError(f"{name}: a rim of {rim_um:g} um is not possible: give 0 or more")


def _size(data: NDArray[np.generic]) -> str:
    return " x ".join(map(str, data.shape))


def _level(
    phase: Image,
    yx_phase_rad: NDArray[np.float64],
    yx_measured: NDArray[np.bool_],
    yx_labels: NDArray[np.int32] | None,
    notes: list[str],
) -> float:
    """Return the level of the background, and note if it cannot be trusted."""
    if "tie_report" in phase.settings:
        return 0.0
    yx_background = yx_measured if yx_labels is None else yx_measured & (yx_labels == 0)
    is_covered = np.count_nonzero(yx_background) < LEAST_BACKGROUND * np.count_nonzero(yx_measured)
    share = np.count_nonzero(yx_background) / yx_background.size
    if is_covered:
        yx_background = yx_measured
    base_rad = background_median(yx_phase_rad[yx_background]) if yx_background.any() else 0.0
    if "predict" in phase.settings and abs(base_rad) > _LARGEST_PREDICTED_LEVEL_RAD:
        return 0.0
    if is_covered:
        notes.append(
            f"the labels cover all but {share:.1%} of the frame, so the level of the background is estimated from the "
            "covered area too: phases and dry masses may be too low"
        )
    return base_rad


def _as_labels(
    yx_labels: NDArray[np.integer], yx_measured: NDArray[np.bool_], name: str, notes: list[str]
) -> NDArray[np.int32]:
    """Convert labels to int32, and drop them where there is no phase."""
    yx_labels = np.asarray(yx_labels)
    if yx_labels.dtype.kind not in "uib" or (yx_labels.size and int(yx_labels.min()) < 0):
        raise InputError(f"{name}: labels must be whole numbers from 0 (background): give a label image")
    if yx_labels.size and int(yx_labels.max()) > np.iinfo(np.int32).max:
        raise InputError(f"{name}: has a label of {int(yx_labels.max())}: number the objects from 1")
    yx_kept = np.where(yx_measured, yx_labels, 0).astype(np.int32)
    dropped = np.setdiff1d(yx_labels, yx_kept).size
    if dropped:
        notes.append(f"{dropped} of the given objects lie where the map holds no phase, and are left out")
    return yx_kept


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
