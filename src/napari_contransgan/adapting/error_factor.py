"""Calibrate the error map of an adapted network on the part that was kept back."""

from collections.abc import Sequence

import numpy as np

from napari_contransgan.adapting.scores import LEAST_WEIGHT, Applied, comparable
from napari_contransgan.adapting.split import Part
from napari_contransgan.inference.error_map import load_error_model
from napari_contransgan.models.error_network import BLOCK_PX, QUANTILES

FACTOR_RANGE = (0.5, 5.0)


def error_factor(parts: Sequence[Part], applied: Applied) -> float:
    """Return the factor by which the errors on the kept-back parts exceed those that the error map expects.

    The error is the difference from TIE's phase, so it includes the errors of TIE.

    Parameters
    ----------
    parts : sequence of Part
        The parts that were kept back.
    applied : Applied
        The adapted network.
    """
    model, ratios = load_error_model(), []
    for part in parts:
        side_y, side_x = (side // BLOCK_PX * BLOCK_PX for side in part.shape_yx)
        known = part.yx_weight.numpy() >= LEAST_WEIGHT
        inside = np.zeros_like(known)
        inside[:side_y, :side_x] = True
        for yx_contrast in part.zyx_contrast:
            yx_phase_rad = applied.phase_rad(yx_contrast)
            phase, label = comparable(part, yx_phase_rad)
            if not phase.size:
                continue
            contrast, predicted = yx_contrast.numpy()[:side_y, :side_x], yx_phase_rad[:side_y, :side_x]
            sigma_rad = np.ones(known.shape, np.float32)
            sigma_rad[:side_y, :side_x] = model.sigma_rad(contrast, predicted, part.field.pixel_size_um)
            ratios.append((np.abs(phase - label) / sigma_rad[known])[inside[known]])
    if not ratios:
        return 1.0
    return float(np.clip(np.quantile(np.concatenate(ratios), QUANTILES[0]), *FACTOR_RANGE))
