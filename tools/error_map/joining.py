"""Fit how the error of the mean of eight orientations follows from the error of one and the spread of the eight."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tools.error_map.fields import read_fields

from napari_contransgan.inference.error_map import ErrorModel
from napari_contransgan.inference.tiling import ORIENTATIONS
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.error_network import BLOCK_PX

FIELDS = 16
SIDE_PX = 224


def fit_joined(model: ErrorModel, folder: Path, loaded: LoadedModel) -> NDArray[np.float64]:
    """Fit on some of the fields of the calibration; returns factors of 1, log error and log spread."""
    fields = read_fields(folder, "calibrate")
    chosen = fields[:: max(1, len(fields) // FIELDS)][:FIELDS]
    terms, errors = [], []
    for one in chosen:
        mean, spread = _eight(loaded, one.yx_contrast)
        side = one.yx_contrast.shape[0] // BLOCK_PX * BLOCK_PX
        inner = slice(side), slice(side)
        log_sigma = np.log(model.sigma_rad(one.yx_contrast[inner], one.yx_phase_rad[inner], one.pixel_size_um))
        error = np.abs(mean - one.yx_truth_rad)[:side, :side]
        place = (slice(None, None, 4), slice(None, None, 4))
        columns = [log_sigma[place].ravel(), np.log(spread[:side, :side][place].ravel() + 1e-3)]
        terms.append(np.stack([np.ones_like(columns[0]), *columns], axis=1))
        errors.append(np.log(error[place].ravel() + 1e-4))
    table, target = np.concatenate(terms), np.concatenate(errors)
    factors = np.linalg.lstsq(table, target, rcond=None)[0]
    ratio = target - table @ factors
    one, two = np.quantile(ratio, (0.683, 0.954))
    factors[0] += (one + two - np.log(2)) / 2
    return np.asarray(factors)


def _eight(loaded: LoadedModel, yx_contrast: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = yx_contrast.shape
    padded = np.pad(yx_contrast, [(0, SIDE_PX - height), (0, SIDE_PX - width)], mode="symmetric")
    outputs = []
    with torch.inference_mode():
        for turns, mirrored in ORIENTATIONS:
            turned = np.rot90(padded, turns)
            turned = np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
            output = loaded.model(torch.from_numpy(turned)[None, None])[0, 0].numpy()
            outputs.append(np.rot90(output[:, ::-1] if mirrored else output, -turns)[:height, :width])
    scale = np.float32(loaded.card.phase_ref_rad)
    return np.mean(outputs, axis=0) * scale, np.std(outputs, axis=0) * scale
