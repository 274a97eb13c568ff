"""Score a network on the held-out set of simulated fields, together with an all-zero output."""

import math
from collections.abc import Generator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.config.names import SpecimenName
from napari_contransgan.evaluation import Scores, evaluate
from napari_contransgan.inference import predict
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.simulation.scenes import scene_of_field

DATA_RANGE_RAD = MappingProxyType({"hela": 4.0, "psm": 1.03})
"""Fixed range for SSIM and PSNR: about the thickest cell, and the peak of a 3 um bead of index contrast 0.03."""

SPECIMEN_RAD = 0.02
"""True phase above which a pixel belongs to the specimen."""

DEBRIS_RAD = 0.005
"""True phase above which a pixel of an empty field belongs to debris."""

REACH_UM = 2.0
"""Distance from any object within which a map may be wrong, about the resolution of the low-power lenses."""


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
        Mean of every score of `napari_contransgan.evaluation.Scores`; values that are not finite are left out.
        ``psnr_db_median`` is given too, because one nearly empty field can raise the mean PSNR; ``slope_p10`` and
        ``slope_p90`` are the 10th and 90th percentiles of the fields' slopes. Empty fields, with or without debris,
        have no such scores: ``empty_max_rad`` is the largest phase invented in any of the ``empty_fields``.
    """
    scores: list[dict[str, float]] = []
    empty_rad: list[float] = []
    for index in range(settings.count):
        lr, truth = simulate_pair(settings, index)
        phase = result_of(predict(lr, prediction or PredictSettings(), loaded))
        if scene_of_field(settings, index) == "empty":
            empty_rad.append(invented_rad(phase.data, truth.data))
        else:
            scores.append(vars(score_simulated(phase.data, truth.data, truth.data, settings.specimen)))
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


def score_simulated(
    yx_phase_rad: NDArray[np.floating],
    yx_label_rad: NDArray[np.floating],
    yx_truth_rad: NDArray[np.floating],
    specimen: SpecimenName,
) -> Scores:
    """Score a map of a simulated field with the specimen's fixed range, levelled where the true phase is empty.

    Parameters
    ----------
    yx_phase_rad, yx_label_rad, yx_truth_rad : (Y, X) ndarray
        The map, the label it is compared with, and the true phase, on one grid.
    specimen : {"psm", "hela"}
        Specimen whose range is used.
    """
    return evaluate(
        yx_phase_rad,
        yx_label_rad,
        data_range_rad=DATA_RANGE_RAD[specimen],
        yx_background=known_background(yx_truth_rad),
    )


def known_background(yx_truth_rad: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return where there is empty medium, at least 2 um from any specimen, so that its blur does not count."""
    return _away_from(np.abs(yx_truth_rad) > SPECIMEN_RAD)


def invented_rad(yx_phase_rad: NDArray[np.floating], yx_truth_rad: NDArray[np.floating]) -> float:
    """Return the largest phase that a map of an empty field shows away from debris.

    Parameters
    ----------
    yx_phase_rad, yx_truth_rad : (Y, X) ndarray
        A network's map, and the true phase, which is 0 except for debris.

    Returns
    -------
    float
        In radians; pixels within 2 um of a grain are left out. NaN if debris leaves no pixel.
    """
    free = _away_from(np.abs(yx_truth_rad) > DEBRIS_RAD)
    return float(np.abs(yx_phase_rad[free]).max()) if free.any() else math.nan


def _away_from(yx_things: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not yx_things.any():
        return ~yx_things
    away: NDArray[np.bool_] = ndimage.distance_transform_edt(~yx_things) * MODEL_PIXEL_SIZE_UM > REACH_UM
    return away


def _mean(values: list[float]) -> float:
    """Return the mean of the finite values; NaN if there are none."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
