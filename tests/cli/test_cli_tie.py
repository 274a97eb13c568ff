"""The command that turns a focus stack into phase: its options, what it writes beside, and what it leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from napari_contransgan.io import Image, read_image, write_image

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def stack(hela: Path) -> Path:
    return hela / "stack" / "0000.ome.tif"


@pytest.fixture(scope="module")
def small(stack: Path) -> Image:
    image = read_image(stack)
    return replace(image, data=image.data[:, 100:228, 60:220])


@pytest.fixture
def series(small: Image, tmp_path: Path) -> Path:
    """Three time points, the second of them half as bright."""
    data = np.stack([small.data, small.data // 2, small.data])
    path = tmp_path / "series.ome.tif"
    write_image(path, replace(small, data=data, axes="TZYX", time_step_s=30.0))
    return path


@pytest.mark.parametrize("method", ["anchored", "teague", "dct", "fft", "us-tie", "wotf"])
def test_every_method_runs_and_is_written_down(call_for_json: Json, stack: Path, tmp_path: Path, method: str) -> None:
    figures = call_for_json("tie", stack, "--out", tmp_path / "phase.tif", "--method", method)

    assert figures["settings"]["method"] == method
    assert read_image(tmp_path / "phase.tif").settings["tie"]["method"] == method


def test_what_is_asked_for_beside_the_phase_is_written_with_its_unit(
    call_for_json: Json, stack: Path, tmp_path: Path
) -> None:
    wanted = ["--also", "path,height,dry-mass,uncertainty", "--index-contrast", "0.03"]
    figures = call_for_json("tie", stack, "--out", tmp_path / "phase.ome.tif", *wanted, "--refractive-increment", "0.2")

    phase = read_image(tmp_path / "phase.ome.tif")
    path, height, mass, std = (
        read_image(Path(figures[kind])) for kind in ("path", "height", "dry_mass", "uncertainty")
    )
    assert [image.quantity for image in (path, height, mass, std)] == ["path", "height", "dry-mass", "phase-std"]
    np.testing.assert_allclose(path.data, phase.data * 550 / (2 * np.pi), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(height.data, phase.data * 0.55 / (2 * np.pi * 0.03), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mass.data, phase.data * 0.55 / (2 * np.pi * 0.2), rtol=1e-4, atol=1e-5)
    assert std.data.min() > 0
    assert all(image.pixel_size_um == phase.pixel_size_um for image in (path, height, mass, std))
    in_objects = phase.data > 0.2
    least = float(mass.data[in_objects].sum()) * phase.pixel_size_um**2
    assert figures["total_dry_mass_pg"][0] == pytest.approx(least, rel=0.1)
    assert sum(one["dry_mass_pg"] for one in figures["objects"]) == pytest.approx(figures["total_dry_mass_pg"][0])


def test_a_time_series_comes_out_frame_by_frame_with_its_time_step(
    call_for_json: Json, series: Path, tmp_path: Path
) -> None:
    figures = call_for_json("tie", series, "--out", tmp_path / "phase.tif", "--also", "uncertainty,path,dry-mass")

    phase = read_image(tmp_path / "phase.tif")
    assert (phase.axes, phase.data.shape, phase.time_step_s) == ("TYX", (3, 128, 160), 30.0)
    np.testing.assert_array_equal(phase.data[0], phase.data[2])
    assert np.abs(phase.data[1] - phase.data[0]).max() < 0.3  # brightness as such says nothing
    for kind in ("uncertainty", "path"):
        beside = read_image(Path(figures[kind]))
        assert (beside.axes, beside.data.shape, beside.time_step_s) == ("TYX", (3, 128, 160), 30.0)
    assert len(figures["total_dry_mass_pg"]) == 3
    assert figures["max_rad"] == pytest.approx(float(phase.data.max()), abs=1e-5)
    assert figures["std_rad"] == pytest.approx(float(phase.data.std()), rel=1e-4)


def test_apertures_corrections_and_sign_land_in_the_settings(call_for_json: Json, stack: Path, tmp_path: Path) -> None:
    options = ["--na", "0.5", "--coherence", "0.2", "--no-drift", "--no-dead-pixels", "--no-saturation"]
    options += ["--no-equal-sums", "--magnification", "--specimen", "positive", "--flat-field", "estimate"]

    used = call_for_json("tie", stack, "--out", tmp_path / "phase.tif", *options)["settings"]

    expected = {"numerical_aperture": 0.5, "coherence": 0.2, "drift": False, "dead_pixels": False, "saturation": False}
    expected |= {"equal_sums": False, "magnification": True, "specimen_sign": "positive", "flat_field": "estimate"}
    assert {key: used[key] for key in expected} == expected


def test_apertures_come_from_the_file_where_it_states_them(call_for_json: Json, stack: Path, tmp_path: Path) -> None:
    used = call_for_json("tie", stack, "--out", tmp_path / "phase.tif")["settings"]

    assert (used["numerical_aperture"], used["coherence"]) == (0.65, 0.3)


def test_a_flat_field_is_divided_out(call_for_json: Json, small: Image, tmp_path: Path) -> None:
    flat = np.linspace(0.7, 1.3, small.data.shape[2], dtype=np.float32)[None, :] * np.ones((128, 1), np.float32)
    write_image(tmp_path / "flat.tif", Image(flat * 1000, "YX"))
    even = replace(small, data=small.data.astype(np.float32))
    write_image(tmp_path / "even.tif", even)
    write_image(tmp_path / "uneven.tif", replace(even, data=even.data * flat))

    call_for_json("tie", tmp_path / "even.tif", "--out", tmp_path / "a.tif")
    call_for_json("tie", tmp_path / "uneven.tif", "--out", tmp_path / "b.tif", "--flat-field", tmp_path / "flat.tif")

    np.testing.assert_allclose(read_image(tmp_path / "b.tif").data, read_image(tmp_path / "a.tif").data, atol=0.02)


REFUSED = {
    "an unknown method": (["--method", "magic"], "method"),
    "an unknown quantity": (["--also", "colour"], "give some of path, height"),
    "a height without contrast": (["--also", "height"], "--index-contrast"),
    "a contrast of zero": (["--index-contrast", "0"], "an index contrast of 0"),
    "an impossible increment": (["--also", "dry-mass", "--refractive-increment", "190"], "ml/g"),
    "a wavelength in nm": (["--wavelength", "550"], "did you mean 0.55 um"),
    "an impossible pixel size": (["--pixel-size", "60"], "cannot be right"),
    "heights out of order": (["--z", "0,2,1"], "must rise"),
    "an aperture of an oil lens": (["--na", "1.3"], "numerical_aperture"),
    "a missing flat field": (["--flat-field", "nowhere.tif"], "no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_options_are_refused_in_one_line_and_leave_no_file(
    call: Call, stack: Path, tmp_path: Path, case: str
) -> None:
    options, message = REFUSED[case]

    result = call("tie", stack, "--out", tmp_path / "phase.ome.tif", *options)

    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["blank", "equal"])
def test_a_fault_in_a_later_frame_leaves_no_file(call: Call, small: Image, tmp_path: Path, fault: str) -> None:
    data = np.stack([small.data, small.data])
    data[1, 1:] = 0 if fault == "blank" else data[1, 0]
    source = tmp_path / "series.tif"
    write_image(source, replace(small, data=data, axes="TZYX", time_step_s=1.0))

    result = call("tie", source, "--out", tmp_path / "phase.tif", "--also", "path,uncertainty")

    assert result.exit_code == 2
    assert str(source) in result.stderr
    assert list(tmp_path.iterdir()) == [source]
