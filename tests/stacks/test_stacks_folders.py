"""Folders of focus stacks: each result complete, metadata kept, resumable, whatever is wrong with one file."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.inputs import find_inputs
from napari_contransgan.io.names import results_in, without_results
from napari_contransgan.progress import result_of
from napari_contransgan.quantities import Conversions
from napari_contransgan.stacks.files import StackTask, retrieve_file
from napari_contransgan.stacks.folders import MANIFEST, retrieve_files

PIXEL_UM, WAVELENGTH_UM = 0.325, 0.55
PEAK_RAD = 0.8


def stack(seed: int = 0) -> Image:
    """A bump of 0.8 rad, somewhere in a frame of 80 px, in the limit of small defocus."""
    y, x = np.mgrid[:80, :80] - 39.5
    phase_rad = PEAK_RAD * np.exp(-((y - 5 * seed) ** 2 + x**2) / (2 * 9.0**2))
    f = np.fft.fftfreq(80, PIXEL_UM)
    spectrum = np.fft.fft2(phase_rad) * -4 * np.pi**2 * (f[:, None] ** 2 + f**2)
    change = -WAVELENGTH_UM / (2 * np.pi) * np.fft.ifft2(spectrum).real
    grain = 1 + 0.001 * gaussian_filter(np.random.default_rng(seed).normal(0, 1, (80, 80)), 3)
    planes = 20_000 * grain * np.stack([1 - change, np.ones_like(change), 1 + change])
    return Image(
        planes.astype(np.float32),
        "ZYX",
        PIXEL_UM,
        z_step_um=1.0,
        origin_yx_um=(12.5, -7.25),
        wavelength_um=WAVELENGTH_UM,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three stacks, and two files that are none."""
    for number in range(3):
        write_image(tmp_path / "in" / f"s_{number}.tif", stack(number))
    (tmp_path / "in" / "s_broken.tif").write_bytes(b"no image")
    write_image(tmp_path / "in" / "s_single.tif", replace(stack(), data=stack().data[0], axes="YX", z_step_um=None))
    return tmp_path / "in"


def tasks_of(folder: Path, out: Path, settings: TieSettings | None = None, **others) -> list[StackTask]:
    stacks = without_results(find_inputs([folder]), out, ["phase"])
    results = results_in(out, stacks, "phase")
    return [StackTask(a, b, settings or TieSettings(), **others) for a, b in zip(stacks, results, strict=True)]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_results_lie_next_to_the_stacks_with_their_metadata_and_bad_files_are_named(folder: Path) -> None:
    before = names_in(folder)
    result = result_of(retrieve_files(tasks_of(folder, folder), folder))
    assert len(result.results) == 3
    reasons = {one.path.name: one.reason for one in result.skipped}
    assert "is not a TIFF file" in reasons["s_broken.tif"]
    assert "s_single.tif" in reasons["s_single.tif"]
    assert set(names_in(folder)) - set(before) == {MANIFEST, *(f"s_{number}_phase.ome.tif" for number in range(3))}
    for number in range(3):
        phase = read_image(folder / f"s_{number}_phase.ome.tif")
        assert (phase.quantity, phase.pixel_size_um, phase.wavelength_um) == ("phase", PIXEL_UM, WAVELENGTH_UM)
        assert phase.origin_yx_um == pytest.approx((12.5, -7.25))
        assert phase.data.max() == pytest.approx(PEAK_RAD, rel=0.1)
        assert np.unravel_index(phase.data.argmax(), phase.data.shape)[0] == pytest.approx(39.5 + 5 * number, abs=2)


def test_a_run_goes_on_where_it_stopped_and_takes_no_result_for_a_stack(folder: Path) -> None:
    with closing(retrieve_files(tasks_of(folder, folder), folder)) as events:
        for event in events:
            if event.message.startswith("retrieved 2"):
                break
    written = (folder / "s_0_phase.ome.tif").stat().st_mtime_ns
    result = result_of(retrieve_files(tasks_of(folder, folder), folder))
    assert (result.earlier, len(result.results)) == (2, 3)
    assert {one.path.name for one in result.skipped} == {"s_broken.tif", "s_single.tif"}
    assert (folder / "s_0_phase.ome.tif").stat().st_mtime_ns == written
    states = [json.loads(line)["state"] for line in (folder / MANIFEST).read_text().splitlines()]
    assert states.count("done") == 3


def test_lines_of_the_manifest_that_cannot_be_read_are_done_again(folder: Path) -> None:
    result_of(retrieve_files(tasks_of(folder, folder), folder))
    first, second, *rest = (folder / MANIFEST).read_bytes().splitlines(keepends=True)
    without_result = {key: value for key, value in json.loads(first).items() if key != "result"}
    bad = [b"\xff\xfe", b"[" * 100_000, b"3", b'{"input": [1]}', json.dumps(without_result).encode(), second[:-20]]
    (folder / MANIFEST).write_bytes(b"\n".join(bad) + b"\n" + b"".join(rest))
    result = result_of(retrieve_files(tasks_of(folder, folder), folder))
    assert (result.earlier, len(result.results)) == (1, 3)


def test_what_a_result_depends_on_is_computed_again_after_a_change(folder: Path, tmp_path: Path) -> None:
    out, flat = tmp_path / "out", tmp_path / "flat.tif"
    write_image(flat, Image(np.full((80, 80), 900.0, np.float32), "YX"))
    settings = TieSettings(flat_field=flat)
    assert result_of(retrieve_files(tasks_of(folder, out, settings), out)).earlier == 0
    assert result_of(retrieve_files(tasks_of(folder, out, settings), out)).earlier == 3
    more = tasks_of(folder, out, settings, uncertainty=True)
    assert result_of(retrieve_files(more, out)).earlier == 0
    write_image(folder / "s_1.tif", stack(7))
    assert result_of(retrieve_files(more, out)).earlier == 2
    write_image(flat, Image(np.full((80, 80), 901.0, np.float32), "YX"))
    assert result_of(retrieve_files(more, out)).earlier == 0


def test_several_processes_do_the_same(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    result_of(retrieve_files(tasks_of(folder, one), one))
    result = result_of(retrieve_files(tasks_of(folder, two), two, workers=2))
    assert (len(result.results), len(result.skipped)) == (3, 2)
    for name in (f"s_{number}_phase.ome.tif" for number in range(3)):
        np.testing.assert_allclose(read_image(one / name).data, read_image(two / name).data, atol=1e-5)


def test_no_stack_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image was given"):
        result_of(retrieve_files([], tmp_path))


@pytest.mark.parametrize("takes_order", [True, False])
def test_the_order_of_the_planes_can_be_that_of_each_file(tmp_path: Path, takes_order: bool) -> None:
    rising = stack()
    path, out = tmp_path / "falling.tif", tmp_path / "phase.tif"
    write_image(path, replace(rising, data=rising.data[::-1], z_falls=True))
    result = result_of(retrieve_file(StackTask(path, out, TieSettings(), takes_order=takes_order)))
    assert bool(read_image(out).data[40, 40] > 0.7) is takes_order
    assert result["settings"]["flip_z"] is takes_order
    assert any("falling z: flip z" in note for note in result["notes"]) is not takes_order


def test_the_usual_wavelength_is_for_files_that_state_none(tmp_path: Path) -> None:
    write_image(tmp_path / "states.tif", stack())
    write_image(tmp_path / "silent.tif", replace(stack(), wavelength_um=None))
    for name, expected in (("states", WAVELENGTH_UM), ("silent", 0.66)):
        task = StackTask(tmp_path / f"{name}.tif", tmp_path / f"{name}_p.tif", TieSettings(), usual_wavelength_um=0.66)
        result_of(retrieve_file(task))
        assert read_image(task.phase).wavelength_um == expected


def test_a_stopped_file_leaves_nothing(tmp_path: Path) -> None:
    series = replace(stack(), data=np.stack([stack().data] * 3), axes="TZYX", time_step_s=10.0)
    write_image(tmp_path / "series.tif", series)
    task = StackTask(tmp_path / "series.tif", tmp_path / "new" / "p.tif", TieSettings(), Conversions(path=True))
    with closing(retrieve_file(task)) as events:
        for event in events:
            if event.step == 2:
                break
    assert names_in(tmp_path) == ["series.tif"]
    result = result_of(retrieve_file(task))
    assert (result["axes"], list(result["shape"])) == ("TYX", [3, 80, 80])
    assert names_in(tmp_path / "new") == ["p.tif", "p_path.tif"]
