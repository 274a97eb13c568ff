"""Measure all frames of a phase map, and link their objects over time."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import MeasureSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.measuring.objects import MeasuredFrame, MeasuredObject, measure_frame
from napari_contransgan.measuring.tracks import link_objects
from napari_contransgan.notes import join_notes
from napari_contransgan.progress import Progress

PREDICTED_NOTE = (
    "the phase was predicted by a network from one image: errors that it makes with every orientation of the image are "
    "not part of the standard errors, which are therefore too small"
)


@dataclass(frozen=True)
class Measurement:
    """The objects of a phase map.

    Parameters
    ----------
    objects : tuple of MeasuredObject
        Objects of all frames, linked over time if there are several.
    labels : ndarray of int32
        The objects' pixels, in the shape of the phase map.
    thresholds_rad : tuple of float or None
        Threshold of each frame; None if labels were given.
    notes : tuple of str
        What makes the numbers doubtful.
    """

    objects: tuple[MeasuredObject, ...]
    labels: NDArray[np.int32]
    thresholds_rad: tuple[float | None, ...]
    notes: tuple[str, ...] = ()


def measure_objects(
    phase: Image,
    settings: MeasureSettings | None = None,
    *,
    labels: NDArray[np.integer] | None = None,
    uncertainty: Image | None = None,
) -> Generator[Progress, None, Measurement]:
    """Measure each object of a phase map: area, phase, optical volume, dry mass with its standard error, and shape.

    Parameters
    ----------
    phase : Image
        Phase in radians, axes YX or TYX, with pixel size and wavelength. A dask array is read frame by frame.
    settings : MeasureSettings, optional
        Settings for finding objects.
    labels : ndarray of int, optional
        Objects as labels from 1, in the shape of the phase map or of one frame, for all frames alike.
    uncertainty : Image, optional
        Standard deviation of the phase in radians, in the shape of the phase map.

    Yields
    ------
    Progress
        After each frame.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        If the maps cannot be used or do not belong together.
    """
    settings = settings or MeasureSettings()
    if phase.axes not in ("YX", "TYX"):
        raise InputError(f"{phase.name}: has axes {phase.axes}: give one phase map (YX) or a time series (TYX)")
    if uncertainty is not None and uncertainty.quantity != "phase-std":
        raise InputError(f"{uncertainty.name}: holds {uncertainty.quantity}: give the uncertainty of the phase")
    frames: list[MeasuredFrame] = []
    count = 1 if phase.axes == "YX" else len(phase.data)
    for index in range(count):
        frame = replace(phase, data=_frame_of(phase.data, index, count), axes="YX")
        yx_std_rad = None if uncertainty is None else np.asarray(_frame_of(uncertainty.data, index, count))
        frames.append(
            measure_frame(
                frame,
                settings.refractive_increment_um3_per_pg,
                yx_labels=None if labels is None else np.asarray(_frame_of(labels, index, count)),
                yx_std_rad=yx_std_rad,
                threshold_rad=settings.threshold_rad,
                smallest_area_um2=settings.smallest_area_um2,
                rim_um=settings.rim_um,
                frame=index,
            )
        )
        yield Progress(index + 1, count, f"frame {index + 1}: {len(frames[-1].objects)} objects")
    objects = tuple(one for frame in frames for one in frame.objects)
    if count > 1:
        objects = link_objects(objects, settings.largest_step_um, settings.frames_missing)
    zyx_labels = np.stack([frame.yx_labels for frame in frames])
    return Measurement(
        objects,
        zyx_labels[0] if phase.axes == "YX" else zyx_labels,
        tuple(frame.threshold_rad for frame in frames),
        (*join_notes([frame.notes for frame in frames]), *([PREDICTED_NOTE] if "predict" in phase.settings else [])),
    )


def _frame_of(data: NDArray[np.generic], index: int, count: int) -> NDArray[np.generic]:
    """Return one frame; a single frame is used for all."""
    if data.ndim == 2:
        return data
    if len(data) != count:
        raise InputError(f"{len(data)} frames were given for a phase map of {count}: give one for each, or one for all")
    frame: NDArray[np.generic] = data[index]
    return frame
