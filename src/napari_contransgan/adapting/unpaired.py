"""Frames and phase of different places: the digital microscope is fitted to the frames and turns phase into pairs.

The original network knows the shape of what a frame shows, but not its scale. Its phase of the frame, scaled like the
measured phase of the specimen's cells and with the absorption that the stack shows, is imaged by a digital microscope
and compared with the frame. So focus and condenser are found, which the frame and the stack do not share.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.frames import Frame
from napari_contransgan.adapting.microscope_fit import USUAL_COHERENCE, MicroscopeFit, Parameter, fit
from napari_contransgan.adapting.scores import Applied
from napari_contransgan.adapting.simulated import cell_phase_rad
from napari_contransgan.adapting.stack_fit import aperture_of, describe_microscope, fit_stack
from napari_contransgan.progress import Progress
from napari_contransgan.training.physics import ForwardModel

FIRST_FOCUS = (-1.5, -0.5, 0.5, 1.0, 1.5, 2.5, 4.0)
"""Focus positions to begin from, in units of 0.25 wavelength / NA^2."""
FIRST_COHERENCES = (0.35, 0.8)
MOST_FRAMES = 4
USUAL_SCALE, SCALE_SPREAD = 1.1, 0.13
"""Usual factor between true phase and the network's, and its deviation (relative)."""
CELLS_SPREAD = 0.22
"""Deviation of the factor that a few cells give: those of the frames are not those of the stack."""
FITTING = "fitting the microscope to the frames"


@dataclass(frozen=True)
class _Specimen:
    """Known of the specimen from its stacks: absorption per radian, its deviation, and the mean phase of its cells."""

    absorption_per_rad: float
    absorption_spread: float
    cell_rad: float


def fit_frames(
    fields: Sequence[AdaptField], frames: Sequence[Frame], applied: Applied
) -> Generator[Progress, None, MicroscopeFit]:
    """Find the focus and condenser with which the specimen gives images like the frames.

    Parameters
    ----------
    fields : sequence of AdaptField
        Stacks of the specimen, of any objective.
    frames : sequence of Frame
        Of one objective.
    applied : Applied
        The original network.

    Yields
    ------
    Progress
        Of the fits.

    Returns
    -------
    MicroscopeFit
        Mean of the fits to the frames, each weighted by how well it explains its frame.
    """
    specimen = yield from _specimen(fields)
    predicted = [(frame, applied.phase_rad(frame.yx_contrast)) for frame in frames]
    predicted = sorted(predicted, key=lambda one: -float(one[1].std()))[:MOST_FRAMES]
    own_rad = cell_phase_rad(np.concatenate([yx_phase_rad.ravel() for _, yx_phase_rad in predicted]))
    scale, spread = _expected_scale(specimen.cell_rad, own_rad)
    fits: list[MicroscopeFit] = []
    for frame, yx_phase_rad in predicted:
        shown = replace(
            fields[0],
            name=frame.name,
            zyx_contrast=frame.yx_contrast[None],
            yx_label_rad=torch.from_numpy(yx_phase_rad),
            yx_weight=torch.from_numpy(frame.yx_known.astype(np.float32)),
            focus_index=0,
            pixel_size_um=frame.pixel_size_um,
            plane_z_um=(0.0,),
        )
        fits.append((yield from _fit_frame(shown, frame, specimen, scale, spread * scale)))
    return _mean(fits)


def simulated_fields(fields: Sequence[AdaptField], frames: Sequence[Frame], found: MicroscopeFit) -> list[AdaptField]:
    """Replace each field's planes by the one that the fitted microscope would record of its phase."""
    noise = float(np.median([frame.noise for frame in frames]))
    return [
        replace(
            field,
            zyx_contrast=_imaged(field.yx_label_rad, found.model)[None],
            focus_index=0,
            pixel_size_um=frames[0].pixel_size_um,
            plane_z_um=(0.0,),
            noise=noise,
            optics=f"fitted to {frames[0].name}: {describe_microscope(found.model)}",
        )
        for field in fields
    ]


def _specimen(fields: Sequence[AdaptField]) -> Generator[Progress, None, _Specimen]:
    cells_rad = [cell_phase_rad(field.yx_label_rad.numpy()) for field in fields if field.has_zero]
    cell_rad = float(np.median(cells_rad)) if cells_rad else 0.0
    if fields[0].plane_z_um:
        found = yield from fit_stack(fields[0])
        if found.is_trusted:
            return _Specimen(found.model.absorption_per_rad, 0.001, cell_rad)
    return _Specimen(0.01, 0.02, cell_rad)


def _expected_scale(cell_rad: float, own_rad: float) -> tuple[float, float]:
    """Combine the usual scale with the one that the cells give, each weighted by the inverse of its variance."""
    if not (cell_rad > 0 and own_rad > 0):
        return USUAL_SCALE, SCALE_SPREAD
    weights = np.array([SCALE_SPREAD, CELLS_SPREAD]) ** -2.0
    logs = np.log([USUAL_SCALE, np.clip(cell_rad / own_rad, 0.5, 2.0)])
    return float(np.exp(weights @ logs / weights.sum())), float(weights.sum() ** -0.5)


def _fit_frame(
    shown: AdaptField, frame: Frame, specimen: _Specimen, scale: float, scale_spread: float
) -> Generator[Progress, None, MicroscopeFit]:
    aperture = aperture_of(frame)
    share_um = 0.25 * shown.wavelength_um / aperture**2
    stated = frame.coherence
    parameters = (
        Parameter(share_um, -30, 30, 4 * share_um, 0.05 * share_um),
        Parameter(specimen.absorption_per_rad, 0.0, 0.3, specimen.absorption_spread, 0.0005),
        Parameter(0.0, -0.2, 0.2, 0.002, 0.001),
        Parameter(min(1.0, stated or USUAL_COHERENCE), 0.1, 1.0, 0.02 if stated else 0.3, 0.02),
        Parameter(scale, 0.4, 2.5, scale_spread, 0.01),
        Parameter(0.0, -4.0, 20.0, 0.5, 0.1),
    )
    starts = [
        np.array([share * share_um, *(one.first for one in parameters[1:3]), coherence, scale, 0.0])
        for share in FIRST_FOCUS
        for coherence in ((min(1.0, stated),) if stated else FIRST_COHERENCES)
    ]
    return (yield from fit(shown, aperture, parameters, starts, FITTING))


def _mean(fits: Sequence[MicroscopeFit]) -> MicroscopeFit:
    """Average fits to several frames of one microscope."""
    weights = np.array([1 / max(one.misfit, 0.01) ** 2 for one in fits])
    weights /= weights.sum()
    values = np.array([(one.model.focus_um, one.model.optics.coherence, one.model.absorption_per_rad) for one in fits])
    focus_um, coherence, absorption_per_rad = map(float, weights @ values)
    model = replace(
        fits[0].model,
        optics=replace(fits[0].model.optics, coherence=coherence),
        focus_um=focus_um,
        absorption_per_rad=absorption_per_rad,
    )
    return MicroscopeFit(model, (0.0,), min(one.misfit for one in fits))


def _imaged(yx_phase_rad: torch.Tensor, model: ForwardModel) -> torch.Tensor:
    """Compute the contrast of a phase map, continued by its mirror image."""
    height, width = yx_phase_rad.shape
    border = min(model.border_px, min(height, width) - 1)
    side = max(height, width) + 2 * border
    padded = np.pad(
        yx_phase_rad.numpy(), ((border, side - height - border), (border, side - width - border)), mode="symmetric"
    )
    with torch.inference_mode():
        contrast = model.contrast(torch.from_numpy(padded)[None, None])[0, 0]
    missing = (max(0, border + height - contrast.shape[0]), max(0, border + width - contrast.shape[1]))
    contrast = torch.from_numpy(np.pad(contrast.numpy(), ((0, missing[0]), (0, missing[1])), mode="edge"))
    return contrast[border : border + height, border : border + width].clone()
