"""The command tie: its options, its further outputs, and cleaning up after a failure."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from benchmarks.files.cell import cell
from tests.io.acquisition_files import write_micromanager
from typer.testing import Result

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, lazy, read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import retrieval, retrieve_phase

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def stack(hela: Path) -> Path:
    return hela / "stack" / "0000.ome.tif"


@pytest.fixture(scope="module")
def small(stack: Path) -> Image:
    image = read_image(stack)
    return replace(image, data=image.data[:, :128, :160])


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


def test_standard_errors_of_dry_masses_come_from_the_uncertainty_map(
    call_for_json: Json, stack: Path, tmp_path: Path
) -> None:
    phase, std = tmp_path / "phase.ome.tif", tmp_path / "std.ome.tif"
    objects = call_for_json("tie", stack, "--out", phase, "--also", "dry-mass")["objects"]

    write_image(std, result_of(retrieve_phase(read_image(stack), TieSettings())).uncertainty)
    measured = call_for_json("measure", phase, "--uncertainty", std, "--out", tmp_path / "cells.csv")
    expected = [one["dry_mass_std_pg"] for one in measured["images"][0]["objects"]]
    assert [one["dry_mass_std_pg"] for one in objects] == pytest.approx(expected, rel=1e-3)


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
    options += [
        "--no-equal-sums",
        "--no-light-correction",
        "--magnification",
        "--specimen",
        "positive",
        "--flat-field",
        "estimate",
    ]

    used = call_for_json("tie", stack, "--out", tmp_path / "phase.tif", *options)["settings"]

    expected = {"numerical_aperture": 0.5, "coherence": 0.2, "drift": False, "dead_pixels": False, "saturation": False}
    expected |= {
        "light_correction": False,
        "equal_sums": False,
        "magnification": True,
        "specimen_sign": "positive",
        "flat_field": "estimate",
    }
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

    # This solver is linear; the choice of empty places by others changes with rounding in so small a field.
    solver = ("--method", "teague")
    call_for_json("tie", tmp_path / "even.tif", "--out", tmp_path / "a.tif", *solver)
    flat_field = ("--flat-field", tmp_path / "flat.tif")
    call_for_json("tie", tmp_path / "uneven.tif", "--out", tmp_path / "b.tif", *flat_field, *solver)

    np.testing.assert_allclose(read_image(tmp_path / "b.tif").data, read_image(tmp_path / "a.tif").data, atol=0.02)


REFUSED = {
    "an unknown method": (["--method", "magic"], "method"),
    "an unknown quantity": (["--also", "colour"], "use one or more of path, height"),
    "a height without contrast": (["--also", "height"], "--index-contrast"),
    "a contrast of zero": (["--index-contrast", "0"], "an index contrast of 0"),
    "an impossible increment": (["--also", "dry-mass", "--refractive-increment", "190"], "ml/g"),
    "a wavelength in nm": (["--wavelength", "550"], "did you mean 0.55 um"),
    "an impossible pixel size": (["--pixel-size", "60"], "cannot be right"),
    "heights out of order": (["--z", "0,2,1"], "must rise"),
    "an aperture of an oil lens": (["--na", "1.3"], "numerical_aperture"),
    "a missing flat field": (["--flat-field", "nowhere.tif"], "no such file"),
    "a missing dark picture": (["--dark", "nowhere.tif"], "no such file"),
    "a dark level above the light": (["--dark", "60000"], "leaves nothing of the bright level"),
    "a dark level that is none": (["--dark", "nan"], "finite"),
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


@pytest.mark.parametrize(
    "options", [["--index-contrast", "0"], ["--also", "dry-mass", "--refractive-increment", "190"]]
)
def test_numbers_for_what_is_written_beside_are_refused_before_the_work_begins(
    call: Call, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr("napari_contransgan.tie.retrieval.phase_from_stack", never)

    assert call("tie", stack, "--out", tmp_path / "phase.tif", *options).exit_code == 2


FAULTS: dict[str, tuple[Callable[[np.ndarray], object], str]] = {
    "blank": (lambda zyx: zyx[1:].fill(0), "plane 1 carries no light"),
    "equal": (lambda zyx: zyx.__setitem__(slice(1, None), zyx[0]), "all planes are the same image"),
    "NaN": (lambda zyx: zyx.__setitem__((0, 3, 4), np.nan), "NaN"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_series_without_a_usable_frame_leaves_neither_file_nor_folder(
    call: Call, small: Image, tmp_path: Path, fault: str
) -> None:
    spoil, message = FAULTS[fault]
    data = np.stack([small.data] * 2).astype(np.float32)
    for zyx in data:
        spoil(zyx)
    source = tmp_path / "series.tif"
    write_image(source, replace(small, data=data, axes="TZYX", time_step_s=1.0))

    for out in (tmp_path / "phase.tif", tmp_path / "new" / "folder" / "phase.tif"):
        result = call("tie", source, "--out", out, "--also", "path,uncertainty,dry-mass")

        assert result.exit_code == 2
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"error: {source}: frame 1 of 2: ")
        assert message in line
        assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("bad", [0, 1])
def test_a_bad_frame_is_left_out_of_everything_that_is_written(
    call: Call, small: Image, tmp_path: Path, fault: str, bad: int
) -> None:
    spoil, message = FAULTS[fault]
    data = np.stack([small.data] * 3).astype(np.float32)
    spoil(data[bad])
    source = tmp_path / "series.tif"
    write_image(source, replace(small, data=data, axes="TZYX", time_step_s=1.0))

    result = call("tie", source, "--out", tmp_path / "phase.tif", "--also", "uncertainty,dry-mass", "--json")

    figures = json.loads(result.stdout)
    (note,) = [text for text in figures["notes"] if text.startswith(f"Frame {bad + 1} of 3: Left out, since")]
    assert message in note
    assert f"{source}: {note}" in result.stderr
    phase, std = (read_image(Path(figures[kind])).data for kind in ("phase", "uncertainty"))
    assert not phase[bad].any()
    assert np.isinf(std[bad]).all()
    good = [index for index in range(3) if index != bad]
    assert np.isfinite(std[good]).all()
    np.testing.assert_array_equal(phase[good[0]], phase[good[1]])
    assert figures["std_rad"] == pytest.approx(float(phase[good].std()), rel=1e-4)
    assert figures["total_dry_mass_pg"][bad] == 0
    assert figures["total_dry_mass_pg"][good[0]] > 0
    assert figures["objects"]
    assert figures["report"]["median_std_rad"] == pytest.approx(float(np.median(std[good[0]])), rel=0.2)


def test_a_failure_while_the_last_file_is_written_removes_the_others(
    call: Call, small: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "stack.tif"
    write_image(source, small)

    def full(*_: object, **__: object) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr("napari_contransgan.quantities.dry_mass_density", lambda frame, _: frame)
    monkeypatch.setattr("napari_contransgan.stacks.files.measure_frame", full)

    result = call("tie", source, "--out", tmp_path / "phase.tif", "--also", "uncertainty,path,dry-mass")

    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", ["phase_height.tif", "phase_uncertainty.tif", "phase.tif"])
@pytest.mark.parametrize("role", ["stack", "flat field", "dark"])
def test_nothing_that_is_read_is_written_over(call: Call, small: Image, tmp_path: Path, name: str, role: str) -> None:
    write_image(tmp_path / "other.tif", small)
    flat = Image(np.full(small.data.shape[1:], 900, np.uint16), "YX")
    write_image(tmp_path / name, small if role == "stack" else flat)
    content = (tmp_path / name).read_bytes()
    source = tmp_path / (name if role == "stack" else "other.tif")
    options = ["--also", "height,uncertainty", "--index-contrast", "0.03"]
    options += [] if role == "stack" else [f"--{role.replace(' ', '-')}", str(tmp_path / name)]

    result = call("tie", source, "--out", tmp_path / "phase.tif", *options)

    assert result.exit_code == 2
    assert f"{name}: is an input and would be overwritten: choose another --out" in result.stderr
    assert (tmp_path / name).read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["other.tif", name])


def test_a_series_is_read_and_written_one_frame_at_a_time(
    call_for_json: Json, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    read, retrieve = lazy._read_pages, retrieval.phase_from_stack

    def noted_read(*arguments: Any) -> np.ndarray:
        order.append("read")
        return read(*arguments)

    def noted_work(zyx: np.ndarray, *arguments: Any, **options: Any) -> Any:
        order.append("work")
        assert zyx.ndim == 3
        return retrieve(zyx, *arguments, **options)

    monkeypatch.setattr(lazy, "_read_pages", noted_read)
    monkeypatch.setattr(retrieval, "phase_from_stack", noted_work)

    call_for_json("tie", series, "--out", tmp_path / "phase.tif", "--method", "dct")

    assert order == ["read", "work"] * 3


def test_notes_of_the_result_go_to_standard_error_and_into_the_figures(call: Call, stack: Path, tmp_path: Path) -> None:
    image = read_image(stack)
    source = tmp_path / "upside down.tif"
    write_image(source, replace(image, data=image.data[::-1]))

    result = call("tie", source, "--out", tmp_path / "phase.tif", "--json")

    # How strong the light of a stack seems to change differs between processors, so there may be a note on it.
    notes = json.loads(result.stdout)["notes"]
    assert any("planes probably stand in order of falling z" in note for note in notes)
    assert notes[-1] == "To flip z, add --flip-z."
    assert result.stderr == "".join(f"{source}: {note}\n" for note in notes)


def test_a_refusal_names_the_option_that_solves_it(call: Call, stack: Path, tmp_path: Path) -> None:
    result = call("tie", stack, "--out", tmp_path / "phase.tif", "--dz", "-3")
    assert result.exit_code == 2
    assert "flip z if the planes are in order of falling z. To flip z, add --flip-z." in result.stderr


def test_doubts_about_the_file_are_told_with_the_result_and_with_a_refusal(call: Call, tmp_path: Path) -> None:
    path, out = tmp_path / "cell.ome.tif", tmp_path / "out.tif"
    sizes = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 1.0}
    planes = {"Plane": {"PositionZ": [97, 100, 103], "PositionZUnit": ["µm"] * 3}}
    tifffile.imwrite(path, cell(), ome=True, photometric="minisblack", metadata={"axes": "ZYX", **sizes, **planes})
    result = call("tie", path, "--out", out, "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["settings"]["dz_um"] == 3.0
    assert "plane distance of 1 µm, but heights 3 µm apart" in figures["notes"][0]
    assert "plane distance of 1 µm, but heights 3 µm apart" in result.stderr
    sizes = dict.fromkeys(sizes, 1.0)
    tifffile.imwrite(path, cell(), ome=True, photometric="minisblack", metadata={"axes": "ZYX", **sizes})
    result = call("tie", path, "--out", out)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "no pixel size" in result.stderr
    assert "exactly 1 µm" in result.stderr


def test_a_position_of_a_file_with_several_can_be_chosen(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "scan_MMStack.ome.tif"
    pages = {(0, z, 0, p): plane for p in range(2) for z, plane in enumerate(cell(seed=p)[:: 1 - 2 * p])}
    summary = {"Slices": 3, "Frames": 1, "Positions": 2, "PixelSize_um": 0.2, "z-step_um": 3.0}
    write_micromanager(path, pages, summary)
    first, second = (
        json.loads(call("tie", path, "--out", tmp_path / "out.tif", "--json", *options).stdout)
        for options in ((), ("--position", "1"))
    )
    assert first["max_rad"] > 0.8
    assert "holds 2 positions" in first["notes"][0]
    assert second["max_rad"] < 0.2, "its planes are in falling order, so that the cell is a hollow"
    assert "holds 2 positions" not in " ".join(second["notes"])


def test_the_dark_level_is_a_number_or_a_picture(call_for_json: Json, small: Image, tmp_path: Path) -> None:
    raised = replace(small, data=small.data + np.uint16(100))
    write_image(tmp_path / "stack.tif", raised)
    write_image(tmp_path / "dark.tif", Image(np.full(small.data.shape[1:], 100, np.uint16), "YX"))
    write_image(tmp_path / "plain.tif", small)
    expected = call_for_json("tie", tmp_path / "plain.tif", "--out", tmp_path / "a.tif")

    for dark, recorded in (("100", 100.0), (str(tmp_path / "dark.tif"), str(tmp_path / "dark.tif"))):
        figures = call_for_json("tie", tmp_path / "stack.tif", "--out", tmp_path / "b.tif", "--dark", dark)

        assert figures["settings"]["dark"] == recorded
        assert figures["max_rad"] == pytest.approx(expected["max_rad"], rel=1e-3)
    assert call_for_json("tie", tmp_path / "stack.tif", "--out", tmp_path / "b.tif")["max_rad"] < expected["max_rad"]


def test_figures_are_those_of_the_part_with_phase(call_for_json: Json, small: Image, tmp_path: Path) -> None:
    rimmed = np.pad(small.data, ((0, 0), (40, 40), (40, 40)))
    write_image(tmp_path / "rimmed.tif", replace(small, data=rimmed))

    figures = call_for_json("tie", tmp_path / "rimmed.tif", "--out", tmp_path / "a.tif", "--also", "uncertainty")

    phase, std = (read_image(Path(figures[kind])).data for kind in ("phase", "uncertainty"))
    lit = np.isfinite(std)
    assert 0.3 < lit.mean() < 0.5
    assert figures["std_rad"] == pytest.approx(float(phase[lit].std()), rel=1e-3)
    assert figures["report"]["median_std_rad"] == pytest.approx(float(np.median(std[lit])), rel=0.1)
    assert "got no light" in " ".join(figures["notes"])
