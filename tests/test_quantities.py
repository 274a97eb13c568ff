"""Path, height and dry mass against numbers known without the code."""

import math
from dataclasses import replace

import dask.array
import numpy as np
import pytest
from tests.measuring.spheres import CONTRAST, RADIUS_UM, SPHERE, WAVELENGTH_UM

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.quantities import (
    Conversions,
    dry_mass_density,
    height,
    measured,
    optical_path,
)

PLAIN = replace(
    SPHERE,
    data=np.array([[2 * np.pi, -np.pi], [0.0, 1.0]], np.float32),
    origin_yx_um=(3.0, 4.0),
    settings={"tie": {"dz_um": 3.0}},
    numerical_aperture=0.65,
)


def test_one_turn_of_phase_is_one_wavelength_of_path() -> None:
    path = optical_path(PLAIN)
    np.testing.assert_allclose(path.data, [[550.0, -275.0], [0.0, 550 / (2 * np.pi)]], rtol=1e-6)
    assert (path.quantity, path.data.dtype) == ("path", np.float32)


def test_height_is_path_over_index_contrast() -> None:
    np.testing.assert_allclose(height(PLAIN, 0.05).data, [[11.0, -5.5], [0.0, 11 / (2 * np.pi)]], rtol=1e-6)
    np.testing.assert_allclose(height(PLAIN, -0.05).data, -height(PLAIN, 0.05).data)
    assert height(SPHERE, CONTRAST).data.max() == pytest.approx(2 * RADIUS_UM, rel=1e-3)


def test_dry_mass_density_is_path_over_increment() -> None:
    density = dry_mass_density(PLAIN, 0.22)  # 0.55 um over 0.22 um^3/pg are 2.5 pg/um^2
    np.testing.assert_allclose(density.data, [[2.5, -1.25], [0.0, 2.5 / (2 * np.pi)]], rtol=1e-6)
    assert dry_mass_density(PLAIN).data[0, 0] == pytest.approx(0.55 / 0.19)


@pytest.mark.parametrize(
    ("derived", "quantity", "numbers"),
    [
        (optical_path(PLAIN), "path", {}),
        (height(PLAIN, 0.05), "height", {"index_contrast": 0.05}),
        (dry_mass_density(PLAIN, 0.2), "dry-mass", {"refractive_increment_um3_per_pg": 0.2}),
    ],
    ids=["path", "height", "dry mass"],
)
def test_a_derived_map_keeps_everything_else_and_says_how_it_came_about(
    derived: Image, quantity: str, numbers: dict[str, float]
) -> None:
    settings = {"tie": {"dz_um": 3.0}, "quantity": {"kind": quantity, "wavelength_um": WAVELENGTH_UM, **numbers}}
    assert replace(derived, data=None) == replace(PLAIN, data=None, quantity=quantity, settings=settings)
    assert derived.data.dtype == np.float32


def test_frames_of_a_lapse_are_converted_alike_and_stay_lazy() -> None:
    lapse = replace(PLAIN, data=np.stack([PLAIN.data, 2 * PLAIN.data]), axes="TYX")
    lazy = replace(lapse, data=dask.array.from_array(lapse.data, chunks=(1, 2, 2)))
    for convert in (optical_path, dry_mass_density, lambda image: height(image, 0.05)):
        expected = convert(PLAIN).data
        np.testing.assert_allclose(convert(lapse).data, [expected, 2 * expected], rtol=1e-6)
        assert isinstance(convert(lazy).data, dask.array.Array)
        np.testing.assert_allclose(convert(lazy).data.compute(), convert(lapse).data, rtol=1e-6)


@pytest.mark.parametrize("convert", [optical_path, lambda image: height(image, 0.05), dry_mass_density])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quantity": "intensity"}, "bead: holds intensity, not phase: give a phase map in radians"),
        ({"quantity": "phase-std"}, "bead: holds phase-std, not phase"),
        ({"wavelength_um": None}, "bead: states no wavelength: give the one"),
        ({"wavelength_um": 550.0}, r"bead: a wavelength of 550 um .*did you mean 0\.55 um"),
        ({"axes": "YXS", "data": np.zeros((4, 4, 3), np.float32)}, "bead: has axes YXS"),
        ({"axes": "TYX"}, "bead: has axes TYX and shape"),
    ],
)
def test_what_is_no_phase_map_with_a_wavelength_is_refused(convert: object, fields: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        convert(replace(SPHERE, **fields))


@pytest.mark.parametrize("contrast", [0, 0.0, math.nan, math.inf])
def test_an_index_contrast_that_gives_no_height_is_refused(contrast: float) -> None:
    with pytest.raises(InputError, match=r"bead: an index contrast of .* for example 0\.03"):
        height(PLAIN, contrast)


@pytest.mark.parametrize("increment", [0, 0.04, 0.51, 190, -0.19, math.nan])
def test_an_increment_that_no_matter_has_is_refused_with_its_other_unit(increment: float) -> None:
    for convert in (lambda: dry_mass_density(SPHERE, increment),):
        with pytest.raises(InputError, match=r"bead: a refractive increment of .* um\^3/pg, which is .* ml/g"):
            convert()


def retrieved(image: Image) -> Image:
    return replace(image, settings={"tie_report": {}})


def test_places_without_phase_are_known_in_what_was_computed_and_only_there() -> None:
    data = np.random.default_rng(0).normal(1, 0.1, (3, 40, 50)).astype(np.float32)
    data[0, :, :10] = 0
    data[1] = 0
    data[2, 5, 7] = 0  # by chance
    phase = Image(data, "TYX", quantity="phase")
    expected = np.ones(data.shape, bool)
    expected[0, :, :10] = expected[1] = False
    np.testing.assert_array_equal(measured(retrieved(phase)), expected)
    np.testing.assert_array_equal(measured(replace(phase, settings={"predict": {}})), expected)
    assert measured(phase).all()
    assert measured(replace(retrieved(phase), data=0 * data)).all()


def test_conversions_compute_just_what_is_wanted() -> None:
    phase = Image(np.full((2, 2), 2 * np.pi, np.float32), "YX", quantity="phase", wavelength_um=0.5, name="cell")
    wanted = Conversions(path=True, index_contrast=0.05, refractive_increment_um3_per_pg=0.2)
    values = {kind: float(convert(phase).data[0, 0]) for kind, convert in wanted.functions.items()}
    assert values == pytest.approx({"path": 500.0, "height": 10.0, "dry-mass": 2.5})
    assert not Conversions().functions
    assert list(Conversions(index_contrast=-0.02).functions) == ["height"]


def test_conversions_refuse_impossible_numbers_before_any_work() -> None:
    Conversions(True, 0.03, 0.19).check("cell")
    with pytest.raises(InputError, match=r"^cell: an index contrast of 0 "):
        Conversions(index_contrast=0.0).check("cell")
    with pytest.raises(InputError, match=r"^cell: a refractive increment of 3 "):
        Conversions(refractive_increment_um3_per_pg=3.0).check("cell")
