"""Say how large the error of a predicted phase is: for each pixel, in radians, and in one sentence for the image.

A small network, trained on simulated fields with a known phase, predicts two quantiles of the absolute error from the
image and its phase. They are turned into one standard deviation and calibrated on fields that it was not trained on, so
that two thirds of the errors are smaller. `tools/error_map` makes the file of its weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from napari_contransgan.inference.unusual import Known, Verdict, features_of, judged, squares_of
from napari_contransgan.models.error_network import ErrorNetwork, full_size, log_sigma, planes_of

WEIGHTS = Path(__file__).parent / "weights" / "error_map.safetensors"

TOLERATED_RAD = 0.15
TOLERATED_SHARE = 0.5
"""A phase is not to be trusted where its error exceeds the first and this fraction of the phase."""
SPECIMEN_RAD = 0.1
"""Phase above which a pixel counts as specimen for the typical error."""
UNUSUAL_FACTOR = 1.5
"""Factor for the error in squares that are unlike all training images."""


@dataclass(frozen=True)
class ErrorModel:
    """The network of the error map, its calibration, and what training images look like.

    Parameters
    ----------
    network : ErrorNetwork
        Predicts quantiles of the error.
    log_sigma, log_factor : (K,) ndarray
        Logarithm of the standard deviation before calibration, and of the factor that calibrates it.
    joined : (3,) ndarray
        With eight orientations, the logarithm of the error is the sum of these times 1, the logarithm of the error of
        one, and the logarithm of the spread.
    known : Known
        Squares of training images.
    """

    network: ErrorNetwork
    log_sigma: NDArray[np.float32]
    log_factor: NDArray[np.float32]
    joined: NDArray[np.float32]
    known: Known

    def sigma_rad(
        self, yx_contrast: NDArray[np.float32], yx_phase_rad: NDArray[np.float32], pixel_size_um: float
    ) -> NDArray[np.float32]:
        """Return the standard deviation of the error of each pixel of a tile, in radians.

        Parameters
        ----------
        yx_contrast, yx_phase_rad : (Y, X) ndarray of float32
            Input of the network that predicted, and its phase; sides are multiples of 4.
        pixel_size_um : float
            Pixel size of the frame.
        """
        with torch.inference_mode():
            contrast, phase = (
                torch.from_numpy(np.ascontiguousarray(one))[None, None] for one in (yx_contrast, yx_phase_rad)
            )
            planes = planes_of(contrast, phase, torch.tensor([pixel_size_um], dtype=torch.float32))
            raw = log_sigma(self.network(planes))
            factor = np.interp(raw.numpy(), self.log_sigma, self.log_factor).astype(np.float32)
            calibrated = full_size(raw + torch.from_numpy(factor))
            return np.asarray(torch.exp(calibrated)[0, 0].numpy(), np.float32)

    def joined_rad(self, yx_sigma_rad: NDArray[np.float32], yx_spread_rad: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standard deviation of the mean of eight orientations.

        Parameters
        ----------
        yx_sigma_rad : (Y, X) ndarray
            That of a single one.
        yx_spread_rad : (Y, X) ndarray
            Standard deviation of the eight.
        """
        level, of_sigma, of_spread = self.joined
        logs = level + of_sigma * np.log(yx_sigma_rad) + of_spread * np.log(yx_spread_rad + 1e-3)
        return np.asarray(np.exp(logs), np.float32)


@lru_cache(maxsize=1)
def load_error_model(path: Path = WEIGHTS) -> ErrorModel:
    """Read the model that comes with the package."""
    tensors = load_file(path)
    network = ErrorNetwork().eval()
    own = {name.removeprefix("network."): one for name, one in tensors.items() if name.startswith("network.")}
    network.load_state_dict(own)
    arrays = {name: one.numpy() for name, one in tensors.items()}
    known = Known(
        arrays["known.pixel_sizes_um"],
        arrays["known.features"].astype(np.float32),
        arrays["known.centre"],
        arrays["known.scale"],
        float(arrays["known.limits"][0]),
        float(arrays["known.limits"][1]),
    )
    calibration = arrays["calibration.log_sigma"], arrays["calibration.log_factor"]
    return ErrorModel(network, *calibration, arrays["joined"], known)


@dataclass
class ImageVerdict:
    """Collects what the tiles of an image say about its errors.

    Parameters
    ----------
    model : ErrorModel
        The model.
    pixel_size_um : float
        Pixel size of the image.
    """

    model: ErrorModel
    pixel_size_um: float
    _distances: list[tuple[float, str]] = field(default_factory=list)
    _samples: list[NDArray[np.float32]] = field(default_factory=list)

    def look_at(
        self, yx_contrast: NDArray[np.float32], yx_phase_rad: NDArray[np.float32], yx_sigma_rad: NDArray[np.float32]
    ) -> None:
        """Describe the squares of a tile, and keep a sample of its pixels.

        Parameters
        ----------
        yx_contrast, yx_phase_rad, yx_sigma_rad : (Y, X) ndarray of float32
            The part of the tile that belongs to the image. The error is infinite where there was no light, and is
            enlarged in place in unusual squares.
        """
        for place in squares_of((yx_contrast.shape[0], yx_contrast.shape[1])):
            if not np.isfinite(yx_sigma_rad[place]).mean() > 0.9:
                continue
            distance = self.model.known.distance(
                features_of(yx_contrast[place], yx_phase_rad[place]), self.pixel_size_um
            )
            self._distances.append(distance)
            if distance[0] > self.model.known.far:
                yx_sigma_rad[place] *= UNUSUAL_FACTOR
        step = 1 + int(np.sqrt(yx_sigma_rad.size / 4000))
        sample = np.stack([yx_phase_rad[::step, ::step].ravel(), yx_sigma_rad[::step, ::step].ravel()])
        self._samples.append(sample[:, np.isfinite(sample[1])])

    @property
    def unusual(self) -> Verdict:
        """Return how unlike the training images the image is."""
        return judged(self._distances, self.model.known)

    def figures(self) -> dict[str, float | str]:
        """Return the typical error, the share that is not to be trusted, and both in words."""
        phase, sigma = np.concatenate(self._samples, axis=1) if self._samples else np.zeros((2, 0))
        if sigma.size == 0:
            return {}
        on_specimen = np.abs(phase) > SPECIMEN_RAD
        counted = sigma[on_specimen] if on_specimen.mean() > 0.005 else sigma
        typical = float(np.sqrt(np.mean(np.square(counted))))
        doubtful = (sigma > TOLERATED_RAD) & (sigma > TOLERATED_SHARE * np.abs(phase))
        share = float(np.mean(doubtful))
        unusual = self.unusual
        if unusual.note:
            share = max(share, unusual.share)
        percent = "less than 1 %" if share < 0.01 else f"{share * 100:.0f} %"
        return {
            "typical_error_rad": typical,
            "doubtful_share": share,
            "unusual_score": unusual.score,
            "error_in_words": f"typical error {typical:.2g} rad; not to be trusted in {percent} of the area",
        }


def joined_figures(of_frames: Iterable[dict[str, float | str]]) -> dict[str, float | str]:
    """Return the figures of the frame of a series with the largest typical error."""
    return max(of_frames, key=lambda one: float(one.get("typical_error_rad", -1.0)), default={})
