"""Say how large the error of a predicted phase is: for each pixel, in radians, and in one sentence for the image.

A small network, trained on simulated fields with a known phase, predicts two quantiles of the absolute error from the
image and its phase. They are turned into one standard deviation and calibrated on fields that it was not trained on, so
that two thirds of the errors are smaller. `tools/error_map` makes the file of its weights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from napari_contransgan.inference.unusual import Classifier, Known, Square, Verdict, context_of, grouped, judged
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
    of_specimen : (G, 4) ndarray
        Logarithm of a further factor for each group of `known` and what an image shows.
    joined : (3,) ndarray
        With eight orientations, the logarithm of the error is the sum of these times 1, the logarithm of the error of
        one, and the logarithm of the spread.
    known : Known
        Squares of training images.
    """

    network: ErrorNetwork
    log_sigma: NDArray[np.float32]
    log_factor: NDArray[np.float32]
    of_specimen: NDArray[np.float32]
    joined: NDArray[np.float32]
    known: Known

    def sigma_rad(
        self,
        yx_contrast: NDArray[np.float32],
        yx_phase_rad: NDArray[np.float32],
        pixel_size_um: float,
        squares: Sequence[Square] | None = None,
    ) -> NDArray[np.float32]:
        """Return the standard deviation of the error of each pixel of a tile, in radians.

        Parameters
        ----------
        yx_contrast, yx_phase_rad : (Y, X) ndarray of float32
            Input of the network that predicted, and its phase; sides are multiples of 4.
        pixel_size_um : float
            Pixel size of the frame.
        squares : sequence of Square, optional
            Those of the tile, if they were described already.
        """
        if squares is None:
            squares = self.known.squares_of_tile(yx_contrast, yx_phase_rad, pixel_size_um)
        squares = [one for one in squares if one.is_lit]
        with torch.inference_mode():
            contrast, phase = (
                torch.from_numpy(np.ascontiguousarray(one))[None, None] for one in (yx_contrast, yx_phase_rad)
            )
            planes = planes_of(contrast, phase, torch.tensor([pixel_size_um], dtype=torch.float32))
            raw = log_sigma(self.network(planes, torch.from_numpy(self._context(squares, pixel_size_um))[None]))
            factor = np.interp(raw.numpy(), self.log_sigma, self.log_factor).astype(np.float32)
            calibrated = full_size(raw + torch.from_numpy(factor)) + self._of_specimen(squares, pixel_size_um)
            return np.asarray(torch.exp(calibrated)[0, 0].numpy(), np.float32)

    def _context(self, squares: Sequence[Square], pixel_size_um: float) -> NDArray[np.float32]:
        if not squares:
            return context_of(np.zeros_like(self.known.centre), pixel_size_um)
        return np.asarray(np.mean([one.context for one in squares], axis=0), np.float32)

    def _of_specimen(self, squares: Sequence[Square], pixel_size_um: float) -> float:
        """Return the logarithm of the factor for what a tile shows."""
        if not squares:
            return 0.0
        shares = np.mean([one.specimens for one in squares], axis=0)
        return float(self.of_specimen[self.known.group_of(pixel_size_um)] @ shares)

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
    limits = arrays["known.limits"]
    count = sum(name.startswith("classifier.weights") for name in arrays)
    layers = tuple((arrays[f"classifier.weights.{one}"], arrays[f"classifier.biases.{one}"]) for one in range(count))
    known = Known(
        grouped(
            arrays["known.pixel_sizes_um"],
            arrays["known.features"].astype(np.float32),
            arrays["known.specimens"].astype(np.intp),
        ),
        arrays["known.centre"],
        arrays["known.scale"],
        float(limits[0]),
        Classifier(layers, float(limits[1])),
        float(limits[2]),
    )
    log_sigma, log_factor, of_specimen = (
        arrays[f"calibration.{name}"] for name in ("log_sigma", "log_factor", "of_specimen")
    )
    return ErrorModel(network, log_sigma, log_factor, of_specimen, arrays["joined"], known)


@dataclass
class ImageVerdict:
    """Collects what the tiles of an image say about its errors.

    Parameters
    ----------
    model : ErrorModel
        The model.
    """

    model: ErrorModel
    _squares: list[Square] = field(default_factory=list)
    _samples: list[NDArray[np.float32]] = field(default_factory=list)

    def look_at(
        self, squares: Sequence[Square], yx_phase_rad: NDArray[np.float32], yx_sigma_rad: NDArray[np.float32] | None
    ) -> None:
        """Learn about a tile, and keep a sample of its pixels.

        Parameters
        ----------
        squares : sequence of Square
            Its squares.
        yx_phase_rad : (Y, X) ndarray of float32
            Its phase.
        yx_sigma_rad : (Y, X) ndarray of float32 or None
            The error, infinite where there was no light. It is enlarged in place in unusual squares.
        """
        self._squares += squares
        if yx_sigma_rad is None:
            return
        for one in squares:
            if one.is_lit and one.unusual > self.model.known.far:
                yx_sigma_rad[one.place] *= UNUSUAL_FACTOR
        step = 1 + int(np.sqrt(yx_sigma_rad.size / 4000))
        sample = np.stack([yx_phase_rad[::step, ::step].ravel(), yx_sigma_rad[::step, ::step].ravel()])
        self._samples.append(sample[:, np.isfinite(sample[1])])

    @property
    def unusual(self) -> Verdict:
        """Return how unlike the training images the image is."""
        return judged(self._squares, self.model.known.far)

    def figures(self) -> dict[str, float | str]:
        """Return how unusual the image is, its typical error, the share not to be trusted, and both in words."""
        unusual = self.unusual
        of_image: dict[str, float | str] = {"unusual_score": unusual.score} if self._squares else {}
        phase, sigma = np.concatenate(self._samples, axis=1) if self._samples else np.zeros((2, 0))
        if sigma.size == 0:
            return of_image
        on_specimen = np.abs(phase) > SPECIMEN_RAD
        counted = sigma[on_specimen] if on_specimen.mean() > 0.005 else sigma
        typical = float(np.sqrt(np.mean(np.square(counted))))
        doubtful = (sigma > TOLERATED_RAD) & (sigma > TOLERATED_SHARE * np.abs(phase))
        share = float(np.mean(doubtful))
        if unusual.note:
            share = max(share, unusual.share)
        percent = "less than 1 %" if share < 0.01 else f"{share * 100:.0f} %"
        return {
            **of_image,
            "typical_error_rad": typical,
            "doubtful_share": share,
            "error_in_words": f"typical error {typical:.2g} rad; not to be trusted in {percent} of the area",
        }


def joined_figures(of_frames: Iterable[dict[str, float | str]]) -> dict[str, float | str]:
    """Return the figures of the frame of a series with the largest typical error, or else of the most unusual one."""

    def worst(one: dict[str, float | str]) -> tuple[float, float]:
        return float(one.get("typical_error_rad", -1.0)), float(one.get("unusual_score", -1.0))

    return max(of_frames, key=worst, default={})
