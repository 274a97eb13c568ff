"""Slow changes of the lighting between planes: found beside a specimen, removed, stated, and told from a specimen."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_contransgan.config import TieSettings
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.camera import Camera, expose
from napari_contransgan.tie import TieResult, retrieve_phase
from napari_contransgan.tie.slow_light import TERMS, find_slow_light

PIXEL_UM, Z_UM = 0.325, (-3.0, 0.0, 3.0)
NOISE = 0.005


def cubic(shape: tuple[int, ...], largest: float, seed: int) -> NDArray[np.float64]:
    """Light that changes by at most `largest`, by a random polynomial of third degree."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    factors = np.random.default_rng(seed).normal(size=(4, 4))
    change = sum(factors[i, j] * np.outer(y**i, x**j) for i in range(4) for j in range(4 - i))
    return 1 + largest * change / np.abs(change).max()


def relit(zyx_stack: NDArray, largest: float, seed: int = 0) -> NDArray[np.float64]:
    """Planes of which each but the middle one has light of its own."""
    middle = len(zyx_stack) // 2
    lit = [plane * cubic(plane.shape, largest, 10 * seed + z) for z, plane in enumerate(zyx_stack) if z != middle]
    return np.stack([*lit[:middle], zyx_stack[middle], *lit[middle:]])


def recorded(zyx_stack: NDArray) -> NDArray[np.uint16]:
    random = np.random.default_rng(1)
    return np.stack([expose(plane, Camera(), random) for plane in zyx_stack])


def retrieved(zyx_stack: NDArray, z_um: tuple[float, ...] = Z_UM, **settings) -> TieResult:
    image = Image(zyx_stack, "ZYX", pixel_size_um=PIXEL_UM, numerical_aperture=0.65, coherence=0.3)
    return result_of(retrieve_phase(image, TieSettings(z_um=z_um, **settings)))


def error_of(result: TieResult, truth: NDArray) -> float:
    return float(np.sqrt(np.mean((result.phase.data - truth) ** 2)))


def blobs(shape: tuple[int, int], cover: float) -> NDArray[np.float64]:
    """Structure with both signs and a mean of zero, on about a share of `cover` of the frame."""
    random = np.random.default_rng(5)
    places = gaussian_filter(random.normal(size=shape), 12)
    texture = gaussian_filter(random.normal(size=shape), 3)
    return np.where(places > np.quantile(places, 1 - cover), texture / texture.std(), 0)


@pytest.mark.parametrize("largest", [0.0, 0.002, 0.02, 0.05])
@pytest.mark.parametrize("cover", [0.0, 0.3, 0.6])
def test_the_light_is_found_beside_a_specimen_and_as_well_as_stated(largest, cover):
    shape = (300, 400)
    structure = 0.05 * blobs(shape, cover)
    planes = relit(np.stack([1 - structure, np.ones(shape), 1 + structure]), largest)
    planes += np.random.default_rng(2).normal(scale=NOISE, size=planes.shape)

    light = find_slow_light(planes.astype(np.float32), 1, [NOISE] * 3, np.ones(shape, bool), PIXEL_UM)

    assert light.has_background
    assert not light.z_weights[1].any()
    y, x = (np.linspace(-1, 1, side) for side in shape)
    design = np.stack([np.outer(y**i, x**j).ravel() for i, j in TERMS[1:]])
    for plane in (0, 2):
        left = light.ratio(plane, shape) / cubic(shape, largest, plane)
        assert left.std() < 1e-3
        stated = np.sqrt(np.mean(np.sum(design * (light.covariance[plane, 1:, plane, 1:] @ design), axis=0)))
        assert left.std() <= 4 * stated
        assert light.largest_change(plane) == pytest.approx(largest, rel=0.5, abs=2e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_slow_light_leaves_no_clouds_in_the_phase(wide_stack, wide_phase, seed):
    even, uneven = (recorded(relit(wide_stack, largest, seed)) for largest in (0.0, 0.03))

    clean, corrected = retrieved(even), retrieved(uneven)

    assert error_of(corrected, wide_phase) < 1.5 * error_of(clean, wide_phase)
    assert error_of(retrieved(uneven, light_correction=False), wide_phase) > 4 * error_of(corrected, wide_phase)
    inside = np.abs(corrected.phase.data - wide_phase) <= 2 * corrected.uncertainty.data
    assert inside.mean() > 0.9


def test_what_changed_is_reported_and_noted_with_its_plane(wide_stack):
    planes = wide_stack.copy()
    planes[2] *= cubic(planes.shape[1:], 0.03, seed=4)

    result = retrieved(recorded(planes))

    report = result.phase.settings["tie_report"]
    assert report["light_change"][:2] == pytest.approx([0, 0], abs=2e-3)
    assert report["light_change"][2] == pytest.approx(0.03, rel=0.5)
    assert report["light_from_background"]
    (note,) = (note for note in result.notes if "lighting" in note)
    assert note.startswith("The lighting changed slowly between the planes: by up to")
    assert f"{report['light_change'][2]:.1%} in plane 2, relative" in note


@pytest.mark.parametrize("largest", [0.0, 0.03])
def test_steady_light_and_light_that_is_left_alone_are_not_noted(wide_stack, largest):
    settings = {"light_correction": False} if largest else {}

    result = retrieved(recorded(relit(wide_stack, largest)), **settings)

    assert not [note for note in result.notes if "lighting" in note]
    assert max(result.phase.settings["tie_report"].get("light_change", [0])) < 2e-3


@pytest.mark.parametrize("z_um", [(0.0, 3.0), (-4.0, -2.0, 0.0, 2.0, 4.0)])
def test_two_planes_and_many_are_corrected_too(bright_field_stack: Callable, wide_phase, z_um):
    stack = bright_field_stack(wide_phase, z_um, PIXEL_UM)
    focus = z_um.index(0.0)
    uneven = stack.copy()
    for plane in range(len(z_um)):
        if plane != focus:
            uneven[plane] *= cubic(wide_phase.shape, 0.02, plane)

    clean = retrieved(recorded(stack), z_um, focus_index=focus)
    corrected = retrieved(recorded(uneven), z_um, focus_index=focus)

    assert error_of(corrected, wide_phase) < 1.5 * error_of(clean, wide_phase)
    assert sum(change > 0 for change in corrected.phase.settings["tie_report"]["light_change"]) == len(z_um) - 1


def test_a_specimen_that_fills_the_frame_is_not_taken_for_light():
    shape = (300, 300)
    structure = 0.05 * blobs(shape, 1.0)
    planes = np.stack([1 - structure, np.ones(shape), 1 + structure])
    planes += np.random.default_rng(2).normal(scale=NOISE, size=planes.shape)

    light = find_slow_light(planes.astype(np.float32), 1, [NOISE] * 3, np.ones(shape, bool), PIXEL_UM)

    assert not light.has_background
    assert max(light.largest_change(plane) for plane in (0, 2)) < 3e-3
    assert np.sqrt(light.covariance[2, 1, 2, 1]) > 5e-4


def test_doubt_about_the_light_of_a_full_frame_is_noted():
    structure = 0.05 * blobs((300, 300), 1.0)

    result = retrieved(recorded(np.stack([1 - structure, np.ones_like(structure), 1 + structure])))

    assert any("Too little empty background was found to separate slow changes" in note for note in result.notes)


def test_light_is_measured_only_where_there_is_light():
    shape = (200, 300)
    planes = relit(np.ones((3, *shape)), 0.02)
    planes += np.random.default_rng(2).normal(scale=NOISE, size=planes.shape)
    lit = np.ones(shape, bool)
    lit[:, :60] = False
    planes[:, ~lit] *= np.array([0.02, 0.01, 0.03])[:, None]

    light = find_slow_light(planes.astype(np.float32), 1, [NOISE] * 3, lit, PIXEL_UM)

    left = light.ratio(2, shape) / cubic(shape, 0.02, 2)
    assert left[lit].std() < 1e-3
    assert find_slow_light(planes.astype(np.float32), 1, [NOISE] * 3, np.zeros(shape, bool), PIXEL_UM) is None
