"""Heights that the file states, uneven ones too, and what is said where they are doubtful."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieResult, retrieve_phase
from napari_contransgan.tie.heights import listed

UNEVEN_UM = (-3.0, 0.0, 4.5)


@pytest.fixture
def image(wide_stack) -> Image:
    """Cells between planes for which the file states no even distance."""
    counts = np.random.default_rng(0).poisson(wide_stack[:, 64:140, 48:132] * 8000).astype(np.uint16)
    return Image(counts, "ZYX", pixel_size_um=0.325, z_um=UNEVEN_UM, name="cells.tif")


def result(image: Image, **settings) -> TieResult:
    return result_of(retrieve_phase(image, TieSettings(**settings)))


def test_heights_of_the_file_are_used_where_none_are_stated(image):
    found = result(image)

    np.testing.assert_array_equal(found.phase.data, result(replace(image, z_um=None), z_um=UNEVEN_UM).phase.data)
    used = found.phase.settings["tie"]
    assert (used["z_um"], used["dz_um"]) == (list(UNEVEN_UM), None)
    assert found.notes == ()
    np.testing.assert_array_equal(result(image, **used).phase.data, found.phase.data)
    assert result(image, **used).notes == ()


def test_heights_that_fall_are_taken_as_rising_with_a_note_unless_flipped(image):
    falling = replace(image, z_um=(3.0, 0.0, -4.5))

    found = result(falling)

    np.testing.assert_array_equal(found.phase.data, result(image).phase.data)
    assert any("The file says that its planes stand in order of falling z" in note for note in found.notes)
    flipped = result(falling, flip_z=True, method="dct", regularisation=0.0)
    stated = result(image, flip_z=True, method="dct", regularisation=0.0)
    np.testing.assert_array_equal(flipped.phase.data, stated.phase.data)
    assert not any("The file says" in note for note in flipped.notes)


def test_even_heights_of_the_file_give_their_distance(image):
    used = result(replace(image, z_um=(97.0, 100.0, 103.0))).phase.settings["tie"]

    assert (used["z_um"], used["dz_um"]) == ([97.0, 100.0, 103.0], 3.0)


@pytest.mark.parametrize("stated", [{"dz_um": 3.0}, {"z_um": (-3.0, 0.0, 3.0)}])
def test_what_is_stated_overrides_the_file_with_a_note(image, stated):
    found = result(image, **stated)

    np.testing.assert_array_equal(found.phase.data, result(replace(image, z_um=None), **stated).phase.data)
    assert found.notes == ("The stated heights were used, and not those in the file, -3, 0, 4.5 um.",)


@pytest.mark.parametrize(
    ("z_um", "message"),
    [
        ((0.0, 3.0, -3.0), r"heights in the file, 0, 3, -3 um, neither rise nor fall.*: sort the planes"),
        ((0.0, 0.0, 3.0), r"0, 0, 3 um, neither rise nor fall"),
        ((0.0, float("nan"), 3.0), "neither rise nor fall"),
        ((0.0, 3.0), "the file states 2 heights for 3 planes: state the distance dz"),
    ],
    ids=["unsorted", "repeated", "undefined", "too few"],
)
def test_heights_of_the_file_that_cannot_be_used_are_refused_unless_others_are_stated(image, z_um, message):
    with pytest.raises(InputError, match=rf"^cells\.tif: .*{message}"):
        result(replace(image, z_um=z_um))
    assert result(replace(image, z_um=z_um), dz_um=3.0).phase.data.max() > 0.5


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"z_um": UNEVEN_UM}, "although the file states heights of -3, 0, 4.5 um"),
        ({"z_um": None, "z_step_um": 3.0}, "although the file states planes 3 um apart"),
        ({"z_um": None}, "hold no focus axis Z: if axis"),
    ],
)
def test_planes_under_another_axis_are_refused_with_what_the_file_says_of_them(image, axes, evidence, words):
    with pytest.raises(InputError, match=f"if axis {axes[0]} counts focus planes, state their distance dz") as caught:
        result(replace(image, axes=axes, **evidence))
    assert words in str(caught.value)


@pytest.mark.parametrize(("dz_um", "expected"), [(0.003, "0.003"), (300.0, "300")])
def test_a_distance_that_nobody_uses_is_noted(image, dz_um, expected):
    notes = " ".join(result(replace(image, z_um=None), dz_um=dz_um).notes)

    assert f"Two planes are {expected} um apart, and 0.01 to 100 um is usual: check the distance" in notes
    assert "apart" not in " ".join(result(replace(image, z_um=None), dz_um=3.0).notes)


def test_a_phase_of_many_turns_is_noted(image):
    even = replace(image, z_um=None)

    notes = " ".join(result(even, dz_um=3.0, pixel_size_um=3.0).notes)

    assert "rad, more than 50: check the pixel size, the distance of the planes and the wavelength" in notes
    assert "more than 50" not in " ".join(result(even, dz_um=3.0).notes)


def test_long_lists_of_heights_are_cut_short():
    assert listed(np.arange(20.0)) == "0, 1, 2, 3, ..., 18, 19"
    assert listed((0.5, 1.0)) == "0.5, 1"


def test_doubts_about_the_file_are_among_the_notes(image):
    doubtful = replace(image, notes=("The file names two pixel sizes: the first was used.",))

    assert result(doubtful).notes == ("The file names two pixel sizes: the first was used.",)
