"""Predict phase from bright-field images: in memory, tile by tile into a file, or for folders of files."""

from napari_contransgan.inference.checks import check_input
from napari_contransgan.inference.predicting import Prediction, predict, predict_with_uncertainty

__all__ = ["Prediction", "check_input", "predict", "predict_with_uncertainty"]
