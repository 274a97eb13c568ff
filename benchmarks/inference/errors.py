"""Score the error map against the true error, and the notice of unusual images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.inference.fields import SPOILT, Kind, fields_of, kinds, spoilt_images
from numpy.typing import NDArray
from scipy.stats import spearmanr

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference import predict, predict_with_uncertainty
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.progress import result_of


@dataclass(frozen=True)
class Calibration:
    """How well the map of one kind of field holds.

    Parameters
    ----------
    fields : int
        Number of fields.
    within_one, within_two : float
        Fraction of pixels whose error is within one and two standard deviations.
    rank : float
        Rank correlation of map and error over the pixels of all its fields.
    rmse_rad, sigma_rad : float
        Root mean square of the error, and of the map.
    false_alarms : float
        Fraction of its fields that were called unusual.
    sample : (2, N) ndarray
        Map and error of every fifth pixel of every fifth row.
    """

    fields: int
    within_one: float
    within_two: float
    rank: float
    rmse_rad: float
    sigma_rad: float
    false_alarms: float
    sample: NDArray[np.float32]


def calibration_of(kind: Kind, loaded: LoadedModel, seed: int, count: int) -> Calibration:
    """Predict the fields of a kind, and compare their map with the error."""
    settings = PredictSettings(trust=True, threads=1)
    samples, unusual = [], []
    for frame, yx_truth_rad in fields_of(kind, seed, count):
        prediction = result_of(predict_with_uncertainty(frame, settings, loaded))
        assert prediction.uncertainty is not None  # noqa: S101 - asked for
        sigma, error = prediction.uncertainty.data, np.abs(prediction.phase.data - yx_truth_rad)
        samples.append(np.stack([sigma.ravel(), error.ravel()]))
        unusual.append(prediction.phase.settings["predict"]["unusual_score"] > 1)
    sigma, error = np.concatenate(samples, axis=1)
    thinned = np.stack([sigma[::25], error[::25]])
    return Calibration(
        len(samples),
        float(np.mean(error <= sigma)),
        float(np.mean(error <= 2 * sigma)),
        float(spearmanr(*thinned)[0]),
        float(np.sqrt(np.mean(error**2))),
        float(np.sqrt(np.mean(sigma**2))),
        float(np.mean(unusual)),
        thinned,
    )


def calibrations(loaded: LoadedModel, seed: int, count: int) -> dict[str, Calibration]:
    """Return the calibration of each kind of field."""
    return {kind.name: calibration_of(kind, loaded, seed, count) for kind in kinds()}


def together(name: str, found: dict[str, Calibration]) -> tuple[str, Calibration]:
    """Join the kinds whose names begin with a word: their errors are the same in a whole field, so they need many."""
    own = [one for kind, one in found.items() if kind.startswith(name)]
    fields = [one.fields for one in own]

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=fields))

    sample = np.concatenate([one.sample for one in own], axis=1)
    joined = Calibration(
        sum(fields),
        mean([one.within_one for one in own]),
        mean([one.within_two for one in own]),
        float(spearmanr(*sample)[0]),
        float(np.sqrt(mean([one.rmse_rad**2 for one in own]))),
        float(np.sqrt(mean([one.sigma_rad**2 for one in own]))),
        mean([one.false_alarms for one in own]),
        sample,
    )
    return f"{name}, all objectives", joined


def flagged(name: str, loaded: LoadedModel, seed: int, count: int) -> float:
    """Return the fraction of the images with a planted failure that were called unusual."""
    settings = PredictSettings(threads=1)
    return float(np.mean([score(image, settings, loaded) > 1 for image in spoilt_images(name, seed, count)]))


def score(image: Image, settings: PredictSettings, loaded: LoadedModel) -> float:
    """Return how unusual an image is called; 1 is the limit, and 0 means that it could not be described."""
    phase = result_of(predict(image, settings, loaded))
    return float(phase.settings["predict"].get("unusual_score", 0.0))


def all_flagged(loaded: LoadedModel, seed: int, count: int) -> dict[str, float]:
    """Return the fraction that was noticed of each planted failure."""
    return {name: flagged(name, loaded, seed, count) for name in SPOILT}
