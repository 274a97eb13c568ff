"""Scores of a network on simulated fields that no training has seen, with the all-zero output's beside them."""

import math
from collections.abc import Generator
from types import MappingProxyType

import numpy as np

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.evaluation import evaluate
from napari_contransgan.events import Progress, result_of
from napari_contransgan.inference import predict
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.simulation import simulate_pair

HELD_OUT_SEEDS = MappingProxyType({"hela": 900, "psm": 901})
"""Seeds that no training may use."""

DATA_RANGE_RAD = MappingProxyType({"hela": 4.0, "psm": 1.03})
"""Fixed range for SSIM and PSNR: about the thickest cell, and the peak of a 3 um bead of index contrast 0.03."""


def score_held_out(
    loaded: LoadedModel, settings: SimulationSettings, prediction: PredictSettings | None = None
) -> Generator[Progress, None, dict[str, float]]:
    """Predict held-out fields and average their scores against the true phase.

    Parameters
    ----------
    loaded : LoadedModel
        The network.
    settings : SimulationSettings
        Specimen, objective and number of fields.
    prediction : PredictSettings, optional
        Tiles and device.

    Yields
    ------
    Progress
        One for each field.

    Returns
    -------
    dict
        Means of every figure of `napari_contransgan.evaluation.Scores`; values that are not finite do not count.
        One nearly empty field can lift a mean PSNR, hence ``psnr_db_median``; ``slope_p10`` and ``slope_p90`` are the
        10th and 90th percentile of the fields' slopes. Empty fields have no such scores: ``empty_max_rad`` is the
        largest phase that was invented in any of the ``empty_fields``.
    """
    scores: list[dict[str, float]] = []
    empty_rad: list[float] = []
    for index in range(settings.count):
        lr, truth = simulate_pair(settings, index)
        phase = result_of(predict(lr, prediction or PredictSettings(), loaded))
        if truth.data.min() == truth.data.max():
            empty_rad.append(float(np.abs(phase.data).max()))
        else:
            scores.append(vars(evaluate(phase.data, truth.data, data_range_rad=DATA_RANGE_RAD[settings.specimen])))
        yield Progress(index + 1, settings.count, f"scoring {settings.specimen} {settings.objective}")
    figures = {name: _mean([score[name] for score in scores]) for name in scores[0]} if scores else {}
    if scores:
        low, high = np.nanpercentile([score["slope"] for score in scores], (10, 90))
        figures |= {
            "psnr_db_median": float(np.median([score["psnr_db"] for score in scores])),
            "slope_p10": float(low),
            "slope_p90": float(high),
        }
    return {**figures, "empty_fields": len(empty_rad), "empty_max_rad": max(empty_rad, default=math.nan)}


def _mean(values: list[float]) -> float:
    """Mean of the finite values, nan where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
