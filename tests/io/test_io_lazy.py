"""A file opened lazily gives the same pixels, and each time point is read only when it is computed."""

import dataclasses
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels, read_image, to_luminance, write_image
from napari_contransgan.io import lazy as lazy_reading

TZYX_LAPSE = np.random.default_rng(3).integers(1, 4000, (5, 3, 20, 30), dtype=np.uint16)
TYXS_LAPSE = np.random.default_rng(4).integers(0, 255, (5, 20, 30, 3), dtype=np.uint8)
ZYX_STACK = TZYX_LAPSE[0]

OME: dict[str, Any] = {"ome": True, "photometric": "minisblack"}
WRITERS: dict[str, tuple[Callable[[Path], object], tuple[int, ...]]] = {
    "ImageJ hyperstack": (
        lambda path: tifffile.imwrite(path, TZYX_LAPSE, imagej=True, metadata={"axes": "TZYX"}),
        (1, 3, 20, 30),
    ),
    "ImageJ colours": (
        lambda path: tifffile.imwrite(path, TYXS_LAPSE[:, None, None], imagej=True, metadata={"axes": "TZCYXS"}),
        (1, 20, 30, 3),
    ),
    "OME": (lambda path: tifffile.imwrite(path, TZYX_LAPSE, **OME, metadata={"axes": "TZYX"}), (1, 3, 20, 30)),
    "OME compressed": (
        lambda path: tifffile.imwrite(
            path, TZYX_LAPSE, **OME, metadata={"axes": "TZYX"}, compression="zlib", predictor=True, rowsperstrip=7
        ),
        (1, 3, 20, 30),
    ),
    "OME with time within": (
        lambda path: tifffile.imwrite(
            path, TZYX_LAPSE.swapaxes(0, 1), **OME, metadata={"axes": "ZTYX"}, compression="lzw"
        ),
        (3, 1, 20, 30),
    ),
    "OME with time within, as it is": (
        lambda path: tifffile.imwrite(path, TZYX_LAPSE.swapaxes(0, 1), **OME, metadata={"axes": "ZTYX"}),
        (3, 1, 20, 30),
    ),
    "OME with other axes of length one": (
        lambda path: tifffile.imwrite(path, TZYX_LAPSE[:, None], **OME, metadata={"axes": "TCZYX"}),
        (1, 3, 20, 30),
    ),
    "own": (lambda path: write_image(path, Image(TZYX_LAPSE, "TZYX", 0.65, 3.0, 60.0, name="ours")), (1, 3, 20, 30)),
    "own with an axis of length one": (
        lambda path: write_image(path, Image(TZYX_LAPSE[:, None], "TCZYX", 0.65, name="ours")),
        (1, 1, 3, 20, 30),
    ),
    "colours": (
        lambda path: tifffile.imwrite(
            path, TYXS_LAPSE, photometric="rgb", compression="zlib", metadata={"axes": "TYXS"}
        ),
        (1, 20, 30, 3),
    ),
    "colours plane by plane": (
        lambda path: tifffile.imwrite(
            path,
            np.moveaxis(TYXS_LAPSE, -1, 1),
            photometric="rgb",
            planarconfig="separate",
            compression="zlib",
            metadata={"axes": "TSYX"},
        ),
        (1, 20, 30, 3),
    ),
    "one colour frame": (lambda path: tifffile.imwrite(path, TYXS_LAPSE[0], photometric="rgb"), (20, 30, 3)),
    "one frame": (lambda path: tifffile.imwrite(path, ZYX_STACK[0], compression="zlib"), (20, 30)),
    "tiles": (
        lambda path: tifffile.imwrite(path, ZYX_STACK, tile=(16, 16), photometric="minisblack", compression="zlib"),
        (1, 20, 30),
    ),
    "bare pages": (
        lambda path: tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", metadata=None),
        (1, 20, 30),
    ),
    "big-endian": (
        lambda path: tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", byteorder=">", bigtiff=True),
        (1, 20, 30),
    ),
    "big-endian compressed": (
        lambda path: tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", byteorder=">", compression="zlib"),
        (1, 20, 30),
    ),
    "planes appended": (lambda path: append(path, [{}, {}, {}]), (1, 20, 30)),
    "planes appended with other compressions": (
        lambda path: append(path, [{}, {"compression": "zlib"}, {"compression": "lzw"}]),
        (1, 20, 30),
    ),
    "depth within a page": (
        lambda path: tifffile.imwrite(
            path, np.moveaxis(ZYX_STACK, 0, -1), photometric="minisblack", metadata={"axes": "YXZ"}, compression="zlib"
        ),
        (1, 20, 30),
    ),
}


def append(path: Path, options: list[dict[str, Any]]) -> None:
    with tifffile.TiffWriter(path) as tif:
        for yx_plane, option in zip(ZYX_STACK, options, strict=True):
            tif.write(yx_plane, contiguous=False, **option)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slide 1.tif"


@pytest.mark.parametrize(("write", "chunk"), WRITERS.values(), ids=WRITERS.keys())
def test_lazy_pixels_are_the_same_in_one_chunk_for_each_time_point_or_plane(
    path: Path, write: Callable[[Path], object], chunk: tuple[int, ...]
) -> None:
    write(path)
    eager, lazy = read_image(path), read_image(path, lazy=True)
    assert isinstance(lazy.data, dask.array.Array)
    assert lazy.data.chunksize == chunk
    assert lazy.data.dtype == eager.data.dtype
    np.testing.assert_array_equal(lazy.data.compute(), eager.data, strict=True)
    np.testing.assert_array_equal(lazy.data[..., 1:7, 2].compute(), eager.data[..., 1:7, 2])
    assert dataclasses.replace(lazy, data=None) == dataclasses.replace(eager, data=None)


RGB = np.random.default_rng(6).integers(0, 255, (133, 171, 3), dtype=np.uint8)
LARGE: dict[str, tuple[np.ndarray, dict[str, Any], tuple[int, int]]] = {
    "bare": (TZYX_LAPSE[0].repeat(7, 1), {}, (32, 30)),
    "strips": (TZYX_LAPSE[0].repeat(7, 1), {"compression": "zlib", "rowsperstrip": 5, "predictor": True}, (35, 30)),
    "tiles": (TZYX_LAPSE[0].repeat(7, 1).repeat(3, 2), {"tile": (16, 48), "compression": "lzw"}, (32, 48)),
    "big-endian tiles": (TZYX_LAPSE[0].repeat(9, 2).astype(">f4"), {"tile": (16, 16), "byteorder": ">"}, (20, 32)),
    "OME tiles": (TZYX_LAPSE[0].repeat(7, 1), {"tile": (16, 32), "ome": True, "metadata": {"axes": "ZYX"}}, (32, 30)),
    "colour tiles": (RGB, {"tile": (32, 32), "compression": "zlib", "photometric": "rgb"}, (32, 32)),
    "JPEG tiles": (RGB, {"tile": (32, 32), "compression": "jpeg", "photometric": "rgb"}, (32, 32)),
}


@pytest.mark.parametrize(("data", "options", "part"), LARGE.values(), ids=LARGE.keys())
def test_large_pages_are_read_in_parts(
    path: Path, data: np.ndarray, options: dict[str, Any], part: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_reading, "MOST_PAGE_BYTES", 100)
    monkeypatch.setattr(lazy_reading, "CHUNK_PX", 32)
    tifffile.imwrite(path, data, **{"photometric": "minisblack", **options})
    lazy = read_image(path, lazy=True).data
    frame = slice(0, 2) if data.shape[-1] == 3 else slice(1, 3)
    assert lazy.chunksize[frame] == part
    np.testing.assert_array_equal(lazy.compute(), read_image(path).data, strict=True)


def write_pyramid(path: Path, kind: str, data: np.ndarray) -> None:
    """Write levels as programs do; the coarser ones are inverted, so that using one would be seen."""
    coarser = [data.max() - data[..., :: 2**level, :: 2**level] for level in (1, 2)]
    options: dict[str, Any] = {"tile": (32, 32), "compression": "zlib", "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=kind == "OME") as tif:
        described = {"axes": "ZYX"[-data.ndim :], "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
        described |= {"PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
        subifds, metadata = {"OME": (2, described), "SubIFDs": (2, None), "pages": (None, None)}[kind]
        tif.write(data, **options, subifds=subifds, metadata=metadata)
        for level in coarser:
            tif.write(level, **options, subfiletype=1, metadata=None)


@pytest.mark.parametrize(("kind", "planes"), [("OME", 1), ("OME", 3), ("SubIFDs", 1), ("SubIFDs", 3), ("pages", 1)])
def test_the_full_resolution_of_a_pyramid_is_read_in_parts(
    path: Path, kind: str, planes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_reading, "MOST_PAGE_BYTES", 100)
    monkeypatch.setattr(lazy_reading, "CHUNK_PX", 64)
    data = TZYX_LAPSE[0].repeat(7, 1).repeat(6, 2)
    data = data[0] if planes == 1 else data
    write_pyramid(path, kind, data)
    read: list[tuple[int, ...]] = []
    original = lazy_reading._read_segments

    def noted(tif: tifffile.TiffFile, page: tifffile.TiffPage, window: tuple[int, int, int, int]) -> np.ndarray:
        read.append(window)
        return original(tif, page, window)

    monkeypatch.setattr(lazy_reading, "_read_segments", noted)
    image = read_image(path, lazy=True)
    assert image.data.shape == data.shape
    assert image.data.chunksize[-2:] == (64, 64)
    assert image.pixel_size_um == (0.5 if kind == "OME" else None)
    assert read == []
    np.testing.assert_array_equal(image.data[..., 70:100, 5].compute(), data[..., 70:100, 5])
    assert set(read) == {(64, 128, 0, 64)}
    np.testing.assert_array_equal(image.data.compute(), data, strict=True)
    np.testing.assert_array_equal(read_image(path).data, data, strict=True)


def test_a_large_page_in_one_strip_is_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_reading, "MOST_PAGE_BYTES", 100)
    monkeypatch.setattr(lazy_reading, "CHUNK_PX", 16)
    tifffile.imwrite(path, ZYX_STACK[0], compression="zlib", rowsperstrip=20)
    lazy = read_image(path, lazy=True).data
    assert lazy.chunksize == (20, 30)
    np.testing.assert_array_equal(lazy.compute(), ZYX_STACK[0])


@pytest.mark.parametrize("compression", ["zlib", None])
def test_one_time_point_costs_its_own_pages_and_no_more(
    path: Path, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tzyx_lapse = np.random.default_rng(5).integers(0, 60_000, (40, 2, 128, 256), dtype=np.uint16)
    options = {**OME, "metadata": {"axes": "TZYX"}, "compression": compression}
    tifffile.imwrite(path, tzyx_lapse, **options)

    def whole_series(*_: object, **__: object) -> None:
        raise AssertionError("the whole series is read")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", whole_series)
    tracemalloc.start()
    try:
        image = read_image(path, lazy=True)
        opening = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        zyx_stack = image.data[33].compute(scheduler="synchronous")
        computing = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(zyx_stack, tzyx_lapse[33])
    assert opening < tzyx_lapse.nbytes / 4
    assert computing < tzyx_lapse.nbytes / 4


def test_pages_are_read_when_their_chunk_is_computed_and_not_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(path, Image(TZYX_LAPSE, "TZYX"))
    with tifffile.TiffFile(path) as tif:
        offsets = [page.offset for page in tif.series[0]]
    read: list[int] = []
    original = tifffile.TiffPage.asarray

    def noted(page: tifffile.TiffPage, **options: Any) -> np.ndarray:
        read.append(page.offset)
        return original(page, **options)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", noted)
    image = read_image(path, lazy=True)
    assert read == []
    image.data[2].compute()
    assert read == offsets[6:9]


def test_damaged_pixels_are_refused_when_they_are_computed_and_others_are_not(path: Path) -> None:
    write_image(path, Image(TZYX_LAPSE[:, 0], "TYX"))
    with tifffile.TiffFile(path) as tif:
        start, length = tif.pages[3].dataoffsets[0], tif.pages[3].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + length] = b"\xff" * length
    path.write_bytes(content)
    image = read_image(path, lazy=True)
    np.testing.assert_array_equal(image.data[2].compute(), TZYX_LAPSE[2, 0])
    with pytest.raises(InputError, match="damaged or cut short"):
        image.data[3].compute()


@pytest.mark.parametrize("compression", ["zlib", None])
def test_a_file_that_is_changed_or_gone_after_opening_is_refused(path: Path, compression: str | None) -> None:
    tifffile.imwrite(path, TZYX_LAPSE, **OME, metadata={"axes": "TZYX"}, compression=compression)
    image = read_image(path, lazy=True)
    content = path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match=r"slide 1\.tif: has changed since it was opened"):
        image.data[0].compute()
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        image.data[0].compute()


def test_a_compression_that_cannot_be_read_is_refused_on_opening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(path, ZYX_STACK, photometric="minisblack", compression="zlib")
    monkeypatch.setattr(tifffile.TiffPage, "decode", lacking)
    with pytest.raises(InputError, match="imagecodecs"):
        read_image(path, lazy=True)


def test_an_ome_tiff_of_several_files_is_read_at_once_and_wrapped(tmp_path: Path) -> None:
    files = {
        "one.ome.tif": "urn:uuid:00000000-0000-0000-0000-000000000001",
        "two.ome.tif": "urn:uuid:00000000-0000-0000-0000-000000000002",
    }
    places = "".join(
        f'<TiffData FirstT="{index}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for index, (name, uuid) in enumerate(files.items())
    )
    for index, (name, uuid) in enumerate(files.items()):
        text = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" SizeZ="1" SizeC="1" '
            f'SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{places}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, ZYX_STACK[index], description=text, metadata=None)
    image = read_image(tmp_path / "one.ome.tif", lazy=True)
    assert (image.axes, image.data.chunksize) == ("TYX", (1, 20, 30))
    np.testing.assert_array_equal(image.data.compute(), ZYX_STACK[:2])


def test_lazy_colours_become_lazy_luminance(path: Path) -> None:
    tifffile.imwrite(path, TYXS_LAPSE, photometric="rgb", metadata={"axes": "TYXS"})
    lazy, _ = to_luminance(read_image(path, lazy=True))
    eager, _ = to_luminance(read_image(path))
    assert isinstance(lazy.data, dask.array.Array)
    np.testing.assert_allclose(lazy.data.compute(), eager.data, rtol=1e-6)


def test_lazy_pixels_with_which_nothing_can_be_computed_are_refused(path: Path) -> None:
    write_image(path, Image(np.full((3, 4, 5), 7, np.uint8), "TYX", name="even"))
    with pytest.raises(InputError, match=r"even: every pixel has the same value \(7\)"):
        check_pixels(read_image(path, lazy=True))


def test_a_function_of_the_image_may_decide_whether_its_pixels_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_image(path, Image(ZYX_STACK, "ZYX", 0.65, 3.0))
    left = read_image(path, lazy=lambda image: image.pixel_size_um == 0.65 and image.data.shape == (3, 20, 30))
    loaded = read_image(path, lazy=lambda _: False)
    assert isinstance(left.data, dask.array.Array)
    assert isinstance(loaded.data, np.ndarray)
    np.testing.assert_array_equal(left.data, loaded.data)
