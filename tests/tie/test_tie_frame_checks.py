"""Planes between which nothing moved, masks among planes, and stacks in colour."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieResult, retrieve_phase
from napari_contransgan.tie.frame_checks import checked_frame

CUT = (slice(60, 188), slice(50, 178))


@pytest.fixture
def light(wide_stack) -> np.ndarray:
    """Planes without noise, in photo-electrons."""
    return np.asarray(wide_stack[:, *CUT] * 8000)


def recorded(light: np.ndarray, seed: int = 0) -> Image:
    counts = np.random.default_rng(seed).poisson(light).astype(np.uint16)
    return Image(counts, "ZYX", pixel_size_um=0.325, z_step_um=3.0, name="cells.tif")


def result(image: Image, **settings) -> TieResult:
    return result_of(retrieve_phase(image, TieSettings(**settings)))


@pytest.mark.parametrize("electrons", [8000, 500])
@pytest.mark.parametrize(("planes", "pair"), [((0, 0, 2), "0 and 1"), ((0, 2, 2), "1 and 2")])
def test_planes_between_which_the_stage_stood_still_are_noted(light, planes, pair, electrons):
    notes = " ".join(result(recorded(light[list(planes)] / 8000 * electrons)).notes)

    assert f"Planes {pair} differ by no more than their noise, unlike the others: see whether the stage moved" in notes


@pytest.mark.parametrize("electrons", [8000, 300])
def test_planes_that_moved_are_not(light, electrons):
    assert "Planes" not in " ".join(result(recorded(light / 8000 * electrons)).notes)
    assert "Planes" not in " ".join(result(recorded(light / 8000 * electrons), z_um=(-3.0, 0.0, 3.0)).notes)


@pytest.mark.parametrize("z_um", [(-0.1, 0.0, 6.0), (-1.0, 0.0, 20.0), (0.0, 0.2, 0.4)])
def test_planes_close_to_each_other_and_far_apart_are_not(bright_field_stack, wide_phase, z_um):
    planes = bright_field_stack(wide_phase, z_um, 0.325)[:, *CUT] * 2000

    assert "Planes" not in " ".join(result(recorded(planes), z_um=z_um).notes)


def test_an_empty_field_tells_nothing(light):
    assert "Planes" not in " ".join(result(recorded(np.full_like(light, 8000))).notes)


def test_equal_planes_anywhere_in_a_stack_are_named(light):
    image = recorded(light[[0, 1, 2, 1, 0]])
    doubled = replace(image, data=image.data[[0, 1, 2, 3, 1]])

    with pytest.raises(InputError, match=r"^cells\.tif: planes 1 and 4 are the same image: the stage did not move"):
        result(doubled)


def test_a_doubled_plane_of_a_file_is_refused(shared_data):
    path = shared_data / "files" / "doubled_plane.tif"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with pytest.raises(InputError, match="planes 0 and 1 are the same image"):
        result(read_image(path))


def test_an_empty_plane_in_focus_within_a_field_stop_is_no_mask(light):
    stopped = np.round(light / 80)
    stopped[1] = 100
    stopped[:, :20] = 0

    assert checked_frame(stopped, 1, "cells.tif") is stopped


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_colour_stack_goes_through_its_luminance_with_a_note(light, samples, lazy):
    grey = recorded(light / 60).data.astype(np.uint8)
    colour = np.stack([grey] * 3 + [np.full_like(grey, 255)] * (samples - 3), axis=-1)
    data = dask.array.from_array(colour, chunks=(1, -1, -1, -1)) if lazy else colour

    found = result(Image(data, "ZYXS", 0.325, 3.0))

    np.testing.assert_allclose(found.phase.data, result(Image(grey * 1.0, "ZYX", 0.325, 3.0)).phase.data, atol=1e-3)
    assert found.notes == ("The RGB image was converted to luminance, which is weighted towards green.",)


def test_a_colour_series_is_read_frame_by_frame_from_its_file(light, tmp_path):
    grey = recorded(light / 60).data.astype(np.uint8)
    series = np.stack([np.stack([one] * 3, axis=-1) for one in (grey, grey[:, ::-1])])
    write_image(tmp_path / "series.tif", Image(series, "TZYXS", 0.325, 3.0))

    found = result(read_image(tmp_path / "series.tif", lazy=True))

    assert found.phase.axes == "TYX"
    np.testing.assert_array_equal(found.phase.data, result(read_image(tmp_path / "series.tif")).phase.data)


def test_samples_that_are_no_colours_are_refused(light):
    two = np.stack([recorded(light).data] * 2, axis=-1)

    with pytest.raises(InputError, match="has 2 samples per pixel"):
        result(Image(two, "ZYXS", 0.325, 3.0))
