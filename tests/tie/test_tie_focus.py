"""The plane in focus: found, said, and overruled by a stated one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieResult, focus_search, phase_from_stack, retrieve_phase
from napari_contransgan.tie.focus_search import find_focus

PIXEL_UM = 0.325
OPTICS = {"pixel_size_um": PIXEL_UM, "wavelength_um": 0.55}
Stack = Callable[[tuple[float, ...]], NDArray[np.floating]]


@pytest.fixture(scope="module")
def recorded(bright_field_stack: Callable[..., NDArray], wide_phase: NDArray) -> Stack:
    """Planes of cells at heights above the true focus, with the noise of 20,000 electrons."""

    def record(z_um: tuple[float, ...]) -> NDArray[np.floating]:
        zyx = bright_field_stack(wide_phase, z_um, PIXEL_UM)
        return np.random.default_rng(0).poisson(np.maximum(zyx, 0) * 20_000.0).astype(np.uint16)

    return record


def result(zyx_stack: NDArray[Any], **settings: Any) -> TieResult:
    image = Image(zyx_stack, "ZYX", pixel_size_um=PIXEL_UM, wavelength_um=0.55, z_step_um=2.0, name="cells.tif")
    return result_of(retrieve_phase(image, TieSettings(**settings)))


def report_of(found: TieResult) -> dict[str, Any]:
    focus: dict[str, Any] = found.phase.settings["tie_report"]["focus"]
    return focus


@pytest.mark.parametrize("plane", [0, 1, 2, 4])
def test_the_plane_in_focus_is_found_wherever_it_is(recorded, plane):
    z_um = tuple(2.0 * (index - plane) + 0.2 for index in range(5))

    found = find_focus(recorded(z_um), z_um, **OPTICS)

    assert (found.place, found.is_sure) == (plane, True)
    assert sum(found.chances) == pytest.approx(1)


def test_the_focus_is_looked_for_up_to_half_a_step_beyond_the_planes(recorded, monkeypatch):
    looked_at: list[NDArray[np.float64]] = []
    real = focus_search._transfers

    def noted(line, heights_um, focus_um, *others):
        looked_at.append(focus_um)
        return real(line, heights_um, focus_um, *others)

    monkeypatch.setattr(focus_search, "_transfers", noted)
    z_um = (-5.0, -1.0, 1.0)
    find_focus(recorded(z_um), z_um, **OPTICS)

    assert (looked_at[0][0], looked_at[0][-1]) == (-7.0, 2.0)
    np.testing.assert_allclose(np.diff(looked_at[0]), 9 / (looked_at[0].size - 1))


def test_uneven_planes_and_an_unequal_exposure_do_no_harm(recorded):
    z_um = (-5.0, -3.5, 0.1, 1.5)
    zyx = recorded(z_um) * np.array([1.0, 0.8, 1.1, 0.9])[:, None, None]

    found = find_focus(zyx, z_um, **OPTICS)

    assert (found.place, found.is_sure) == (2, True)


def test_drift_between_planes_does_no_harm(recorded):
    z_um = (-4.0, -2.0, 0.0)
    zyx = np.stack([np.roll(plane, 3 * index, axis=1) for index, plane in enumerate(recorded(z_um))])

    assert find_focus(zyx, z_um, **OPTICS).place == 2


@pytest.mark.parametrize(("z_um", "place"), [((0.0, 4.0), 0), ((-4.0, 0.0), 1), ((-2.0, 2.0), 2)])
def test_two_planes_may_have_the_focus_between_them(recorded, z_um, place):
    found = find_focus(recorded(z_um), z_um, **OPTICS)

    assert (found.place, found.is_sure) == (place, True)


def test_planes_of_noise_leave_the_focus_open():
    noise = np.random.default_rng(0).poisson(20_000.0, (3, 128, 128))

    assert not find_focus(noise, (-2.0, 0.0, 2.0), **OPTICS).is_sure


def test_frames_without_light_or_of_a_few_pixels_have_no_focus():
    assert find_focus(np.zeros((3, 64, 64)), (-2.0, 0.0, 2.0), **OPTICS) is None
    assert find_focus(np.ones((3, 20, 64)), (-2.0, 0.0, 2.0), **OPTICS) is None


def test_a_plane_that_is_not_the_middle_one_is_used_and_said(recorded):
    found = result(recorded((-2.0, 0.0, 2.0, 4.0, 6.0)))

    assert report_of(found)["plane"] == 1
    assert found.phase.settings["tie"]["focus_index"] == 1
    assert found.phase.settings["tie"]["z_um"] == [-2.0, 0.0, 2.0, 4.0, 6.0]
    assert any("Plane 1 was found to be in focus" in note for note in found.notes)


def test_a_stated_plane_wins(recorded):
    found = result(recorded((-2.0, 0.0, 2.0, 4.0, 6.0)), focus_index=2)

    assert report_of(found) == {"plane": 2, "from": "stated"}
    assert not any("in focus" in note for note in found.notes)


def test_a_focus_that_the_planes_do_not_show_is_said_to_be_the_usual_one():
    noise = np.random.default_rng(0).poisson(20_000.0, (3, 128, 128)).astype(np.uint16)

    found = result(noise)

    assert (report_of(found)["plane"], report_of(found)["from"]) == (1, "usual")
    assert any("do not show clearly which of them is in focus" in note for note in found.notes)


def test_two_planes_on_both_sides_of_focus_give_the_phase_between_them(recorded):
    zyx = recorded((-1.0, 0.0, 1.0))

    between, three = result(zyx[[0, 2]]), result(zyx, dz_um=1.0)

    assert report_of(between)["plane"] == "halfway"
    assert any("halfway between them" in note for note in between.notes)
    assert (between.phase.data - three.phase.data).std() < 0.06


def test_planes_on_both_sides_solved_as_such_are_closer_to_the_truth(recorded, wide_phase):
    zyx = recorded((-3.0, 3.0))

    def error(**focus: bool) -> float:
        solution = phase_from_stack(zyx, (-3.0, 3.0), focus_index=0, method="teague", **OPTICS, **focus)
        inner = (slice(16, -16), slice(16, -16))
        return float((solution.yx_phase_rad - wide_phase)[inner].std())

    assert error(is_focus_halfway=True) < error()
