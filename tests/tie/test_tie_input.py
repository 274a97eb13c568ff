"""What the retrieval accepts, what it refuses, and what it says about it."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.tie import phase_from_stack, retrieve_phase
from napari_contransgan.tie.focus_choice import default_focus_index


def bump() -> np.ndarray:
    y, x = np.mgrid[:40, :48]
    square = ((y - 19.5) ** 2 + (x - 23.5) ** 2) / 5**2
    return (2 - square) * np.exp(-square / 2)


def stack_of(*z_um: float, background: float = 1000.0) -> np.ndarray:
    """Intensities that rise along z in the middle: a specimen of a higher index than its medium."""
    return np.stack([background * (1 + 0.01 * z * bump()) for z in z_um])


@pytest.fixture
def image() -> Image:
    return Image(
        data=stack_of(-1.9, 0.1, 2.1).round().astype(np.uint16),
        axes="ZYX",
        pixel_size_um=0.3,
        z_step_um=2.0,
        origin_yx_um=(5.0, 7.0),
        name="cells.tif",
        settings={"tile": {"row": 1}},
    )


def retrieved(image: Image, **settings) -> Image:
    return result_of(retrieve_phase(image, TieSettings.checked(settings))).phase


def test_the_result_says_all_about_itself(image):
    phase = retrieved(image)

    assert (phase.axes, phase.data.shape, phase.data.dtype) == ("YX", (40, 48), np.float32)
    assert (phase.quantity, phase.pixel_size_um, phase.wavelength_um) == ("phase", 0.3, 0.55)
    assert (phase.origin_yx_um, phase.z_step_um, phase.time_step_s) == ((5.0, 7.0), None, None)
    assert phase.name == "cells.tif phase"
    assert phase.settings["tile"] == {"row": 1}
    used = phase.settings["tie"]
    assert {key: used[key] for key in ("dz_um", "z_um", "pixel_size_um", "focus_index")} == {
        "dz_um": 2.0,
        "z_um": [-2.0, 0.0, 2.0],
        "pixel_size_um": 0.3,
        "focus_index": 1,
    }
    assert isinstance(used["regularisation"], float)


@pytest.mark.parametrize("first", [{}, {"flip_z": True}, {"z_um": (0.0, 1.0, 4.0)}, {"focus_index": 0}])
def test_the_settings_of_the_result_repeat_it(image, first):
    phase = retrieved(image, **first)

    bare = replace(image, pixel_size_um=None, z_step_um=None)
    again = retrieved(bare, **phase.settings["tie"])

    np.testing.assert_array_equal(again.data, phase.data)
    for settings in (again.settings, phase.settings):
        settings["tie_report"].pop("focus")  # found first, stated then
    assert again.settings == phase.settings


def test_a_specimen_brighter_at_higher_z_has_positive_phase(image):
    assert retrieved(image).data[20, 24] > 0.1


def test_flip_z_turns_the_sign(image):
    up, down = (
        retrieved(image, method="dct", regularisation=0.0),
        retrieved(image, method="dct", regularisation=0.0, flip_z=True),
    )

    np.testing.assert_allclose(up.data - up.data.mean(), -(down.data - down.data.mean()), atol=1e-5)
    reversed_planes = replace(image, data=image.data[::-1])
    np.testing.assert_allclose(
        retrieved(reversed_planes, method="dct", regularisation=0.0, flip_z=True).data, up.data, atol=1e-5
    )


def test_settings_win_over_the_file(image):
    phase = retrieved(image, dz_um=4.0, method="dct", regularisation=0.0)

    assert np.ptp(phase.data) == pytest.approx(
        np.ptp(retrieved(image, method="dct", regularisation=0.0).data) / 2, rel=1e-4
    )
    wider = retrieved(image, pixel_size_um=0.6, method="dct", regularisation=0.0)
    assert np.ptp(wider.data) == pytest.approx(
        4 * np.ptp(retrieved(image, method="dct", regularisation=0.0).data), rel=1e-4
    )
    assert wider.pixel_size_um == 0.6


@pytest.mark.parametrize(("count", "focus"), [(2, 0), (3, 1), (4, 1), (5, 2), (6, 2)])
def test_the_default_plane_in_focus(count, focus):
    assert default_focus_index(count) == focus


def test_a_time_lapse_is_retrieved_frame_by_frame(image):
    frames = np.stack([image.data, stack_of(-1.0, 0.0, 1.0).round().astype(np.uint16)])
    events = []
    generator = retrieve_phase(replace(image, data=frames, axes="TZYX", time_step_s=30.0), TieSettings())
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            phase = stop.value.phase
            break

    assert (phase.axes, phase.data.shape, phase.time_step_s) == ("TYX", (2, 40, 48), 30.0)
    assert phase.data[0, 20, 24] > 0.1
    assert phase.data[1, 20, 24] == pytest.approx(phase.data[0, 20, 24] / 2, rel=0.1)
    assert all(isinstance(event, Progress) for event in events)
    assert [(event.step, event.total) for event in events] == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_planes_labelled_as_time_or_channels_are_taken_when_dz_is_stated(image, axes):
    labelled = replace(image, axes=axes, z_step_um=None)

    phase = retrieved(labelled, dz_um=2.0)

    assert phase.axes == "YX"
    np.testing.assert_array_equal(phase.data, retrieved(image).data)
    with pytest.raises(InputError, match=r"cells\.tif: axes .YX hold no focus axis Z.*state their distance dz"):
        retrieved(labelled)


@pytest.mark.parametrize(("axes", "index"), [("CZYX", (None,)), ("ZCYX", (slice(None), None)), ("TZYX", (None,))])
def test_axes_of_length_one_do_no_harm(image, axes, index):
    phase = retrieved(replace(image, data=image.data[index], axes=axes))

    np.testing.assert_array_equal(np.squeeze(phase.data), retrieved(image).data)


def with_data(image: Image, data: np.ndarray, axes: str = "ZYX") -> Image:
    return replace(image, data=data, axes=axes)


BAD_IMAGES = {
    "one plane": (lambda i: with_data(i, i.data[0], "YX"), "one plane given to TIE: it needs at least two"),
    "a stack of one": (lambda i: with_data(i, i.data[:1]), "one plane given to TIE"),
    "an RGB plane": (lambda i: with_data(i, np.stack([i.data[0]] * 3, -1), "YXS"), "one plane given to TIE"),
    "channels": (lambda i: with_data(i, np.stack([i.data] * 2), "CZYX"), "give one channel"),
    "axes that do not fit": (lambda i: with_data(i, i.data, "YX"), "do not fit 3-dimensional"),
    "phase": (lambda i: replace(i, quantity="phase"), "holds phase already"),
    "no dz": (lambda i: replace(i, z_step_um=None), "no distance of the planes.*state dz in um"),
    "dz zero in the file": (lambda i: replace(i, z_step_um=0.0), "cannot be dz = 0 um apart"),
    "no pixel size": (lambda i: replace(i, pixel_size_um=None), "no pixel size"),
    "NaN": (lambda i: with_data(i, np.where(i.data == i.data.max(), np.nan, i.data)), "NaN"),
    "constant": (lambda i: with_data(i, np.full_like(i.data, 7)), "same value"),
    "a constant plane": (lambda i: with_data(i, np.stack([*i.data[:2], i.data[2] * 0 + 5])), "plane 2 is con"),
    "a plane without light": (
        lambda i: with_data(i, i.data * np.array([1, 1, 0])[:, None, None]),
        "plane 2 carries no",
    ),
    "a background subtracted": (lambda i: with_data(i, i.data - 1100.0), "plane 0 carries no light"),
    "a background subtracted in part": (lambda i: with_data(i, i.data - 995.0), "plane 0: .* negative intensities"),
    "a mask for a plane": (
        lambda i: with_data(i, np.stack([*i.data[:2], np.where(i.data[2] > 1001, 255, 0)])),
        "plane 2: holds only two values, 0 and 255, as a mask",
    ),
    "a mask in focus": (
        lambda i: with_data(i, np.stack([i.data[0], np.where(i.data[2] > 1001, 255, 0), i.data[2]])),
        "plane 1: holds only two values",
    ),
    "two equal planes": (
        lambda i: with_data(i, i.data[[0, 2, 2]]),
        "planes 1 and 2 are the same image: the stage did not move between them",
    ),
    "equal planes": (lambda i: with_data(i, np.stack([i.data[0]] * 3)), "all planes are the same image"),
    "too small": (lambda i: with_data(i, i.data[:, :15]), "15 x 48 px are too small.*16 px"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_an_image_that_tie_cannot_use_is_refused_by_name(image, case):
    spoil, message = BAD_IMAGES[case]

    with pytest.raises(InputError, match=message) as caught:
        retrieved(spoil(image))

    assert "cells.tif" in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_SETTINGS = {
    "dz zero": ({"dz_um": 0.0}, "cannot be dz = 0 um apart"),
    "dz negative": ({"dz_um": -3.0}, "flip z"),
    "dz not finite": ({"dz_um": float("nan")}, "dz_um: Input should be a finite number"),
    "too few heights": ({"z_um": (0.0, 1.0)}, "2 heights z given for 3 planes"),
    "falling heights": ({"z_um": (3.0, 0.0, -3.0)}, "heights z fall.*flip z"),
    "repeated heights": ({"z_um": (0.0, 1.0, 1.0)}, "must rise"),
    "unsorted heights": ({"z_um": (0.0, 2.0, 1.0)}, "must rise"),
    "heights not finite": ({"z_um": (0.0, 1.0, float("inf"))}, "finite"),
    "dz against heights": ({"z_um": (0.0, 1.0, 2.0), "dz_um": 3.0}, "contradicts"),
    "focus beyond": ({"focus_index": 3}, "one of 0 to 2"),
    "focus negative": ({"focus_index": -1}, "one of 0 to 2"),
    "negative regularisation": ({"regularisation": -1.0}, "regularisation"),
    "pixel size zero": ({"pixel_size_um": 0.0}, "pixel size of 0 um"),
    "wavelength in nm": ({"wavelength_um": 550.0}, "did you mean 0.55 um"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_settings_that_cannot_be_right_are_refused(image, case):
    settings, message = BAD_SETTINGS[case]

    with pytest.raises(InputError, match=message):
        retrieved(image, **settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zyx_stack": stack_of(0)}, "at least two planes"),
        ({"z_um": (0.0, 1.0)}, "do not fit 3 planes"),
        ({"z_um": (0.0, 1.0, 1.0)}, "do not fit 3 planes"),
        ({"focus_index": 3}, "no plane 3"),
        ({"wavelength_um": 550.0}, "did you mean"),
        ({"zyx_stack": stack_of(-1, 0, 1) * np.nan}, "NaN"),
    ],
)
def test_plain_arrays_are_checked_too(changes, message):
    arguments = {
        "zyx_stack": stack_of(-1, 0, 1),
        "z_um": (-1.0, 0.0, 1.0),
        "wavelength_um": 0.55,
        "pixel_size_um": 0.3,
        "focus_index": 1,
    } | changes

    with pytest.raises(InputError, match=message):
        phase_from_stack(arguments.pop("zyx_stack"), arguments.pop("z_um"), **arguments)


@pytest.mark.parametrize("stated_in", ["file", "settings"])
def test_a_condenser_as_wide_open_as_the_objective_is_refused(image: Image, stated_in: str) -> None:
    in_file = {"numerical_aperture": 0.25, "coherence": 1.0}
    with pytest.raises(InputError, match=r"cells.tif: the condenser was open.*S = 1.*close its diaphragm"):
        retrieved(replace(image, **in_file)) if stated_in == "file" else retrieved(image, **in_file)
    retrieved(replace(image, **in_file), coherence=0.6)
