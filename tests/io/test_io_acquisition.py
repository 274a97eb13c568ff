"""Micro-Manager files can be read: one position or several, complete or aborted, with or without OME-XML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.acquisition_files import Index, write_micromanager, write_ndtiff

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, read_positions

TPZYX = np.random.default_rng(0).integers(1, 4000, (2, 3, 3, 20, 30), dtype=np.uint16)
"""Two time points of three positions of three planes."""

SUMMARY: Mapping[str, Any] = {"Slices": 3, "Channels": 1, "Frames": 1, "Positions": 1, "SlicesFirst": True}
IMAGEJ = "ImageJ=1.53t\nimages={count}\nslices={planes}\nhyperstack=true\nunit=um\nspacing=9.0\n"
both_ways = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def pages_of(times: range, positions: range, planes: range = range(3)) -> dict[Index, np.ndarray]:
    return {(0, z, t, p): TPZYX[t, p, z] for p in positions for t in times for z in planes}


def ome(*names: str, pixel_um: str = "0.2", files: tuple[str, ...] = ()) -> str:
    images = "".join(
        f'<Image ID="Image:{i}" Name="{name}"><Pixels ID="Pixels:{i}" DimensionOrder="XYZCT" Type="uint16" SizeX="30" '
        f'SizeY="20" SizeZ="3" SizeC="1" SizeT="1" PhysicalSizeX="{pixel_um}" PhysicalSizeY="{pixel_um}" '
        f'PhysicalSizeZ="{i + 1}.5"><Channel ID="Channel:{i}:0" SamplesPerPixel="1"/>'
        + (f'<TiffData IFD="0"><UUID FileName="{files[i]}">urn:uuid:{i}</UUID></TiffData>' if files else "<TiffData/>")
        + f'<Plane TheZ="0" TheC="0" TheT="0" PositionX="{i}00" PositionXUnit="µm" PositionY="7" PositionYUnit="µm"/>'
        "</Pixels></Image>"
        for i, name in enumerate(names)
    )
    return f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'


def sizes(image: Image) -> tuple[float | None, float | None]:
    return image.pixel_size_um, image.z_step_um


@both_ways
def test_a_stack_with_ome_and_imagej_descriptions_in_one_page_opens(tmp_path: Path, lazy: bool) -> None:
    path = tmp_path / "scan_MMStack_Pos0.ome.tif"
    texts = [ome("Pos0"), IMAGEJ.format(count=3, planes=3)]
    write_micromanager(path, pages_of(range(1), range(1)), SUMMARY, descriptions=texts)
    image = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), TPZYX[0, 0])
    assert (image.axes, sizes(image), image.notes, image.origin_yx_um) == ("ZYX", (0.2, 1.5), (), (7.0, 0.0))


@both_ways
def test_pages_are_put_in_order_by_the_index_map(tmp_path: Path, lazy: bool) -> None:
    path, pages = tmp_path / "scan_MMStack_Pos0.ome.tif", pages_of(range(2), range(1))
    shuffled = {index: pages[index] for index in sorted(pages, key=lambda index: (index[1], -index[2]))}
    write_micromanager(path, shuffled, {**SUMMARY, "Frames": 2, "Interval_ms": 1500.0})
    image = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), TPZYX[:, 0])
    assert (image.axes, image.time_step_s) == ("TZYX", 1.5)


@both_ways
def test_several_positions_of_one_file_are_an_image_each(tmp_path: Path, lazy: bool) -> None:
    path = tmp_path / "scan_MMStack.ome.tif"
    summary = {**SUMMARY, "Positions": 3, "Frames": 2}
    write_micromanager(path, pages_of(range(2), range(3)), summary, descriptions=[ome("A", "B", "C")])
    images = read_positions(path, lazy=lazy)
    assert [image.name for image in images] == ["scan_MMStack A", "scan_MMStack B", "scan_MMStack C"]
    for number, image in enumerate(images):
        np.testing.assert_array_equal(np.asarray(image.data), TPZYX[:, number])
        assert image.z_step_um == number + 1.5
        assert image.origin_yx_um == (7.0, 100.0 * number)
    first = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(first.data), TPZYX[:, 0])
    assert "holds 3 positions (A, B, C); only the first was read" in first.notes[0]
    last = read_image(path, lazy=lazy, position=2)
    np.testing.assert_array_equal(np.asarray(last.data), TPZYX[:, 2])
    assert last.notes == ()
    with pytest.raises(InputError, match="no position 3: it holds positions 0 to 2"):
        read_image(path, position=3)


@both_ways
@pytest.mark.parametrize("beside", [(0, 1, 2), (1,), (0, 1)], ids=["all files", "alone", "one sibling"])
def test_a_position_in_a_file_of_its_own_has_its_own_pixels_and_metadata(
    tmp_path: Path, lazy: bool, beside: tuple[int, ...]
) -> None:
    names = tuple(f"scan_MMStack_{label}.ome.tif" for label in "ABC")
    summary = {**SUMMARY, "Positions": 3, "Prefix": "scan"}
    for number in beside:
        texts = [ome("A", "B", "C", files=names), IMAGEJ.format(count=3, planes=3)]
        write_micromanager(
            tmp_path / names[number], pages_of(range(1), range(number, number + 1)), summary, descriptions=texts
        )
    image = read_image(tmp_path / names[1], lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), TPZYX[0, 1])
    assert (image.z_step_um, image.origin_yx_um, image.notes) == (2.5, (7.0, 100.0), ())
    assert len(read_positions(tmp_path / names[1])) == 1


@both_ways
def test_an_aborted_series_gives_its_complete_time_points_with_a_note(tmp_path: Path, lazy: bool) -> None:
    path, pages = tmp_path / "scan_MMStack_Pos0.ome.tif", pages_of(range(2), range(1))
    del pages[0, 2, 1, 0]
    write_micromanager(path, pages, {**SUMMARY, "Frames": 100})
    image = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), TPZYX[0, 0])
    assert image.axes == "ZYX"
    assert "1 of 2 time points" in image.notes[0]


def test_positions_are_not_taken_for_planes_where_the_summary_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "scan_MMStack.ome.tif"
    write_micromanager(path, pages_of(range(1), range(2)), {"Slices": 3, "Positions": 2})
    with pytest.raises(InputError, match="summary of the file is incomplete"):
        read_image(path)
    write_micromanager(path, pages_of(range(1), range(1)), {"Slices": 3})
    np.testing.assert_array_equal(read_image(path).data, TPZYX[0, 0])


def test_a_renamed_file_opens(tmp_path: Path) -> None:
    path = tmp_path / "my cells.tif"
    write_micromanager(path, pages_of(range(1), range(1)), {**SUMMARY, "Prefix": "scan"}, descriptions=[ome("Pos0")])
    image = read_image(path)
    np.testing.assert_array_equal(image.data, TPZYX[0, 0])
    assert sizes(image) == (0.2, 1.5)


@both_ways
def test_without_ome_the_summary_and_the_planes_say_the_sizes(tmp_path: Path, lazy: bool) -> None:
    path, pages = tmp_path / "scan_MMStack_Pos0.ome.tif", pages_of(range(1), range(1))
    write_micromanager(path, pages, {**SUMMARY, "PixelSize_um": 0.25, "z-step_um": 2.0})
    assert sizes(read_image(path, lazy=lazy)) == (0.25, 2.0)
    heights_um = {index: 10.0 + 3.0 * index[1] for index in pages}
    write_micromanager(path, pages, SUMMARY, heights_um=heights_um, pixel_size_um=0.5)
    assert sizes(read_image(path, lazy=lazy)) == (0.5, 3.0)
    write_micromanager(path, pages, {**SUMMARY, "z-step_um": 1.0}, heights_um=heights_um, pixel_size_um=0.5)
    image = read_image(path, lazy=lazy)
    assert image.z_step_um == 3.0
    assert "plane distance of 1 µm, but heights 3 µm apart" in image.notes[0]


def test_a_file_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "scan_MMStack_Pos0.ome.tif"
    write_micromanager(path, pages_of(range(1), range(1)), SUMMARY)
    content = path.read_bytes()
    cut = content[: len(content) // 2]
    path.write_bytes(cut)
    with pytest.raises(InputError, match="damaged or cut short"):
        read_image(path)


@both_ways
def test_an_ndtiff_data_set_opens(tmp_path: Path, lazy: bool) -> None:
    pages = {(("time", t), ("z", z)): TPZYX[t, 0, z] for t in range(2) for z in range(3)}
    path = write_ndtiff(tmp_path, pages, {"PixelSize_um": 0.2, "z-step_um": 3.0})
    image = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), TPZYX[:, 0])
    assert (image.axes, sizes(image), image.notes) == ("TZYX", (0.2, 3.0), ())


@both_ways
def test_positions_and_heights_of_an_ndtiff_data_set(tmp_path: Path, lazy: bool) -> None:
    pages = {(("position", p), ("z", z)): TPZYX[0, p, z] for p in range(2) for z in range(3)}
    path = write_ndtiff(tmp_path, pages, {}, heights_um=[5.0, 4.0, 2.0, 6.0, 6.0, 6.0])
    images = read_positions(path, lazy=lazy)
    assert len(images) == 2
    for number, image in enumerate(images):
        np.testing.assert_array_equal(np.asarray(image.data), TPZYX[0, number])
    assert (images[0].z_um, images[0].z_falls) == ((0.0, -1.0, -3.0), True)


def test_a_file_of_an_ndtiff_data_set_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_ndtiff(tmp_path, {(("z", z),): TPZYX[0, 0, z] for z in range(3)}, {})
    (tmp_path / "NDTiff.index").unlink()
    with pytest.raises(InputError, match=r"^\S+\.tif: belongs to an NDTiff data set whose NDTiff\.index is missing"):
        read_image(path)


def test_the_shared_stack_of_micromanager_is_a_cell_of_known_sizes(shared_data: Path) -> None:
    image = read_image(shared_data / "files" / "scan_1_MMStack_Pos0.ome.tif", lazy=True)
    assert (image.axes, sizes(image), image.origin_yx_um) == ("ZYX", (0.2, 3.0), (200.0, 100.0))
