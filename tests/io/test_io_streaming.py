"""Frames are written one at a time, and a file with missing frames is not written at all."""

import dataclasses
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path

import dask.array
import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_frames, write_image

TYX_PHASE_RAD = np.random.default_rng(6).normal(0, 1, (6, 40, 50)).astype(np.float32)
PHASE = Image(
    np.zeros(0),
    "TYX",
    pixel_size_um=0.325,
    time_step_s=60.0,
    origin_yx_um=(1.0, -2.0),
    quantity="phase",
    wavelength_um=0.55,
    name="lapse phase",
    settings={"tie": {"dz_um": 3.0}},
    numerical_aperture=0.4,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "phase.ome.tif"


def assert_same_files(one: Path, other: Path) -> None:
    first, second = read_image(one), read_image(other)
    np.testing.assert_array_equal(first.data, second.data, strict=True)
    assert dataclasses.replace(first, data=None) == dataclasses.replace(second, data=None)


def test_frames_make_the_file_that_the_whole_makes(path: Path, tmp_path: Path) -> None:
    write_frames(path, PHASE, iter(TYX_PHASE_RAD), TYX_PHASE_RAD.shape)
    whole = tmp_path / "whole.ome.tif"
    write_image(whole, dataclasses.replace(PHASE, data=TYX_PHASE_RAD))
    assert_same_files(path, whole)
    np.testing.assert_array_equal(read_image(path).data, TYX_PHASE_RAD)


def test_frames_of_several_axes_and_of_colours_come_in_the_order_of_the_shape(path: Path) -> None:
    tzyx_lapse = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    write_frames(path, Image(np.zeros(0), "TZYX"), list(tzyx_lapse.reshape(6, 4, 5)), (2, 3, 4, 5))
    np.testing.assert_array_equal(read_image(path).data, tzyx_lapse, strict=True)
    tyxs_lapse = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    write_frames(path, Image(np.zeros(0), "TYXS"), tyxs_lapse, tyxs_lapse.shape)
    np.testing.assert_array_equal(read_image(path).data, tyxs_lapse, strict=True)


def test_phase_frames_of_double_precision_are_stored_as_float32_and_integers_refused(path: Path) -> None:
    write_frames(path, PHASE, iter(TYX_PHASE_RAD.astype(np.float64)), TYX_PHASE_RAD.shape)
    np.testing.assert_array_equal(read_image(path).data, TYX_PHASE_RAD, strict=True)
    with pytest.raises(InputError, match="lapse phase: phase must be floating-point numbers in rad, not uint16"):
        write_frames(path, PHASE, iter(TYX_PHASE_RAD.astype(np.uint16)), TYX_PHASE_RAD.shape)


def test_a_frame_is_let_go_before_the_next_is_asked_for(path: Path) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal most
        for yx_phase_rad in TYX_PHASE_RAD:
            frame = yx_phase_rad.copy()
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            most = max(most, sum(one() is not None for one in alive))

    write_frames(path, PHASE, frames(), TYX_PHASE_RAD.shape)
    assert len(alive) == 6
    assert most == 0


def test_frames_are_written_while_they_come(path: Path) -> None:
    sizes = []

    def frames() -> Iterator[np.ndarray]:
        for index in range(40):
            sizes.extend(part.stat().st_size for part in path.parent.glob(".contransgan-*/*"))
            yield np.random.default_rng(index).normal(0, 1, (100, 100)).astype(np.float32)

    write_frames(path, PHASE, frames(), (40, 100, 100))
    assert sizes[-1] > 0.8 * path.stat().st_size


@pytest.mark.parametrize("failing", [0, 1, 5])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("frame"), InputError("no phase")])
def test_a_write_whose_frames_fail_leaves_the_old_file_and_no_other(
    path: Path, error: BaseException, failing: int
) -> None:
    def frames() -> Iterator[np.ndarray]:
        for index, yx_phase_rad in enumerate(TYX_PHASE_RAD):
            if index == failing:
                raise error
            yield yx_phase_rad

    write_image(path, dataclasses.replace(PHASE, data=TYX_PHASE_RAD[:2]))
    with pytest.raises(type(error)) as caught:
        write_frames(path, PHASE, frames(), TYX_PHASE_RAD.shape)
    assert caught.value is error
    assert list(path.parent.iterdir()) == [path]
    np.testing.assert_array_equal(read_image(path).data, TYX_PHASE_RAD[:2])


def test_a_source_of_frames_that_cannot_be_read_is_not_blamed_on_the_target(path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield TYX_PHASE_RAD[0]
        raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="lapse phase: frame 1 cannot be read: Input/output error"):
        write_frames(path, PHASE, frames(), TYX_PHASE_RAD.shape)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frame"),
        (list(TYX_PHASE_RAD[:5]), "expected 6 frames, got 5"),
        ([*TYX_PHASE_RAD, TYX_PHASE_RAD[0]], "expected 6 frames, got more"),
        ([TYX_PHASE_RAD[0], TYX_PHASE_RAD[1, 1:], *TYX_PHASE_RAD[2:]], r"frame 1 is float32 \(39, 50\)"),
        ([TYX_PHASE_RAD[0, :, 1:]] * 6, r"frame 0 is float32 \(40, 49\)"),
    ],
)
def test_frames_that_do_not_fit_the_shape_are_a_fault(path: Path, frames: list[np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write_frames(path, PHASE, iter(frames), TYX_PHASE_RAD.shape)
    assert list(path.parent.iterdir()) == []


def test_a_shape_that_does_not_fit_the_axes_is_a_fault(path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(6, 1, 40, 50\) does not fit the axes TYX"):
        write_frames(path, PHASE, iter(TYX_PHASE_RAD), (6, 1, 40, 50))


def test_intensity_frames_of_another_type_than_the_first_are_a_fault(path: Path) -> None:
    frames = [np.ones((4, 5), np.uint8), np.full((4, 5), 300, np.uint16)]
    with pytest.raises(ValueError, match="frame 1 is uint16"):
        write_frames(path, Image(np.zeros(0), "TYX"), frames, (2, 4, 5))


@pytest.mark.parametrize(
    "chunks",
    [(1, 3, 20, 30), (2, 3, 20, 30), (5, 1, 20, 30), (1, 1, 7, 11), (2, 2, 20, 30), (5, 3, 20, 30), (5, 3, 7, 30)],
)
def test_a_dask_array_in_any_chunks_makes_the_file_that_its_pixels_make(
    path: Path, tmp_path: Path, chunks: tuple[int, ...]
) -> None:
    tzyx_lapse = np.random.default_rng(7).integers(1, 4000, (5, 3, 20, 30), dtype=np.uint16)
    image = Image(tzyx_lapse, "TZYX", 0.65, 3.0, 60.0, (1.0, 2.0))
    whole = tmp_path / "whole.tif"
    write_image(whole, image)
    write_image(path, dataclasses.replace(image, data=dask.array.from_array(tzyx_lapse, chunks=chunks)))
    assert_same_files(path, whole)


@pytest.mark.parametrize("chunks", [((1,) * 5, (3,)), ((2, 2, 1), (3,)), ((1,) * 5, (1,) * 3), ((2, 2, 1), (1,) * 3)])
def test_a_chunk_of_a_dask_array_is_computed_once(path: Path, chunks: tuple[tuple[int, ...], ...]) -> None:
    computed = []

    def block(block_id: tuple[int, ...]) -> np.ndarray:
        computed.append(block_id)
        shape = [sizes[index] for sizes, index in zip((*chunks, (4,), (6,)), block_id, strict=True)]
        return np.full(shape, 10 * block_id[0] + block_id[1], np.float32)

    data = dask.array.map_blocks(block, chunks=(*chunks, (4,), (6,)), dtype=np.float32, meta=np.empty((0,) * 4, "f4"))
    write_image(path, Image(data, "TZYX"))
    assert sorted(computed) == sorted(np.ndindex(len(chunks[0]), len(chunks[1]), 1, 1))
    np.testing.assert_array_equal(read_image(path).data, data.compute())


@pytest.mark.parametrize(
    ("axes", "shape", "chunk"),
    [
        ("TZYX", (60, 2, 128, 128), (1, 2, 128, 128)),
        ("TZYX", (60, 2, 128, 128), (10, 2, 128, 128)),
        ("ZTYX", (2, 60, 128, 128), (2, 1, 128, 128)),
    ],
    ids=["time points", "ten time points", "time within"],
)
def test_a_long_dask_array_is_held_one_chunk_at_a_time(
    path: Path, axes: str, shape: tuple[int, ...], chunk: tuple[int, ...]
) -> None:
    def block(block_id: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(block_id[:2]).normal(0, 1, chunk).astype(np.float32)

    chunks = tuple((step,) * (length // step) for length, step in zip(shape, chunk, strict=True))
    data = dask.array.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * 4, np.float32))
    one_chunk = int(np.prod(chunk)) * 4
    block((0, 0))  # what the random numbers take for themselves
    tracemalloc.start()
    try:
        block((0, 0))
        making = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        write_image(path, Image(data, axes, quantity="phase"))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < making + 0.25 * one_chunk + 900_000 < data.nbytes
    place = (slice(None), 41) if axes == "ZTYX" else 41
    np.testing.assert_array_equal(read_image(path, lazy=True).data[place].compute(), data[place].compute())


def test_a_lazy_image_can_be_written_over_its_own_file(path: Path) -> None:
    image = dataclasses.replace(PHASE, data=TYX_PHASE_RAD)
    write_image(path, image)
    lazy = read_image(path, lazy=True)
    write_image(path, dataclasses.replace(lazy, data=lazy.data + 1))
    np.testing.assert_array_equal(read_image(path).data, TYX_PHASE_RAD + 1)


def test_lazy_phase_in_integers_is_refused_before_any_is_computed(path: Path) -> None:
    def never(block_id: tuple[int, ...]) -> np.ndarray:
        raise AssertionError("computed")

    data = dask.array.map_blocks(never, chunks=((2,), (4,), (6,)), dtype=np.uint8, meta=np.empty((0, 0, 0), "u1"))
    with pytest.raises(InputError, match="not uint8"):
        write_image(path, Image(data, "TYX", quantity="phase"))
