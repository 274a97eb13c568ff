"""All statements in a file about the heights of its planes, alone and contradicting each other."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.heights import Heights, Positions, settle_heights

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)
both_ways = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


def at(*heights_um: float) -> Positions:
    return Positions((heights_um,), is_um=True)


@pytest.mark.parametrize(
    ("step_um", "positions", "expected", "words"),
    [
        (None, None, Heights(), ()),
        (3.0, None, Heights(3.0), ()),
        (-3.0, None, Heights(3.0, z_falls=True), ()),
        (0.0, None, Heights(), ()),
        (3.0, at(97, 100, 103), Heights(3.0), ()),
        (3.0, at(103, 100, 97), Heights(3.0, z_falls=True), ()),
        (3.0, at(97.02, 99.99, 103.01), Heights(3.0), ()),
        (None, at(97, 100, 103), Heights(3.0), ()),
        (1.0, at(97, 100, 103), Heights(3.0), ("distance of 1 µm", "3 µm apart", "97, 100, 103 µm")),
        (-3.0, at(97, 100, 103), Heights(3.0), ()),
        (3.0, at(100, 100, 100), Heights(3.0), ("same height for all planes (100 µm)", "Check that the stage moved")),
        (None, at(100, 100, 100), Heights(), ("not known",)),
        (None, at(0, 3, 7.5), Heights(z_um=(0, 3, 7.5)), ("unevenly spaced", "0, 3, 7.5 µm")),
        (3.0, at(10, 13, 17.5), Heights(z_um=(0, 3, 7.5)), ("distance of 3 µm", "uneven heights")),
        (None, at(7.5, 3, 0), Heights(z_um=(0, -4.5, -7.5), z_falls=True), ("0, -4.5, -7.5 µm",)),
        (3.0, at(0, -3, 3), Heights(z_um=(0, -3, 3)), ("not in order of height",)),
        (3.0, at(0, 3, 3), Heights(z_um=(0, 3, 3)), ("not in order of height",)),
        (3.0, Positions(((1, 2, 4),), is_um=False), Heights(3.0), ()),
        (None, Positions(((4, 2, 1),), is_um=False), Heights(z_falls=True), ()),
        (None, Positions(((0, 3, 6), (50, 53, 56)), is_um=True), Heights(3.0), ()),
        (None, Positions(((0, 3, 7), (50, 53, 57)), is_um=True), Heights(z_um=(0, 3, 7)), ("unevenly",)),
        (3.0, Positions(((0, 3, 7), (50, 51, 52)), is_um=True), Heights(3.0), ("differ between the time points",)),
    ],
)
def test_a_stated_distance_and_stated_heights_are_settled(
    step_um: float | None, positions: Positions | None, expected: Heights, words: tuple[str, ...]
) -> None:
    found = settle_heights(step_um, positions)
    assert (found.z_step_um, found.z_um, found.z_falls) == (expected.z_step_um, expected.z_um, expected.z_falls)
    assert len(found.notes) == bool(words)
    assert all(word in found.notes[0] for word in words)


def write_imagej(path: Path, pixels_per_unit: float, **text: object) -> None:
    resolution = (pixels_per_unit, pixels_per_unit)
    tifffile.imwrite(path, ZYX_STACK, imagej=True, resolution=resolution, metadata={"axes": "ZYX", **text})


@both_ways
def test_each_axis_of_imagej_has_a_unit_of_its_own(path: Path, lazy: bool) -> None:
    write_imagej(path, 0.005, unit="nm", zunit="um", spacing=3.0)
    image = read_image(path, lazy=lazy)
    assert (image.pixel_size_um, image.z_step_um) == (0.2, 3.0)


def test_a_falling_spacing_of_imagej_is_a_distance_and_a_direction(path: Path) -> None:
    write_imagej(path, 5.0, unit="um", spacing=-3.0)
    image = read_image(path)
    assert (image.z_step_um, image.z_falls) == (3.0, True)


def test_imagej_micrometres_over_tags_in_centimetres(path: Path) -> None:
    text = "ImageJ=1.53t\nimages=3\nslices=3\nunit=um\nspacing=3.0\n"
    options = {"resolution": (50000, 50000), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", description=text, **options)
    image = read_image(path)
    assert (image.pixel_size_um, image.z_step_um) == (0.2, 3.0)


@pytest.mark.parametrize("dpi", [1200, 2400, 4800, 9600])
def test_a_scanners_resolution_is_no_pixel_size(path: Path, dpi: int) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], resolution=(dpi, dpi), resolutionunit="INCH", metadata=None)
    assert read_image(path).pixel_size_um is None
    tifffile.imwrite(path, ZYX_STACK[0], resolution=(dpi / 2.54,) * 2, resolutionunit="CENTIMETER", metadata=None)
    assert read_image(path).pixel_size_um is None


def write_ome(path: Path, axes: str = "ZYX", **metadata: object) -> None:
    tifffile.imwrite(path, ZYX_STACK, ome=True, photometric="minisblack", metadata={"axes": axes, **metadata})


@both_ways
def test_placeholder_sizes_are_not_used_and_named(path: Path, lazy: bool) -> None:
    write_ome(path, PhysicalSizeX=1.0, PhysicalSizeY=1.0, PhysicalSizeZ=1.0)
    image = read_image(path, lazy=lazy)
    assert (image.pixel_size_um, image.z_step_um) == (None, None)
    assert "exactly 1 µm" in image.notes[0]
    write_ome(path, PhysicalSizeX=1.0, PhysicalSizeY=1.0, PhysicalSizeZ=3.0)
    image = read_image(path, lazy=lazy)
    assert (image.pixel_size_um, image.z_step_um) == (1.0, 3.0)
    assert "pixel size of exactly 1 µm" in image.notes[0]
    write_imagej(path, 1.0, unit="um", spacing=1.0)
    image = read_image(path, lazy=lazy)
    assert (image.pixel_size_um, image.z_step_um) == (None, None)
    assert "plane distance of exactly 1 µm" in image.notes[0]


def test_sizes_of_one_micrometre_in_our_own_files_are_meant(path: Path) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX", 1.0, 1.0))
    image = read_image(path)
    assert (image.pixel_size_um, image.z_step_um, image.notes) == (1.0, 1.0, ())


def test_uneven_heights_survive_a_round_trip(path: Path) -> None:
    write_image(path, Image(ZYX_STACK, "ZYX", 0.5, z_um=(0.0, 3.0, 7.5), dark_counts=100.0))
    image = read_image(path)
    assert (image.z_um, image.z_step_um, image.dark_counts) == ((0.0, 3.0, 7.5), None, 100.0)


@both_ways
def test_heights_that_the_file_states_are_given_whatever_their_unit(path: Path, lazy: bool) -> None:
    write_ome(path, Plane={"PositionZ": [0, 3000, 7500], "PositionZUnit": ["nm"] * 3})
    image = read_image(path, lazy=lazy)
    assert (image.z_um, image.z_step_um) == ((0.0, 3.0, 7.5), None)


@pytest.mark.parametrize(("axes", "name"), [("TYX", "time points"), ("CYX", "channels")])
def test_planes_that_a_file_calls_time_points_or_channels_are_explained(path: Path, axes: str, name: str) -> None:
    write_ome(path, axes, Plane={"PositionZ": [-3, 0, 3], "PositionZUnit": ["µm"] * 3})
    image = read_image(path)
    assert (image.axes, image.z_um, image.z_step_um) == (axes, (0.0, 3.0, 6.0), None)
    assert f"calls its 3 images {name}, but states a different height for each (0, 3, 6 µm)" in image.notes[0]
    write_ome(path, axes, Plane={"PositionZ": [5, 5, 5], "PositionZUnit": ["µm"] * 3})
    assert (read_image(path).z_um, read_image(path).notes) == (None, ())


@pytest.mark.parametrize(("unit", "seconds"), [("sec", 2.0), ("min", 120.0), ("ms", 0.002), ("hours", 7200.0)])
def test_time_steps_of_imagej_are_in_the_unit_of_the_file(path: Path, unit: str, seconds: float) -> None:
    metadata = {"axes": "TYX", "finterval": 2.0, "tunit": unit}
    tifffile.imwrite(path, ZYX_STACK, imagej=True, metadata=metadata)
    assert read_image(path).time_step_s == seconds


def test_times_of_the_frames_give_the_time_step_where_it_is_not_stated(path: Path) -> None:
    write_ome(path, "TYX", Plane={"DeltaT": [100, 350, 700], "DeltaTUnit": ["ms"] * 3})
    assert read_image(path).time_step_s == 0.3


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("base.tif", (0.2, 3.0)),
        ("size_against_positions.ome.tif", (0.2, 3.0)),
        ("zunit.tif", (0.2, 3.0)),
        ("um_with_cm_tags.tif", (0.2, 3.0)),
        ("placeholder_sizes.ome.tif", (None, None)),
    ],
)
@both_ways
def test_shared_files_have_the_right_sizes(
    shared_data: Path, name: str, sizes: tuple[float | None, float | None], lazy: bool
) -> None:
    image = read_image(shared_data / "files" / name, lazy=lazy)
    assert (image.pixel_size_um, image.z_step_um) == sizes
    assert bool(image.notes) == (name in ("size_against_positions.ome.tif", "placeholder_sizes.ome.tif"))
