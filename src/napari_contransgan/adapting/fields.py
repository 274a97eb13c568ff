"""Focus stacks as training data: the contrast of each plane, the TIE phase as label, and its reliability."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import TieSettings
from napari_contransgan.counts import stated_dark
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, to_luminance
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame, to_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.robust import robust_sigma
from napari_contransgan.tie import TieResult, retrieve_phase
from napari_contransgan.tie.focus_choice import default_focus_index
from napari_contransgan.tie.heights import heights_of

FloatMap = NDArray[np.float32]

EDGE_UM = 6.5
"""Distance from places without light or data within which the label is not used; defocused light reaches so far."""
LEAST_SIGNAL_RAD, LEAST_SIGNAL_TO_NOISE = 0.04, 3.0
"""A label whose band of cell-sized structure has a smaller standard deviation than this, or than so many times that of
its own noise, is too weak to learn from."""
TRUSTED_STD_RAD = 0.15
"""Uncertainty of the label at which a pixel has half its weight."""
FEW_EMPTY = 0.05
"""Share of empty background below which TIE cannot determine the zero of the phase and its slow changes."""
DRIFT_MATTERS_PX = 0.3
FOCUS_COUNTS = 2
"""Weight of the plane in focus relative to another: frames are taken there, where contrast is lowest."""


@dataclass(frozen=True)
class AdaptField:
    """One field of view of the specimen on the model's grid.

    Parameters
    ----------
    name : str
        Of the stack.
    zyx_contrast : Tensor, float32, shape (Z, Y, X)
        Contrast of each plane, in units of the reference contrast.
    yx_label_rad : Tensor, float32, shape (Y, X)
        TIE phase.
    yx_weight : Tensor, float32, shape (Y, X)
        Reliability of the label: 1 full, 0 none.
    focus_index : int or None
        Plane whose focus is that of the frames to predict: the middle one, unless another is stated. None if all planes
        have equal weight.
    has_zero : bool
        Whether TIE determines the zero of the phase; if not, only differences over short distances count.
    pixel_size_um, wavelength_um : float
        Of the stack as recorded.
    optics : str
        Description of the objective from the file.
    notes : tuple of str
        Notes for the user.
    plane_z_um : tuple of float
        Positions of the planes relative to the one in focus; empty if they are not known.
    numerical_aperture, coherence : float or None
        NA and S of the planes, where they are stated.
    noise : float
        Standard deviation of the camera's noise, relative to the background.
    """

    name: str
    zyx_contrast: torch.Tensor
    yx_label_rad: torch.Tensor
    yx_weight: torch.Tensor
    focus_index: int | None
    has_zero: bool
    pixel_size_um: float
    wavelength_um: float
    optics: str = ""
    notes: tuple[str, ...] = ()
    plane_z_um: tuple[float, ...] = ()
    numerical_aperture: float | None = None
    coherence: float | None = None
    noise: float = 0.0

    @property
    def plane_counts(self) -> tuple[int, ...]:
        """Return the weight of each plane in training and in scores."""
        return tuple(FOCUS_COUNTS if plane == self.focus_index else 1 for plane in range(len(self.zyx_contrast)))

    def only(self, plane: int) -> "AdaptField":
        """Return the field with one of its planes, as the one in focus."""
        return replace(self, zyx_contrast=self.zyx_contrast[plane : plane + 1], focus_index=0, plane_z_um=(0.0,))


def field_of_stack(stack: Image, settings: TieSettings) -> Generator[Progress, None, AdaptField]:
    """Retrieve the phase of a focus stack and turn both into training data.

    Parameters
    ----------
    stack : Image
        Axes ZYX; only the first time point of a series is used.
    settings : TieSettings
        Settings of the phase retrieval.

    Yields
    ------
    Progress
        Of the phase retrieval.

    Raises
    ------
    InputError
        Naming the stack, if its phase cannot be retrieved, its planes seem to be in the wrong order, or it shows
        hardly any specimen.
    """
    stack, notes = _first_time_point(stack)
    tie = yield from retrieve_phase(stack, settings)
    used = tie.phase.settings["tie"]
    report = tie.phase.settings["tie_report"]
    _check_direction(stack.name, report, settings)
    pixel_um = check_pixel_size(used["pixel_size_um"], stack.name)
    zyx_planes, _ = to_luminance(stack)
    zyx_contrast, yx_lit = _contrasts(zyx_planes, settings, pixel_um, report.get("drift_yx_px"))
    stated = settings.focus_index
    frame_plane = default_focus_index(len(zyx_contrast)) if stated is None else stated  # TIE may use another
    yx_label_rad = to_model_grid(torch.from_numpy(np.ascontiguousarray(tie.phase.data, np.float32)), pixel_um)
    yx_weight = _weight(tie, yx_lit, pixel_um)
    has_zero = report.get("empty_share", 1.0) >= FEW_EMPTY
    _check_signal(stack.name, yx_label_rad.numpy(), yx_weight.numpy(), report["median_std_rad"])
    notes += (*tie.notes, *_notes_on_planes(zyx_contrast, yx_weight, frame_plane, stack.name))
    if not has_zero:
        notes += (
            "The field has hardly any empty background, so TIE cannot find the slow part of the phase: the network "
            "learns and is scored on structure of up to about 80 um only. A field with empty places teaches more.",
        )
    return AdaptField(
        stack.name,
        zyx_contrast,
        yx_label_rad,
        yx_weight,
        frame_plane,
        has_zero,
        pixel_um,
        float(used["wavelength_um"]),
        _optics(used),
        notes,
        _plane_z_um(stack, settings, len(zyx_contrast), frame_plane),
        used.get("numerical_aperture"),
        used.get("coherence"),
        noise_of(np.asarray(zyx_planes.data)[frame_plane]),
    )


def _first_time_point(stack: Image) -> tuple[Image, tuple[str, ...]]:
    if "T" not in stack.axes or "Z" not in stack.axes:
        return stack, ()
    index = (slice(None),) * stack.axes.index("T") + (0,)
    first = replace(stack, data=np.asarray(stack.data[index]), axes=stack.axes.replace("T", ""), time_step_s=None)
    return first, (f"{stack.name}: only the first time point is used.",)


def _plane_z_um(stack: Image, settings: TieSettings, count: int, focus_index: int) -> tuple[float, ...]:
    """Return the positions of the planes along the light's path, relative to the one in focus."""
    rising_um = heights_of(stack, settings, count, focus_index).rising_um
    sign = -1 if settings.flip_z else 1
    return tuple(sign * (z_um - rising_um[focus_index]) for z_um in rising_um)


def noise_of(yx_plane: NDArray[np.generic]) -> float:
    """Estimate the noise of a plane relative to its light, from differences along both axes that cells hardly have."""
    light = np.asarray(yx_plane, np.float32)
    fine = (light[1:, 1:] - light[1:, :-1] - light[:-1, 1:] + light[:-1, :-1]) / 2
    return robust_sigma(fine) / max(float(np.median(light)), 1e-6)


def _check_direction(name: str, report: dict[str, object], settings: TieSettings) -> None:
    if report.get("direction") == "contradicts" and settings.specimen_sign == "auto":
        raise InputError(
            f"{name}: the specimen comes out with less phase than its surroundings, so the planes probably are in "
            f"order of falling z, and the network would learn everything upside down: flip z, or state a negative sign "
            f"of the specimen if its index really is below that of its medium"
        )


def _contrasts(
    stack: Image, settings: TieSettings, pixel_um: float, drift_yx_px: object
) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    """Return the drift-corrected contrast of each plane on the model's grid, and where every plane has light."""
    dark = stated_dark(settings.dark, stack)
    height, width = stack.data.shape[-2:]
    contrasts, lit = [], np.ones((height, width), np.bool_)
    for yx_plane in np.asarray(stack.data).reshape(-1, height, width):
        try:
            yx_light, _ = light_of_frame(yx_plane, dark)
        except InputError as error:
            raise InputError(f"{stack.name}: {error}") from error
        contrast, plane_lit = contrast_on_model_grid(yx_light, pixel_um)
        contrasts.append(contrast)
        lit &= plane_lit
    if isinstance(drift_yx_px, Sequence) and len(drift_yx_px) == len(contrasts):
        scale = pixel_um / MODEL_PIXEL_SIZE_UM
        contrasts = [_moved_back(one, drift, scale) for one, drift in zip(contrasts, drift_yx_px, strict=True)]
    return torch.stack(contrasts), lit


def _moved_back(yx_contrast: torch.Tensor, drift_yx_px: Sequence[float], scale: float) -> torch.Tensor:
    if max(map(abs, drift_yx_px)) < DRIFT_MATTERS_PX:
        return yx_contrast
    shift = [-value * scale for value in drift_yx_px]
    return torch.from_numpy(ndimage.shift(yx_contrast.numpy(), shift, order=3, mode="nearest").astype(np.float32))


def _weight(tie: TieResult, yx_lit: NDArray[np.bool_], pixel_um: float) -> torch.Tensor:
    """Return the label's reliability, which falls with its uncertainty and is 0 near places without light or phase."""
    std_rad = np.asarray(tie.uncertainty.data, np.float32)
    known = np.isfinite(std_rad) & yx_lit
    if not known.all():
        away_um = ndimage.distance_transform_edt(known) * pixel_um
        known = away_um > EDGE_UM
    weight = np.where(known, 1 / (1 + (np.where(known, std_rad, 0) / TRUSTED_STD_RAD) ** 2), 0)
    on_grid = to_model_grid(torch.from_numpy(weight.astype(np.float32)), pixel_um)
    is_known = to_model_grid(torch.from_numpy(known.astype(np.float32)), pixel_um) > 0.5
    return on_grid.clamp(0, 1) * is_known


def _check_signal(name: str, yx_label_rad: FloatMap, yx_weight: FloatMap, noise_rad: float) -> None:
    if not (yx_weight > 0).any():
        raise InputError(f"{name}: TIE finds no phase anywhere in this stack: record another one, evenly lit")
    band_rad = ndimage.gaussian_filter(yx_label_rad, 2.0) - ndimage.gaussian_filter(yx_label_rad, 40.0)
    signal_rad = float(band_rad[yx_weight > 0].std())
    needed_rad = max(LEAST_SIGNAL_RAD, LEAST_SIGNAL_TO_NOISE * min(noise_rad, 0.2) / 4)
    if signal_rad < needed_rad:
        raise InputError(
            f"{name}: shows hardly any specimen: its phase varies by {signal_rad:.3f} rad, and {needed_rad:.3f} rad "
            f"are needed to learn from: take the stack where there are cells"
        )


def _notes_on_planes(zyx_contrast: torch.Tensor, yx_weight: torch.Tensor, focus: int, name: str) -> tuple[str, ...]:
    """Return notes on too few planes or a doubtful focus: a clear specimen has its lowest contrast in focus."""
    count = len(zyx_contrast)
    if count == 2:
        return (
            f"{name}: two planes give a one-sided and less exact phase: with three or more, at equal distances below "
            f"and above focus, the network learns more.",
        )
    inside = yx_weight > 0
    smooth = [ndimage.gaussian_filter(plane.numpy(), 2.0)[inside.numpy()].std() for plane in zyx_contrast]
    least = int(np.argmin(smooth))
    if least in (0, count - 1) and smooth[least] < 0.8 * smooth[focus]:
        return (
            f"{name}: plane {least}, at the end of the stack, shows the least contrast, as a clear specimen does in "
            f"focus, and not plane {focus}, which counts as the one in focus: the stack may be out of focus.",
        )
    return ()


def _optics(used: dict[str, object]) -> str:
    parts = [f"{used['wavelength_um']:g} um", f"pixels of {used['pixel_size_um']:g} um"]
    if used.get("numerical_aperture"):
        parts.insert(0, f"NA {used['numerical_aperture']:g}, S {used['coherence']:g}")
    return ", ".join(parts)
