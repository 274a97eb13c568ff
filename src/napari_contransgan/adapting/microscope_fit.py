"""A microscope fitted to images and the phase that they show, by damped least squares."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, Aberrations
from napari_contransgan.progress import Progress
from napari_contransgan.simulation.image_formation import Optics
from napari_contransgan.training.physics import ForwardModel

WINDOW_PX = 256
LEAST_KNOWN = 0.95
MOST_PLANES = 5
"""Planes to compare, evenly over the stack, besides the one in focus."""
BAND_PX = (2.0, 12.0)
"""The planes are compared between Gaussians of these standard deviations: the contrast of cells and what is in them,
neither camera noise nor uneven light."""
USUAL_COHERENCE = 0.6
LARGEST_SHARPENING = 1.5
"""Largest exponent by which the label is sharpened: finer structure is noise."""
MOST_ROUNDS = 8
FIRST_DAMPING, CLOSE = 0.01, 0.01
PRIOR_WEIGHT = 0.02
"""Weight of a deviation from the expected value, relative to the contrast's power."""
TRUSTED_MISFIT = 0.3
"""Share of the contrast's power that a fitted microscope may leave unexplained."""

FloatMap = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """A fitted quantity: first value, bounds, expected deviation from the first value, and step of the derivative."""

    first: float
    low: float
    high: float
    spread: float
    step: float


@dataclass(frozen=True)
class MicroscopeFit:
    """A microscope that images a phase like the recorded planes.

    Parameters
    ----------
    model : ForwardModel
        The microscope, focused on the plane in focus.
    plane_z_um : tuple of float
        Positions of the planes, relative to the plane in focus.
    misfit : float
        Share of the contrast's power that it does not explain.
    """

    model: ForwardModel
    plane_z_um: tuple[float, ...]
    misfit: float

    @property
    def is_trusted(self) -> bool:
        """Return whether the fit explains the planes."""
        return self.misfit <= TRUSTED_MISFIT


def fit(
    field: AdaptField, aperture: float, parameters: Sequence[Parameter], starts: Sequence[Floats], doing: str
) -> Generator[Progress, None, MicroscopeFit]:
    """Fit a microscope to the planes of a field, from the best of several first values.

    Parameters
    ----------
    field : AdaptField
        Planes and phase.
    aperture : float
        NA of the objective.
    parameters : sequence of Parameter
        Focus, absorption, spherical aberration, S, scale of the phase, and its sharpening.
    starts : sequence of ndarray
        Values of the parameters to begin from.
    doing : str
        Description for the progress.
    """
    images = _Images.of(field, aperture, tuple(parameters))
    rounds = len(starts) + MOST_ROUNDS
    begun = []
    for number, values in enumerate(starts):
        begun.append((images.cost(values), values))
        yield Progress(number + 1, rounds, doing)
    cost, values = min(begun, key=lambda one: one[0])
    damping = FIRST_DAMPING
    for number in range(MOST_ROUNDS):
        step = images.step(values, damping)
        new = np.clip(values + step, images.low, images.high)
        new_cost = images.cost(new)
        yield Progress(len(starts) + number + 1, rounds, doing)
        if new_cost >= cost:
            damping *= 10
            continue
        is_close = new_cost > (1 - CLOSE) * cost
        cost, values, damping = new_cost, new, damping / 3
        if is_close:
            break
    return MicroscopeFit(images.model(values), images.plane_z_um, float(np.sum(images.residual(values) ** 2)))


@dataclass(frozen=True)
class _Images:
    """Part of a stack, and the images that a microscope forms of its phase.

    Parameters
    ----------
    zyx_seen : ndarray, shape (Z, N, N)
        Contrast of the planes in the compared band, with a power of 1 in all.
    yx_phase_rad : ndarray, shape (N + 2 border, N + 2 border)
        Label, continued by its mirror image.
    border : int
        Pixels of the phase beyond the planes.
    power : float
        Of the contrast.
    aperture, wavelength_um, pixel_um : float
        Of the objective, the light and the camera.
    plane_z_um : tuple of float
        Relative to the plane in focus.
    parameters : tuple of Parameter
        Fitted quantities: focus, absorption, spherical aberration, S, scale of the label, its sharpening.
    """

    zyx_seen: NDArray[np.float64]
    yx_phase_rad: FloatMap
    border: int
    power: float
    aperture: float
    wavelength_um: float
    pixel_um: float
    plane_z_um: tuple[float, ...]
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, field: AdaptField, aperture: float, parameters: tuple[Parameter, ...]) -> "_Images":
        """Cut the part with the most structure out of a field."""
        spread = np.linspace(0, len(field.zyx_contrast) - 1, MOST_PLANES).round().astype(int)
        planes = np.unique([*spread, field.plane_z_um.index(0.0)])
        plane_z_um = tuple(field.plane_z_um[plane] for plane in planes)
        reach_um = (max(map(abs, plane_z_um)) + 2 * parameters[0].first) * aperture * (1 + USUAL_COHERENCE)
        window = _window(field)
        side = window[0].stop - window[0].start
        border = min(side - 1, math.ceil(reach_um / MODEL_PIXEL_SIZE_UM))
        yx_phase_rad = np.pad(field.yx_label_rad[window].numpy(), border, mode="symmetric")
        inner = side // 16
        zyx_band = _band(field.zyx_contrast.numpy()[(planes, *window)])[:, inner:-inner, inner:-inner]
        power = float(np.sum(zyx_band**2))
        return cls(
            zyx_band / math.sqrt(power),
            yx_phase_rad,
            border + inner,
            power,
            aperture,
            field.wavelength_um,
            field.pixel_size_um,
            plane_z_um,
            parameters,
        )

    @property
    def low(self) -> Floats:
        """Return the smallest values."""
        return np.array([one.low for one in self.parameters])

    @property
    def high(self) -> Floats:
        """Return the largest values."""
        return np.array([one.high for one in self.parameters])

    def model(self, values: Floats) -> ForwardModel:
        """Return the microscope with these values."""
        focus_um, absorption_per_rad, spherical_um, coherence = map(float, values[:4])
        optics = Optics(
            self.aperture, self.wavelength_um, coherence, aberrations=Aberrations(spherical_um=spherical_um)
        )
        return ForwardModel(optics, focus_um, self.pixel_um, absorption_per_rad)

    def residual(self, values: Floats) -> Floats:
        """Return the part of the contrast that a microscope does not explain."""
        model, (scale, sharpening) = self.model(values), values[4:]
        phase = torch.from_numpy(_sharpened(self.yx_phase_rad, float(sharpening)) * np.float32(scale))
        with torch.inference_mode():
            made = model.through_focus(phase[None, None], [model.focus_um + z_um for z_um in self.plane_z_um])[0]
        end = self.border + self.zyx_seen.shape[-1]
        missing = max(0, end - made.shape[-1])
        zyx_made = np.pad(made.numpy(), ((0, 0), (0, missing), (0, missing)), mode="edge")
        zyx_band = _band(zyx_made)[:, self.border : end, self.border : end]
        return (self.zyx_seen - zyx_band / math.sqrt(self.power)).ravel()

    def cost(self, values: Floats) -> float:
        """Return the misfit, with that to what is expected."""
        return float(np.sum(self.residual(values) ** 2) + np.sum(self._unexpected(values) ** 2))

    def step(self, values: Floats, damping: float) -> Floats:
        """Return a damped Gauss-Newton step."""
        residual = self.residual(values)
        columns = []
        for number, one in enumerate(self.parameters):
            moved = values.copy()
            moved[number] += one.step if values[number] + one.step <= one.high else -one.step
            columns.append((self.residual(moved) - residual) * (one.spread / (moved[number] - values[number])))
        jacobian = np.stack(columns, axis=-1)
        normal = jacobian.T @ jacobian + PRIOR_WEIGHT**2 * np.eye(len(values))
        normal += damping * np.diag(np.diag(normal))
        down = -jacobian.T @ residual - PRIOR_WEIGHT * self._unexpected(values)
        return np.linalg.solve(normal, down) * [one.spread for one in self.parameters]

    def _unexpected(self, values: Floats) -> Floats:
        return PRIOR_WEIGHT * np.array(
            [(value - one.first) / one.spread for value, one in zip(values, self.parameters, strict=True)]
        )


def _window(field: AdaptField) -> tuple[slice, slice]:
    """Return the square of the field with the most structure in which the label is known."""
    height, width = field.yx_label_rad.shape
    side = min(WINDOW_PX, height, width)
    known = field.yx_weight.numpy() > 0
    found = [(-1.0, (slice(0, side), slice(0, side)))]
    for top in range(0, height - side + 1, side // 4):
        for left in range(0, width - side + 1, side // 4):
            here = (slice(top, top + side), slice(left, left + side))
            if known[here].mean() >= LEAST_KNOWN:
                found.append((float(field.yx_label_rad[here].std()), here))
    return max(found, key=lambda one: one[0])[1]


def _band(zyx_contrast: NDArray[np.floating]) -> Floats:
    """Return each plane between two blurs."""
    fine, coarse = (ndimage.gaussian_filter(zyx_contrast.astype(np.float64), (0, px, px)) for px in BAND_PX)
    return np.asarray(fine - coarse)


def _sharpened(yx_phase_rad: FloatMap, variance_px2: float) -> FloatMap:
    """Undo a Gaussian blur of this variance."""
    height, width = yx_phase_rad.shape
    f2 = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None, :] ** 2
    gain = np.exp(np.minimum(2 * np.pi**2 * variance_px2 * f2, LARGEST_SHARPENING))
    return np.fft.irfft2(np.fft.rfft2(yx_phase_rad) * gain, s=(height, width)).astype(np.float32)
