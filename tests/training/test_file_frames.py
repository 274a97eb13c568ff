"""Files with one image or several, each plane and time point an image of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, reading, write_image
from napari_contransgan.training import file_frames
from napari_contransgan.training.file_frames import (
    Contents,
    FileFrame,
    contents_of,
    describe_files,
    frames_of,
    read_file_frame,
)


def image(axes: str, *lengths: int) -> Image:
    counts = np.random.default_rng(0).integers(0, 4000, lengths).astype(np.uint16)
    return Image(counts, axes, pixel_size_um=0.325, z_step_um=2.0 if "Z" in axes else None)


@pytest.mark.parametrize(
    ("axes", "lengths", "contents"),
    [
        ("YX", (6, 5), Contents()),
        ("YXS", (6, 5, 3), Contents()),
        ("ZYX", (4, 6, 5), Contents("Z", (4,))),
        ("TYX", (2, 6, 5), Contents("T", (2,))),
        ("TZYX", (2, 3, 6, 5), Contents("TZ", (2, 3))),
        ("ZYXS", (4, 6, 5, 3), Contents("Z", (4,))),
    ],
)
def test_every_plane_and_time_point_is_read_as_an_image_of_its_own(
    tmp_path: Path, axes: str, lengths: tuple[int, ...], contents: Contents
) -> None:
    path = tmp_path / "a.ome.tif"
    written = image(axes, *lengths)
    write_image(path, written)
    assert contents_of([path], skip_bad=False) == [contents]
    frames = frames_of(path, contents)
    assert len(frames) == contents.count
    count = len(contents.axes)
    flat = written.data.reshape(contents.count, *lengths[count:])
    for frame, pixels in zip(frames, flat, strict=True):
        read = read_file_frame(frame)
        assert np.array_equal(read.data, pixels)
        assert (read.axes, read.pixel_size_um, read.z_step_um) == (axes[count:], 0.325, None)
        assert read.name.startswith(str(path))


def test_neither_the_number_of_images_nor_one_of_them_needs_the_pixels_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ome.tif"
    write_image(path, image("ZYX", 5, 40, 30))
    read_at_once: list[object] = []
    monkeypatch.setattr(reading, "arranged", lambda data, *_: read_at_once.append(data))
    (contents,) = contents_of([path], skip_bad=False)
    second = read_file_frame(frames_of(path, contents)[1])
    assert second.data.shape == (40, 30)
    assert not read_at_once


def test_channels_are_refused_by_the_name_of_the_file(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", image("CYX", 2, 6, 5))
    with pytest.raises(InputError, match=r"a\.tif: has axes CYX: save each channel as a separate file"):
        contents_of([tmp_path / "a.tif"], skip_bad=False)
    with pytest.raises(InputError, match="CYX"):
        read_file_frame(FileFrame(tmp_path / "a.tif"))


def test_a_file_that_cannot_be_read_passes_for_one_image_where_bad_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no image")
    assert contents_of([tmp_path / "a.tif"], skip_bad=True) == [Contents()]
    with pytest.raises(InputError, match=r"a\.tif: is not a TIFF file"):
        contents_of([tmp_path / "a.tif"], skip_bad=False)


def test_a_file_that_changes_afterwards_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_image(path, image("YX", 6, 5))
    for frame in (FileFrame(path, 1, "Z"), FileFrame(path, 5, "T")):
        with pytest.raises(InputError, match=r"a\.tif: was changed"):
            read_file_frame(frame)
    write_image(path, image("ZYX", 3, 6, 5))
    with pytest.raises(InputError, match=r"a\.tif: was changed"):
        read_file_frame(FileFrame(path, 3, "Z"))
    with pytest.raises(InputError, match=r"a\.tif: has axes ZYX, but the other files .* hold single images"):
        read_file_frame(FileFrame(path))


def test_of_a_large_folder_all_files_are_looked_into_only_where_some_hold_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_frames, "MAX_HEADERS_READ", 3)
    paths = [tmp_path / f"{index}.tif" for index in range(7)]
    for path in paths:
        write_image(path, image("YX", 6, 5))
    write_image(paths[1], image("ZYX", 2, 6, 5))
    assert contents_of(paths, skip_bad=False) == [Contents()] * 7
    write_image(paths[6], image("ZYX", 2, 6, 5))
    single, stack = Contents(), Contents("Z", (2,))
    assert contents_of(paths, skip_bad=False) == [single, stack, single, single, single, single, stack]


def test_the_files_of_images_are_described_in_words() -> None:
    stacks = [FileFrame(Path(name), number, "Z") for name in "abc" for number in range(5)]
    series = [FileFrame(Path("d"), number, "T") for number in range(4)]
    both = [FileFrame(Path("e"), number, "ZT") for number in range(6)]
    assert describe_files(stacks) == "15 planes of 3 stacks"
    assert describe_files(stacks[:5] + series) == "5 planes of 1 stack and 4 frames of 1 series"
    assert describe_files([FileFrame(Path("f")), *both]) == "1 single image and 6 planes of 1 stack series"
    assert describe_files([FileFrame(Path("f"))]) == ""
    assert replace(stacks[1], path=Path("x.tif")) != stacks[1]
    assert str(stacks[1]) == "a (frame 1)"
