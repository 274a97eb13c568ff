"""One file of a set, alone, renamed, or among files of another set."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import find_images, natural_order, read_image

ZYX_STACK = np.random.default_rng(0).integers(1, 4000, (3, 20, 30), dtype=np.uint16)
both_ways = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'


def described(own: str, files: list[tuple[str, str]]) -> str:
    """One image of planes that are a file each: name and identifier."""
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for z, (name, uuid) in enumerate(files)
    )
    uuid = f' UUID="{own}"' if own else ""
    return OME.format(
        uuid,
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" '
        f'SizeZ="{len(files)}" SizeC="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="2.5">'
        f"{data}</Pixels></Image>",
    )


FILES = [(f"z{z}.ome.tif", f"urn:uuid:{z}") for z in range(3)]


def write_plane(folder: Path, z: int, text: str | None = None) -> Path:
    path = folder / FILES[z][0]
    tifffile.imwrite(path, ZYX_STACK[z], description=text or described(FILES[z][1], FILES), metadata=None)
    return path


@both_ways
def test_a_whole_set_is_one_stack(tmp_path: Path, lazy: bool) -> None:
    paths = [write_plane(tmp_path, z) for z in range(3)]
    for path in paths:
        image = read_image(path, lazy=lazy)
        np.testing.assert_array_equal(np.asarray(image.data), ZYX_STACK)
        assert (image.z_step_um, image.notes) == (2.5, ())


@both_ways
def test_a_file_alone_gives_its_own_plane_and_names_the_missing_ones(tmp_path: Path, lazy: bool) -> None:
    image = read_image(write_plane(tmp_path, 1), lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), ZYX_STACK[1])
    assert "one of a set of 3 files" in image.notes[0]
    assert "z0.ome.tif, z2.ome.tif are missing" in image.notes[0]
    assert "1 of 3 planes" in image.notes[0]


@both_ways
def test_a_file_of_another_set_is_not_taken_for_the_missing_one(tmp_path: Path, lazy: bool) -> None:
    for z in (0, 1):
        write_plane(tmp_path, z)
    write_plane(tmp_path, 2, described("urn:uuid:other", [(FILES[2][0], "urn:uuid:other")]))
    image = read_image(tmp_path / "z0.ome.tif", lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), ZYX_STACK[:2])
    assert "z2.ome.tif is from another set" in image.notes[0]


@both_ways
@pytest.mark.parametrize("identifier", ["urn:uuid:0", ""], ids=["known", "unknown"])
@pytest.mark.parametrize("original_stays", [False, True])
def test_a_renamed_file_gives_its_own_pixels(tmp_path: Path, lazy: bool, identifier: str, original_stays: bool) -> None:
    text = described(identifier, [("before.ome.tif", "urn:uuid:0")] * 1)
    if original_stays:
        tifffile.imwrite(tmp_path / "before.ome.tif", ZYX_STACK[2], description=text, metadata=None)
    path = tmp_path / "renamed.tif"
    tifffile.imwrite(path, ZYX_STACK[0], description=text, metadata=None)
    image = read_image(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(image.data), ZYX_STACK[0])
    assert image.pixel_size_um == 0.5
    assert bool(image.notes) == (not identifier)


def test_a_renamed_file_of_a_set_without_identifiers_is_refused_with_the_names(tmp_path: Path) -> None:
    path = tmp_path / "renamed.tif"
    tifffile.imwrite(path, ZYX_STACK[0], description=described("", FILES), metadata=None)
    with pytest.raises(InputError, match=r"set of 3 files, none of which has this name.*z0\.ome\.tif"):
        read_image(path)


def test_a_file_that_is_described_elsewhere_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plane.ome.tif"
    text = OME.format("", '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/>')
    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", description=text, metadata=None)
    image = read_image(path)
    np.testing.assert_array_equal(image.data, ZYX_STACK)
    assert "described in set.companion.ome" in image.notes[0]


def test_numbers_in_names_are_in_their_order(tmp_path: Path) -> None:
    names = ["img_1.tif", "img_2.tif", "img_010.tif", "img_10.tif", "img_11.tif", "other.tif", "7.tif"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    expected = ["7.tif", "img_1.tif", "img_2.tif", "img_010.tif", "img_10.tif", "img_11.tif", "other.tif"]
    assert [path.name for path in find_images(tmp_path)] == expected
    assert [path.name for path in natural_order(tmp_path / name for name in reversed(names))] == expected


@both_ways
def test_the_shared_lone_file_names_its_missing_siblings(shared_data: Path, lazy: bool) -> None:
    image = read_image(shared_data / "files" / "z1.ome.tif", lazy=lazy)
    assert image.axes == "YX"
    assert "z0.ome.tif, z2.ome.tif are missing" in image.notes[0]
