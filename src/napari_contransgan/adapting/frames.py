"""Registered frames of one objective and phase of another as training data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.adapting.fields import EDGE_UM, AdaptField, noise_of
from napari_contransgan.adapting.scores import Applied
from napari_contransgan.errors import InputError
from napari_contransgan.evaluation.band import band_pass
from napari_contransgan.evaluation.registration import register
from napari_contransgan.evaluation.scores import correlation
from napari_contransgan.io import Image, to_luminance
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame, to_model_grid
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.resampling import block_mean

LEAST_AGREEMENT = 0.5
"""Correlation of the band-passed maps below which the same field of view is not certain."""
COARSE_STEP = 4
EXTRA_PX = 64
"""Margin around the roughly found position for the fine registration."""
LEAST_SIDE_PX = 96


@dataclass(frozen=True)
class Frame:
    """A bright-field frame on the model's grid.

    Parameters
    ----------
    name : str
        Of the image.
    yx_contrast : Tensor, float32, shape (Y, X)
        In units of the reference contrast.
    yx_known : ndarray of bool, shape (Y, X)
        Where there is light.
    pixel_size_um : float
        As recorded.
    numerical_aperture, coherence : float or None
        NA and S, if the file states them.
    noise : float
        Standard deviation of the camera's noise, relative to the background.
    """

    name: str
    yx_contrast: torch.Tensor
    yx_known: NDArray[np.bool_]
    pixel_size_um: float
    numerical_aperture: float | None = None
    noise: float = 0.0
    coherence: float | None = None


def read_frames(images: Sequence[Image]) -> list[Frame]:
    """Resample bright-field frames to the model's grid; planes and time points become separate frames.

    Raises
    ------
    InputError
        Naming the image that cannot be used.
    """
    return [frame for image in images for frame in _frames_of(image)]


def _frames_of(image: Image) -> list[Frame]:
    if image.quantity != "intensity":
        raise InputError(f"{image.name}: holds {image.quantity}: give bright-field frames as recorded")
    image, _ = to_luminance(image)
    pixel_um = check_pixel_size(image.pixel_size_um, image.name)
    height, width = image.data.shape[-2:]
    frames = []
    for number, yx_frame in enumerate(np.asarray(image.data).reshape(-1, height, width)):
        try:
            yx_light, _ = light_of_frame(yx_frame, image.dark_counts or 0.0)
        except InputError as error:
            raise InputError(f"{image.name}: {error}") from error
        contrast, lit = contrast_on_model_grid(yx_light, pixel_um)
        known = ndimage.distance_transform_edt(lit) * pixel_um > EDGE_UM if not lit.all() else lit
        on_grid = to_model_grid(torch.from_numpy(known.astype(np.float32)), pixel_um).numpy() > 0.5
        name = image.name if image.data.ndim == 2 else f"{image.name}, plane {number}"
        noise = noise_of(yx_light)
        frames.append(Frame(name, contrast, on_grid, pixel_um, image.numerical_aperture, noise, image.coherence))
    return frames


def paired_field(frame: Frame, field: AdaptField, applied: Applied) -> AdaptField | None:
    """Pair a frame with a phase map; return None if they do not clearly show the same field of view.

    The network's phase of the frame is registered to the phase map, since both are phase.

    Parameters
    ----------
    frame : Frame
        From the objective whose frames will be predicted.
    field : AdaptField
        Field of view with the label.
    applied : Applied
        The original network.

    Returns
    -------
    AdaptField or None
        On the grid of `field`; None if the maps do not agree.
    """
    moved = registered_onto(
        applied.phase_rad(frame.yx_contrast),
        field.yx_label_rad.numpy(),
        [frame.yx_contrast.numpy(), frame.yx_known.astype(np.float32)],
    )
    if moved is None:
        return None
    (yx_contrast, yx_known), valid = moved
    weight = field.yx_weight * torch.from_numpy((valid & (yx_known > 0.5)).astype(np.float32))
    return replace(
        field,
        name=f"{frame.name} with {field.name}",
        zyx_contrast=torch.from_numpy(yx_contrast)[None],
        yx_weight=weight,
        focus_index=None,
        pixel_size_um=frame.pixel_size_um,
        optics=f"frames of {frame.pixel_size_um:g} um pixels; phase from {field.name}: {field.optics}",
        plane_z_um=(0.0,),
        numerical_aperture=frame.numerical_aperture,
        coherence=frame.coherence,
        noise=frame.noise,
    )


def with_label(field: AdaptField, phase: Image) -> AdaptField:
    """Replace a stack's TIE phase by a phase map, registered to it unless it is on the same grid.

    Raises
    ------
    InputError
        Naming the map, if it is not a phase map, or does not clearly show the same field of view.
    """
    if phase.quantity not in ("phase", "intensity") or phase.data.dtype.kind != "f" or phase.data.ndim != 2:
        raise InputError(f"{phase.name}: is not a phase map: give one map (YX) in radians")
    if not np.isfinite(phase.data).all():
        raise InputError(f"{phase.name}: holds NaN or infinite values: replace them first")
    pixel_um = check_pixel_size(phase.pixel_size_um, phase.name)
    yx_phase_rad = to_model_grid(torch.from_numpy(np.asarray(phase.data, np.float32)), pixel_um).numpy()
    moved = registered_onto(yx_phase_rad, field.yx_label_rad.numpy(), [yx_phase_rad])
    if moved is None:
        raise InputError(
            f"{phase.name}: cannot be registered to {field.name}: they may show different fields of view: give the "
            f"phase map of that field, or leave it out"
        )
    (yx_label_rad,), valid = moved
    weight = torch.from_numpy(valid.astype(np.float32)) * (field.yx_weight > 0)
    return replace(field, yx_label_rad=torch.from_numpy(yx_label_rad), yx_weight=weight)


def registered_onto(
    yx_moving_rad: NDArray[np.float32], yx_fixed_rad: NDArray[np.float32], maps: Sequence[NDArray[np.float32]]
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]] | None:
    """Register a phase map onto another, and transform further maps with it.

    Returns
    -------
    list of ndarray
        The maps on the fixed map's grid.
    ndarray of bool
        Where they have pixels.
    None instead
        If the two phase maps do not agree anywhere.
    """
    place = _rough_place(yx_moving_rad, yx_fixed_rad)
    moving, own = yx_moving_rad[place], [one[place] for one in maps]
    if min(*moving.shape, *yx_fixed_rad.shape) < LEAST_SIDE_PX:
        return None
    found = register(moving, yx_fixed_rad)
    if found.yx_valid.sum() < LEAST_SIDE_PX**2:
        return None
    aligned, fixed = (band_pass(one, found.yx_valid)[found.yx_valid] for one in (found.yx_aligned_rad, yx_fixed_rad))
    if correlation(aligned, fixed) < LEAST_AGREEMENT:
        return None
    return [found.moved(one) for one in own], found.yx_valid


def _rough_place(yx_moving: NDArray[np.float32], yx_fixed: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the part of the moving map that the fixed one covers, with a margin; all of it if it is not larger."""
    whole = (slice(None), slice(None))
    moving, fixed = block_mean(yx_moving, COARSE_STEP), block_mean(yx_fixed, COARSE_STEP)
    if any(own <= other for own, other in zip(moving.shape, fixed.shape, strict=True)) or min(fixed.shape) < 8:
        return whole
    # It loads scipy.stats, almost a second in which the window stutters, and only frames of another objective need it.
    from skimage.feature import match_template  # noqa: PLC0415

    agreement = match_template(moving, fixed)  # type: ignore[no-untyped-call]
    corner = np.unravel_index(int(np.argmax(agreement)), agreement.shape)
    spans = [
        slice(max(0, int(first) * COARSE_STEP - EXTRA_PX), int(first) * COARSE_STEP + side + EXTRA_PX)
        for first, side in zip(corner, yx_fixed.shape, strict=True)
    ]
    return spans[0], spans[1]
