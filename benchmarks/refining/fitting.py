"""Change the predicted phase of a tile as little as possible, until its simulated image is the recorded one.

A network draws the shape of cells well, but often gets their scale wrong: it depends on the focus and the condenser.
If both are known, the image can be simulated. The phase is scaled by a factor and, where there is a specimen, corrected
by a smooth map; the absorption is proportional to the phase. Gradient descent finds the most probable of these that
give the recorded contrast (maximum a posteriori).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_contransgan.training.physics import ForwardModel

SLOW_PX = 61
"""Contrast that is slower than this is not compared, since uneven light is as slow."""
USUAL_ABSORPTION_PER_RAD = 0.012
CORRECTION_WEIGHT, GRADIENT_WEIGHT = 0.02, 30.0
"""Weights of the mean square of the correction and of its gradient, next to that of the difference in contrast, which
is in units of a tenth of the light. Chosen on fields of seeds 4400 to 4407; a weight of 100 for the gradient is as good
as 30, and one of 10 is 0.5 dB worse."""
SPECIMEN_RAD = 0.1
"""Predicted phase at which half of the correction counts, so that noise is not drawn into the background."""
FACTOR_WEIGHT, ABSORPTION_WEIGHT = 0.02, 0.001
"""Weights of the squared logarithms of the factor and of the absorption over the usual one."""
FACTOR_RATE, ABSORPTION_RATE, CORRECTION_RATE = 0.03, 0.05, 0.04

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class FittedTile:
    """A refined tile.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray of float32
        Its phase.
    misfit : float
        What was minimised: smaller for optics that are more probable.
    """

    yx_phase_rad: FloatMap
    misfit: float


def fit_tile(yx_contrast: FloatMap, yx_phase_rad: FloatMap, model: ForwardModel, steps: int) -> FittedTile:
    """Refine the phase of a square tile on the model's grid.

    Parameters
    ----------
    yx_contrast : (H, H) ndarray
        Contrast of the frame, as networks get it.
    yx_phase_rad : (H, H) ndarray
        Predicted phase in radians.
    model : ForwardModel
        Optics and focus. Its absorption is not used, since that of the specimen is fitted.
    steps : int
        Steps of gradient descent.
    """
    recorded = torch.from_numpy(np.ascontiguousarray(yx_contrast, np.float32))[None, None]
    predicted = torch.from_numpy(np.ascontiguousarray(yx_phase_rad, np.float32))[None, None]
    log_factor = torch.zeros((), requires_grad=True)
    log_absorption = torch.zeros((), requires_grad=True)
    correction = torch.zeros_like(predicted, requires_grad=True)
    specimen = predicted.abs() / (predicted.abs() + SPECIMEN_RAD)
    optimiser = torch.optim.Adam(
        [
            {"params": [log_factor], "lr": FACTOR_RATE},
            {"params": [log_absorption], "lr": ABSORPTION_RATE},
            {"params": [correction], "lr": CORRECTION_RATE},
        ]
    )
    compared = quick_part(recorded, model)
    loss = torch.zeros(())

    def corrected() -> torch.Tensor:
        return predicted * torch.exp(log_factor) + specimen * correction

    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        made = model.contrast(corrected(), USUAL_ABSORPTION_PER_RAD * torch.exp(log_absorption))
        difference = quick_part(made, model) - compared[..., : made.shape[-2], : made.shape[-1]]
        loss = (
            difference.square().mean()
            + CORRECTION_WEIGHT * correction.square().mean()
            + GRADIENT_WEIGHT * (correction.diff(dim=-1).square().mean() + correction.diff(dim=-2).square().mean())
            + FACTOR_WEIGHT * log_factor.square()
            + ABSORPTION_WEIGHT * log_absorption.square()
        )
        torch.autograd.backward(loss)
        optimiser.step()
    with torch.no_grad():
        phase = corrected()
    return FittedTile(np.asarray(phase[0, 0].numpy(), np.float32), float(loss.detach()))


def quick_part(contrast: torch.Tensor, model: ForwardModel) -> torch.Tensor:
    """Return the quick part of the contrast, without the border that light from the other side of the tile reaches."""
    half = SLOW_PX // 2
    slow = functional.pad(contrast, (half,) * 4, mode="reflect")
    for window in ((SLOW_PX, 1), (1, SLOW_PX)):
        slow = functional.avg_pool2d(slow, window, stride=1)
    border = model.border_px
    return (contrast - slow)[..., border:-border, border:-border]
