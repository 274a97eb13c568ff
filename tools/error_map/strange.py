"""Make images that a network was not made for, of seven kinds, so that a classifier learns to notice them."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from tools.error_map.fields import FIELD_PX, OBJECTIVES

from napari_contransgan.config import PredictSettings, SimulationSettings, Variation
from napari_contransgan.errors import InputError
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

SEED = 710
"""Seed of the images; 720 to 779 are those of the error map."""
FRAMES = 119
FOCUS = "focus"
OFTEN = (FOCUS, "size")
"""Kinds that are hard to notice, of which there are images of all frames."""
ALL_KINDS = 64
"""Number of frames of which there are images of all kinds."""

Spoil = Callable[[Image, NDArray[np.float32], np.random.Generator], Image]


def wrong_pixel_size(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """State a pixel size that is wrong by a factor of 1.6 to 2.5."""
    factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.6), np.log(2.5)))
    return replace(frame, pixel_size_um=float((frame.pixel_size_um or 1.0) * factor))


def tissue(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show fibres, stripes or clouds in all directions instead of cells."""
    shape = frame.data.shape
    y, x = np.indices(shape) * (frame.pixel_size_um or 1.0)
    shortest, cloud_px = rng.uniform(2, 8), rng.uniform(2, 12)
    light = np.zeros(shape)
    for _ in range(int(rng.integers(1, 60))):
        angle, phase, period = rng.uniform(0, np.pi), rng.uniform(0, 6), shortest * rng.uniform(1, 3)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + phase)
        light += wave * ndimage.gaussian_filter(rng.standard_normal(shape), cloud_px)
    light *= rng.uniform(0.03, 0.3) / max(float(light.std()), 1e-9)
    return replace(frame, data=_counts((1 + light) * float(np.median(frame.data)), rng))


def texture(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Paste a rectangle of noise of some grain size, with or without its own shot noise."""
    height, width = frame.data.shape
    sides = [max(8, int(side * rng.uniform(0.35, 0.8))) for side in (height, width)]
    grain = ndimage.gaussian_filter(rng.standard_normal(sides), rng.uniform(0.4, 2.5))
    patch = float(np.median(frame.data)) * (1 + rng.uniform(0.05, 0.25) * grain / grain.std())
    y, x = rng.integers(0, height - sides[0] + 1), rng.integers(0, width - sides[1] + 1)
    data = frame.data.astype(np.float64)
    data[y : y + sides[0], x : x + sides[1]] = patch if rng.random() < 0.5 else _counts(patch, rng)
    return replace(frame, data=np.clip(data, 0, 65535).astype(np.uint16))


def inverted(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Exchange dark and bright, around the middle of the range or another level."""
    low, high = float(frame.data.min()), float(frame.data.max())
    level = low + high if rng.random() < 0.5 else 2 * float(np.median(frame.data))
    return replace(frame, data=np.clip(level - frame.data, 0, 65535).astype(np.uint16))


def fluorescence(frame: Image, truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show bright cells, nuclei or spots on a dark background."""
    shape = frame.data.shape
    zoom = [wanted / side for wanted, side in zip(shape, truth.shape, strict=True)]
    glow = ndimage.zoom(np.maximum(truth, 0), zoom, order=1)[: shape[0], : shape[1]] ** rng.uniform(0.7, 2)
    spots = ndimage.gaussian_filter(rng.random(shape) ** rng.uniform(15, 60), rng.uniform(0.7, 2.5))
    glow = glow / max(float(glow.max()), 0.1) + rng.uniform(0, 1.5) * spots / spots.max()
    return replace(frame, data=_counts(rng.uniform(60, 400) + rng.uniform(300, 4000) * glow, rng))


def screenshot(frame: Image, _truth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Show the image in a window, with a bar, a list of texts and a margin."""
    height, width = frame.data.shape
    data = np.full((height, width), rng.uniform(0, 255))
    bar, column = max(2, int(height * rng.uniform(0.03, 0.15))), max(6, int(width * rng.uniform(0.1, 0.3)))
    data[:bar], data[:, :column] = rng.uniform(0, 255), rng.uniform(0, 255)
    ink = rng.uniform(0, 255)
    for row in range(bar + 2, height - 3, int(rng.integers(3, 12))):
        data[row, 2 : column - 2][rng.random(column - 4) < 0.5] = ink
    inset = frame.data[: int(height * rng.uniform(0.4, 0.8)), : int(width * rng.uniform(0.4, 0.75))].astype(float)
    inset = 255 * (inset - inset.min()) / max(float(np.ptp(inset)), 1)
    data[bar + 2 :, column + 1 :][: inset.shape[0], : inset.shape[1]] = inset[: height - bar - 2, : width - column - 1]
    return replace(frame, data=data.astype(np.uint8))


SPOILT: Mapping[str, Spoil] = MappingProxyType(
    {
        "size": wrong_pixel_size,
        "tissue": tissue,
        "texture": texture,
        "inverted": inverted,
        "fluorescence": fluorescence,
        "screenshot": screenshot,
    }
)


def make_strange(folder: Path, loaded: LoadedModel, count: int, minutes: float) -> Iterator[str]:
    """Make the images that are missing from a folder until the time is over, and yield a line for each frame."""
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * minutes
    for number in range(count):
        names = (FOCUS, *SPOILT) if number < ALL_KINDS else OFTEN
        paths = {name: folder / f"strange_{name}_{number:03d}.npz" for name in names}
        if all(path.exists() for path in paths.values()):
            continue
        if time.monotonic() > end:
            return
        rng = np.random.default_rng([SEED, number])
        frame, truth = _frame(number, {})
        images = {name: spoil(frame, truth, rng) for name, spoil in SPOILT.items()}
        side = float(rng.choice([-1, 1]))
        focus = sorted((side * rng.uniform(2.5, 3.5), side * rng.uniform(3.5, 6)))
        images[FOCUS] = _frame(number, {"variation": Variation(focus_share=tuple(focus))})[0]
        for name, path in paths.items():
            _keep(path, name, images[name], loaded)
        yield f"{number + 1} of {count}"


def _frame(number: int, changes: Mapping[str, Any]) -> tuple[Image, NDArray[np.float32]]:
    values = {
        "specimen": "psm" if number % 8 >= 4 else "hela",
        "objective": OBJECTIVES[number % 4],
        "scene": ("sparse", "dense", "mixed")[number // 8 % 3],
        "seed": SEED,
        "field_px": FIELD_PX,
        **changes,
    }
    frame, truth = simulate_pair(SimulationSettings.checked(values), number)
    return frame, np.asarray(truth.data)


def _keep(path: Path, name: str, image: Image, loaded: LoadedModel) -> None:
    size_um = image.pixel_size_um or MODEL_PIXEL_SIZE_UM
    try:
        phase = np.asarray(result_of(predict(image, PredictSettings(threads=1), loaded)).data)
    except InputError:  # refused, so nothing has to notice it
        return
    contrast, _ = contrast_on_model_grid(light_of_frame(image.data)[0], size_um)
    part = path.with_suffix(".part.npz")
    maps = {"contrast": contrast.numpy().astype(np.float16), "phase": phase.astype(np.float16)}
    np.savez(part, kind=name, pixel_size_um=size_um, truth=np.zeros(0, np.float16), **maps)  # type: ignore[arg-type]
    part.replace(path)


def _counts(values: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint16]:
    return np.asarray(np.clip(rng.poisson(np.maximum(values, 0)), 0, 65535), np.uint16)
