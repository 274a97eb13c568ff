"""Fields on which the error map is scored, and images that it must not trust."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.io import Image
from napari_contransgan.simulation import simulate_pair

SEEDS: Mapping[str, int] = MappingProxyType({"development": 780, "scored": 790})
"""Seed of the fields; the error map is trained and calibrated on 720 to 779, and `reproduce` uses 900 and 901."""
FIELD_PX = 220
OBJECTIVES = ("4x", "10x", "20x", "40x")

WIDE = Variation(
    focus_share=(-1.0, 0.9),
    spherical_um=(-0.05, 0.05),
    coma_um=(0.0, 0.05),
    astigmatism_um=(0.0, 0.05),
    coherence_factor=(0.5, 1.5),
    exposure_factor=(0.4, 1.4),
    unevenness=(0.0, 0.03),
    dust_specks=(0, 2),
    stray_light=(0.0, 0.05),
    clutter=(0.0, 0.012),
    phase_factor=(0.7, 1.4),
    pixel_size_factor=(0.98, 1.02),
    wavelength_factor=(0.98, 1.02),
)


@dataclass(frozen=True)
class Kind:
    """A kind of field.

    Parameters
    ----------
    name : str
        Its name in the table.
    changes : mapping
        Settings of the simulation.
    share : float
        Number of its fields, as a fraction of those of the other kinds.
    """

    name: str
    changes: Mapping[str, Any]
    share: float = 1.0


def kinds() -> Iterator[Kind]:
    """Yield the kinds of `reproduce`, with closed sheets and empty fields apart, and with wide ranges."""
    for objective in OBJECTIVES:
        for specimen, name in (("hela", "cells"), ("psm", "beads")):
            yield Kind(f"{name} {objective}", {"specimen": specimen, "objective": objective, "scene": "mixed"})
    for objective in OBJECTIVES:
        sheet = {"specimen": "hela", "objective": objective, "scene": "confluent"}
        yield Kind(f"sheets {objective}", sheet)
    for objective in OBJECTIVES:
        yield Kind(f"empty {objective}", {"specimen": "hela", "objective": objective, "scene": "empty"}, 0.35)
    for specimen, name in (("hela", "cells"), ("psm", "beads")):
        wide = {"specimen": specimen, "objective": "10x", "scene": "mixed", "variation": WIDE}
        yield Kind(f"{name} 10x, wide ranges", wide)


def settings_of(kind: Kind, seed: int) -> SimulationSettings:
    """Return the settings of the fields of a kind."""
    return SimulationSettings.checked({"seed": seed, "field_px": FIELD_PX, **kind.changes})


def fields_of(kind: Kind, seed: int, count: int) -> Iterator[tuple[Image, NDArray[np.float32]]]:
    """Yield frames and their true phase."""
    settings = settings_of(kind, seed)
    for index in range(max(2, round(count * kind.share))):
        frame, truth = simulate_pair(settings, index)
        yield frame, np.asarray(truth.data)


Spoil = Callable[[Image, NDArray[np.float32], np.random.Generator], Image]


def _counts(values: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint16]:
    return np.asarray(np.clip(rng.poisson(np.maximum(values, 0)), 0, 65535), np.uint16)


def wrong_objective(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """State a pixel size that is half or twice the true one."""
    factor = 2.0 if (frame.pixel_size_um or 1.0) < 0.5 or rng.random() < 0.5 else 0.5
    return replace(frame, pixel_size_um=(frame.pixel_size_um or 1.0) * factor)


def another_specimen(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show a tissue of crossing fibres."""
    height, width = frame.data.shape
    y, x = np.indices((height, width)) * (frame.pixel_size_um or 1.0)
    light = np.ones((height, width))
    for _ in range(40):
        angle, phase, period = rng.uniform(0, np.pi), rng.uniform(0, 6), rng.uniform(4, 9)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + phase)
        envelope = ndimage.gaussian_filter(rng.standard_normal((height, width)), 6)
        light += 0.02 * wave * envelope / envelope.std()
    return replace(frame, data=_counts(light * float(np.median(frame.data)), rng))


def pasted_texture(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Paste a textured patch over a quarter of the image."""
    height, width = frame.data.shape
    texture = ndimage.gaussian_filter(rng.standard_normal((height // 2, width // 2)), 0.8)
    patch = float(np.median(frame.data)) * (1 + 0.12 * texture / texture.std())
    y, x = rng.integers(0, height // 2), rng.integers(0, width // 2)
    data = frame.data.astype(np.float64)
    data[y : y + height // 2, x : x + width // 2] = patch
    return replace(frame, data=np.clip(data, 0, 65535).astype(np.uint16))


def inverted(frame: Image, _truth: NDArray[np.float32], _rng: np.random.Generator) -> Image:
    """Exchange dark and bright."""
    return replace(frame, data=(int(frame.data.max()) + int(frame.data.min()) - frame.data).astype(np.uint16))


def fluorescence(frame: Image, truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show bright cells on a dark background."""
    zoom = [wanted / side for wanted, side in zip(frame.data.shape, truth.shape, strict=True)]
    glow = ndimage.zoom(np.maximum(truth, 0), zoom, order=1)[: frame.data.shape[0], : frame.data.shape[1]]
    spots = ndimage.gaussian_filter(rng.random(frame.data.shape) ** 30, 1.5)
    glow = glow / max(float(glow.max()), 0.1) + spots / spots.max()
    return replace(frame, data=_counts(120 + 1500 * glow, rng))


def screenshot(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show the image in a window with bars, buttons and lines of text, in 8 bits."""
    height, width = frame.data.shape
    data = np.full((height, width), 235.0)
    data[: max(2, height // 12)] = 60
    data[:, : width // 6] = 200
    for row in range(height // 6, height - 3, max(3, height // 20)):
        line = rng.random(width // 6 - 4) < 0.5
        data[row, 2 : 2 + line.size] = np.where(line, 20, 200)
    inset = frame.data[: height * 2 // 3, : width * 2 // 3].astype(np.float64)
    low, high = inset.min(), inset.max()
    data[height // 6 : height // 6 + inset.shape[0], width // 5 : width // 5 + inset.shape[1]] = (
        255 * (inset - low) / max(high - low, 1)
    )
    return replace(frame, data=data.astype(np.uint8))


SPOILT: Mapping[str, Spoil | None] = MappingProxyType(
    {
        "wrong objective": wrong_objective,
        "focus outside the range": None,  # made by the simulation
        "another specimen": another_specimen,
        "pasted texture": pasted_texture,
        "inverted image": inverted,
        "fluorescence": fluorescence,
        "screenshot": screenshot,
    }
)


def spoilt_images(name: str, seed: int, count: int) -> Iterator[Image]:
    """Yield images of one planted failure, of cells and beads at all objectives in turn."""
    for number in range(count):
        yield spoilt_image(name, seed, number)


def spoilt_image(name: str, seed: int, number: int) -> Image:
    """Return one image of a planted failure."""
    spoil = SPOILT[name]
    objective = OBJECTIVES[number % 4]
    changes: dict[str, Any] = {
        "specimen": "psm" if number % 8 >= 4 else "hela",
        "objective": objective,
        "scene": "dense" if number % 3 else "sparse",
    }
    if spoil is None:
        side = -1 if number % 2 else 1
        changes["variation"] = Variation(focus_share=tuple(sorted((5.0 * side, 3.5 * side))))
        changes["field_px"] = 300 if objective == "4x" else FIELD_PX
    settings = SimulationSettings.checked({"seed": seed, "field_px": FIELD_PX, **changes})
    frame, truth = simulate_pair(settings, 1000 + number)
    rng = np.random.default_rng([seed, number])
    return frame if spoil is None else spoil(frame, np.asarray(truth.data), rng)
