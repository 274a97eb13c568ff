"""Files of other programs are read correctly: sizes, units, axes, positions."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import find_images, read_image

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


def test_imagej_stack_gives_pixel_size_step_interval_and_origin(path: Path) -> None:
    tifffile.imwrite(
        path,
        np.stack([ZYX_STACK, ZYX_STACK]),
        imagej=True,
        resolution=(1 / 0.65, 1 / 0.65),
        metadata={"axes": "TZYX", "unit": "micron", "spacing": 3.0, "finterval": 0.5, "xorigin": -10, "yorigin": 2},
    )
    image = read_image(path)
    assert (image.axes, image.name, image.quantity) == ("TZYX", "slide 1", "intensity")
    assert (image.pixel_size_um, image.z_step_um, image.time_step_s) == (0.65, 3.0, 0.5)
    assert image.origin_yx_um == pytest.approx((-1.3, 6.5))


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1000), ("um", 1), ("\\u00B5m", 1), ("mm", 1e-3), ("cm", 1e-4)])
def test_imagej_units_become_micrometres(path: Path, unit: str, factor: float) -> None:
    resolution = 1 / (0.65 * factor)
    tifffile.imwrite(
        path,
        ZYX_STACK,
        imagej=True,
        resolution=(resolution, resolution),
        metadata={"unit": unit, "spacing": 3 * factor},
    )
    image = read_image(path)
    assert image.pixel_size_um == pytest.approx(0.65, rel=1e-5)
    assert image.data.shape == ZYX_STACK.shape


@pytest.mark.parametrize("unit", ["pixel", "", "furlong"])
def test_an_imagej_unit_that_is_no_length_states_no_size(path: Path, unit: str) -> None:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 3.0}
    tifffile.imwrite(path, ZYX_STACK, imagej=True, resolution=(2, 2), metadata=metadata)
    image = read_image(path)
    assert image.pixel_size_um is None
    assert image.z_step_um is None


def test_imagej_without_a_resolution_states_no_pixel_size(path: Path) -> None:
    tifffile.imwrite(path, ZYX_STACK, imagej=True, metadata={"axes": "ZYX", "unit": "um", "spacing": 3.0})
    image = read_image(path)
    assert (image.pixel_size_um, image.z_step_um) == (None, 3.0)


@pytest.mark.parametrize(
    ("unit", "size", "expected"), [("µm", 0.5, 0.5), ("nm", 232.5, 0.2325), ("mm", 0.00065, 0.65), ("pixel", 1, None)]
)
def test_ome_units_become_micrometres(path: Path, unit: str, size: float, expected: float | None) -> None:
    sizes = {"PhysicalSizeX": size, "PhysicalSizeY": size, "PhysicalSizeZ": size}
    units = {name + "Unit": unit for name in sizes}
    tifffile.imwrite(path, ZYX_STACK, ome=True, photometric="minisblack", metadata={"axes": "ZYX", **sizes, **units})
    image = read_image(path)
    assert image.pixel_size_um == expected
    assert image.z_step_um == expected


def test_ome_position_and_time_are_read_and_an_emission_wavelength_is_not(path: Path) -> None:
    metadata = {
        "axes": "TYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 9.0,
        "TimeIncrement": 250,
        "TimeIncrementUnit": "ms",
        "Channel": {"Name": "DAPI", "EmissionWavelength": 461, "EmissionWavelengthUnit": "nm"},
        "Plane": {
            "PositionX": [1.5] * 3,
            "PositionXUnit": ["mm"] * 3,
            "PositionY": [-20.0] * 3,
            "PositionYUnit": ["µm"] * 3,
        },
    }
    tifffile.imwrite(path, ZYX_STACK, ome=True, photometric="minisblack", metadata=metadata)
    image = read_image(path)
    assert image.origin_yx_um == (-20.0, 1500.0)
    assert image.time_step_s == 0.25
    assert image.z_step_um is None  # there is no Z axis
    assert image.wavelength_um is None


def write_ome(path: Path, *, instrument: str = "", reference: str = "", pixels: str = "", planes: str = "") -> None:
    """Three planes under OME-XML put together from its parts."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'{instrument}<Image ID="Image:0">{reference}<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1" {pixels}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f'<TiffData IFD="0" PlaneCount="3"/>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", description=text.encode(), metadata=None)


def planes_at(heights: list[object], unit: str = 'PositionZUnit="µm"') -> str:
    rows = [f'<Plane TheZ="{i}" TheC="0" TheT="0" PositionZ="{z}" {unit}/>' for i, z in enumerate(heights)]
    return "".join(reversed(rows))  # the order of the elements says nothing


INSTRUMENT = (
    '<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="0.25"/>'
    '<Objective ID="Objective:1" LensNA="{}"/><Objective LensNA="0.4"/></Instrument>'
)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("0.65", 0.65), ("1.49", 1.49), ("65", None), ("1.7", None), ("0", None), ("-0.4", None), ("dry", None)],
)
def test_ome_aperture_is_that_of_the_objective_the_image_names(path: Path, stated: str, expected: float | None) -> None:
    write_ome(path, instrument=INSTRUMENT.format(stated), reference='<ObjectiveSettings ID="Objective:1"/>')
    assert read_image(path).numerical_aperture == expected


@pytest.mark.parametrize("reference", ["", "<ObjectiveSettings/>", '<ObjectiveSettings ID="Objective:9"/>'])
def test_ome_aperture_of_an_objective_that_the_image_does_not_name_is_left_out(path: Path, reference: str) -> None:
    write_ome(path, instrument=INSTRUMENT.format(0.65), reference=reference)
    assert read_image(path).numerical_aperture is None


@pytest.mark.parametrize(
    ("heights", "falls", "step_um"),
    [
        ([10.0, 7.0, 4.0], True, 3.0),
        ([4.0, 7.0, 10.0], False, 3.0),
        ([0.3, 0.0, -0.3], True, 0.3),
        ([10.0, 6.99, 4.01], True, 2.995),
        ([10.0, 7.0, 5.0], True, None),
        ([10.0, 7.0, 8.0], False, None),
        ([7.0, 7.0, 7.0], False, None),
        ([10.0, 7.0], False, None),
        ([10.0, "low", 4.0], False, None),
        ([], False, None),
        ([1e308, 0.0, -1e308], True, None),
    ],
)
def test_ome_heights_of_planes_give_their_direction_and_even_step(
    path: Path, heights: list[object], falls: bool, step_um: float | None
) -> None:
    write_ome(path, planes=planes_at(heights))
    image = read_image(path)
    assert (image.z_falls, image.z_step_um) == (falls, step_um)


def test_ome_heights_of_planes_count_before_a_step_that_contradicts_them_and_both_are_named(path: Path) -> None:
    write_ome(path, pixels='PhysicalSizeZ="2.5"', planes=planes_at([10.0, 7.0, 4.0]))
    image = read_image(path)
    assert (image.z_falls, image.z_step_um) == (True, 3.0)
    assert "plane distance of 2.5 µm, but heights 3 µm apart" in image.notes[0]


@pytest.mark.parametrize(
    ("unit", "step_um"), [('PositionZUnit="mm"', 3000.0), ("", None), ('PositionZUnit="reference frame"', None)]
)
def test_ome_heights_in_a_unit_that_is_no_length_give_the_direction_only(
    path: Path, unit: str, step_um: float | None
) -> None:
    write_ome(path, planes=planes_at([10.0, 7.0, 4.0], unit))
    image = read_image(path)
    assert (image.z_falls, image.z_step_um) == (True, step_um)


def test_ome_heights_that_differ_in_direction_between_time_points_say_nothing(path: Path) -> None:
    heights = [3.0, 2.0, 1.0, 3.0, 2.0, 1.0]
    metadata = {"axes": "TZYX", "Plane": {"PositionZ": heights, "PositionZUnit": ["µm"] * 6}}
    tzyx_stack = np.stack([ZYX_STACK, ZYX_STACK])
    tifffile.imwrite(path, tzyx_stack, ome=True, photometric="minisblack", metadata=metadata)
    assert (read_image(path).z_falls, read_image(path).z_step_um) == (True, 1.0)
    metadata["Plane"]["PositionZ"] = [3.0, 2.0, 1.0, 1.0, 2.0, 3.0]
    tifffile.imwrite(path, tzyx_stack, ome=True, photometric="minisblack", metadata=metadata)
    assert (read_image(path).z_falls, read_image(path).z_step_um) == (False, None)


@pytest.mark.parametrize(
    "planes",
    [
        '<Plane TheZ="one" PositionZ="3"/>' * 3,
        '<Plane PositionZ="3"/><Plane/>',
        '<Plane TheZ="1e400" PositionZ="nan"/>',
        planes_at([3, 2, 1]).replace("µm", "mm", 1),
    ],
)
def test_odd_ome_planes_are_no_obstacle(path: Path, planes: str) -> None:
    write_ome(path, planes=planes)
    image = read_image(path)
    assert (image.axes, image.z_falls, image.z_step_um) == ("ZYX", False, None)


def test_ome_position_in_the_stages_own_frame_is_no_length(path: Path) -> None:
    metadata = {"Plane": {"PositionX": [3.0], "PositionY": [4.0]}}
    tifffile.imwrite(path, ZYX_STACK[0], ome=True, metadata=metadata)
    assert read_image(path).origin_yx_um == (0.0, 0.0)


@pytest.mark.parametrize(("unit", "per_um"), [("CENTIMETER", 1e4), ("INCH", 25400)])
def test_resolution_tags_give_the_pixel_size(path: Path, unit: str, per_um: float) -> None:
    resolution = (per_um / 0.65, per_um / 0.65)
    tifffile.imwrite(path, ZYX_STACK[0], resolution=resolution, resolutionunit=unit, metadata=None)
    assert read_image(path).pixel_size_um == 0.65


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300])
def test_a_screens_or_printers_resolution_is_no_pixel_size(path: Path, dpi: int) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], resolution=(dpi, dpi), resolutionunit="INCH", metadata=None)
    assert read_image(path).pixel_size_um is None


def test_ome_without_a_size_takes_the_resolution_tags(path: Path) -> None:
    tifffile.imwrite(path, ZYX_STACK[0], ome=True, resolution=(2e4, 2e4), resolutionunit="CENTIMETER")
    assert read_image(path).pixel_size_um == 0.5


def test_an_image_is_named_after_its_file(tmp_path: Path) -> None:
    for name in ("well A1.tif", "well A1.ome.tif", "well A1.tiff"):
        tifffile.imwrite(tmp_path / name, ZYX_STACK[0])
        assert read_image(tmp_path / name).name == "well A1"


@pytest.mark.parametrize("form", ["ome", "imagej"])
def test_pixels_that_are_not_square_are_refused(path: Path, form: str) -> None:
    if form == "ome":
        tifffile.imwrite(path, ZYX_STACK[0], ome=True, metadata={"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2})
    else:
        tifffile.imwrite(path, ZYX_STACK[0], imagej=True, resolution=(10, 5), metadata={"unit": "um"})
    with pytest.raises(InputError, match=r"slide 1\.tif: its pixels are not square \(0\.1 x 0\.2 um\)"):
        read_image(path)


def test_numbers_keep_their_type_and_take_the_machines_byte_order(path: Path) -> None:
    for dtype in ("uint8", "uint16", "float32", "float64", "int16"):
        data = ZYX_STACK.astype(dtype)
        tifffile.imwrite(path, data, byteorder=">", photometric="minisblack", metadata={"axes": "ZYX"})
        image = read_image(path)
        assert image.data.dtype == np.dtype(dtype)
        assert image.data.dtype.isnative
        np.testing.assert_array_equal(image.data, data)


def test_unnamed_pages_are_planes_however_they_were_written(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "guessed_rgb.tif", ZYX_STACK, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "bare.tif", ZYX_STACK, photometric="minisblack", metadata=None)
    with tifffile.TiffWriter(tmp_path / "one_by_one.tif") as tif:
        for yx_plane in ZYX_STACK:
            tif.write(yx_plane, contiguous=False)
    for path in find_images(tmp_path):
        image = read_image(path)
        assert image.axes == "ZYX", path
        np.testing.assert_array_equal(image.data, ZYX_STACK)


def test_rgb_keeps_its_samples_last(path: Path) -> None:
    yxs_image = np.random.default_rng(2).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    tifffile.imwrite(path, yxs_image, photometric="rgb")
    assert read_image(path).axes == "YXS"
    planar = np.moveaxis(yxs_image, -1, 0)
    tifffile.imwrite(path, planar, photometric="rgb", planarconfig="separate", metadata=None)
    image = read_image(path)
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.data, yxs_image)


def test_axes_of_length_one_go_but_y_and_x_stay(path: Path) -> None:
    tifffile.imwrite(path, ZYX_STACK[:1, None, :1], ome=True, photometric="minisblack", metadata={"axes": "TZYX"})
    image = read_image(path)
    assert (image.axes, image.data.shape) == ("YX", (1, 30))


def test_real_hela_stack_has_two_planes_with_their_sizes(shared_data: Path) -> None:
    image = read_image(shared_data / "hela_20x" / "hela_20x_focus_stack.ome.tif")
    assert (image.axes, image.data.shape, image.data.dtype) == ("ZYX", (2, 1280, 1280), np.uint8)
    assert (image.pixel_size_um, image.z_step_um) == (0.2325, 2.5)


def test_real_hl60_phase_maps_are_read_with_their_pixel_size(shared_data: Path) -> None:
    image = read_image(shared_data / "hl60_qpi" / "hl60_phase_rad.ome.tif")
    assert (image.axes, image.data.shape, image.data.dtype) == ("TYX", (20, 140, 140), np.float32)
    assert image.pixel_size_um == 0.139
