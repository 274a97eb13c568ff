"""Each command gives the same results as its function in Python."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import Result

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import evaluate
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.tie import retrieve_phase
from napari_contransgan.training.known_runs import remember_run

Call = Callable[..., Result]

Json = Callable[..., dict[str, Any]]


def test_tie_writes_what_python_retrieves_with_the_files_own_sizes(
    call_for_json: Json, hela: Path, tmp_path: Path
) -> None:
    stack = hela / "stack" / "0000.ome.tif"
    out = tmp_path / "phase.tif"
    figures = call_for_json("tie", stack, "--out", out)
    expected = result_of(retrieve_phase(read_image(stack), TieSettings())).phase
    written = read_image(out)
    np.testing.assert_allclose(written.data, expected.data, atol=1e-5)
    assert (written.quantity, written.pixel_size_um, written.settings) == ("phase", 0.1625, dict(expected.settings))
    assert figures["phase"] == str(out)
    assert figures["settings"]["dz_um"] == 3.0
    assert figures["max_rad"] == pytest.approx(float(expected.data.max()), abs=1e-5)


def test_tie_takes_what_is_stated_in_place_of_the_files_sizes(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    stack = hela / "stack" / "0000.ome.tif"
    options = ["--z", "-6,0,6", "--flip-z", "--wavelength", "0.5", "--pixel-size", "0.2", "--focus", "1"]
    used = call_for_json("tie", stack, "--out", tmp_path, *options, "--regularisation", "0.5")["settings"]
    assert used["z_um"] == [-6, 0, 6]
    assert used["flip_z"] is True
    stated = (used["wavelength_um"], used["pixel_size_um"], used["focus_index"], used["regularisation"])
    assert stated == (0.5, 0.2, 1, 0.5)
    flipped = read_image(tmp_path / "0000_phase.ome.tif")
    settings = TieSettings(z_um=(-6, 0, 6), wavelength_um=0.5, pixel_size_um=0.2, regularisation=0.5)
    upright = result_of(retrieve_phase(read_image(stack), settings)).phase
    assert np.corrcoef(flipped.data.ravel(), upright.data.ravel())[0, 1] < -0.9
    assert flipped.pixel_size_um == 0.2


def test_tie_runs_on_the_real_stack(call_for_json: Json, shared_data: Path, tmp_path: Path) -> None:
    stack = shared_data / "hela_20x" / "hela_20x_focus_stack.ome.tif"
    figures = call_for_json("tie", stack, "--out", tmp_path)
    assert figures["shape"] == [1280, 1280]
    assert figures["pixel_size_um"] == 0.2325
    assert figures["settings"]["dz_um"] == 2.5


def test_tile_cuts_every_image_and_tells_the_files(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    images = sorted((hela / "lr").iterdir())
    figures = call_for_json("tile", *images, "--out", tmp_path / "tiles", "--grid", "2x3", "--overlap", "8")
    assert figures["count"] == 12
    assert sorted(figures["tiles"]) == sorted(str(path) for path in (tmp_path / "tiles").iterdir())
    whole, last = read_image(images[0]), read_image(tmp_path / "tiles" / "0000_r1c2.ome.tif")
    height, width = last.data.shape
    np.testing.assert_array_equal(last.data, whole.data[-height:, -width:])


def test_tile_takes_a_stated_pixel_size_and_notes_tiles_too_small_to_train_on(
    call: Call, call_for_json: Json, hela: Path, tmp_path: Path
) -> None:
    frame = read_image(hela / "lr" / "0000.ome.tif")
    write_image(tmp_path / "sizeless.tif", Image(frame.data, "YX"))
    options = ["--grid", "1x2", "--pixel-size", "0.5"]
    result = call("tile", tmp_path / "sizeless.tif", "--out", tmp_path / "small", *options, "--json")
    figures = json.loads(result.stdout)
    assert {read_image(Path(path)).pixel_size_um for path in figures["tiles"]} == {0.5}
    (text,) = figures["notes"]
    assert "smaller than the training crop of 224 px: use fewer tiles" in text
    assert text in result.stderr
    whole = call_for_json("tile", hela / "lr" / "0000.ome.tif", "--out", tmp_path / "whole", "--grid", "1x1")
    assert whole["notes"] == []


def test_simulate_is_repeatable_and_records_its_settings(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    figures = call_for_json("simulate", "--out", again, "--specimen", "hela", "--objective", "10x", "--count", "1")
    assert figures["out"] == str(again)
    for part in ("lr", "stack", "tie", "phase"):
        np.testing.assert_array_equal(
            read_image(again / part / "0000.ome.tif").data, read_image(hela / part / "0000.ome.tif").data
        )
    recorded = json.loads((again / "dataset.json").read_text())["settings"]
    assert recorded == {key: value for key, value in figures.items() if key not in ("out", "stacks", "warnings")}


def test_predict_puts_the_phase_over_each_input(
    call_for_json: Json, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    images = sorted((hela / "lr").iterdir())
    figures = call_for_json("predict", *images, "--out", tmp_path / "out", "--model", run_folder / "best.safetensors")
    assert [Path(one["input"]).name for one in figures["images"]] == ["0000.ome.tif", "0001.ome.tif"]
    for one in figures["images"]:
        phase = read_image(Path(one["phase"]))
        assert (phase.quantity, phase.pixel_size_um, phase.data.dtype) == ("phase", 0.325, np.float32)
        assert list(phase.data.shape) == one["shape"] == [240, 240]
        assert phase.origin_yx_um == pytest.approx(read_image(hela / "phase" / Path(one["input"]).name).origin_yx_um)


def test_predict_takes_folders_and_patterns_and_skips_what_is_no_image(
    call: Call, call_for_json: Json, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    write_image(tmp_path / "in" / "a.tif", read_image(hela / "lr" / "0000.ome.tif"))
    (tmp_path / "in" / "b.tif").write_text("no image")
    arguments = ["--out", tmp_path / "out", "--model", run_folder]
    result = call("predict", tmp_path / "in", *arguments, "--json")
    assert result.exit_code == 0
    assert f"skipped: {tmp_path / 'in' / 'b.tif'}: is not a TIFF file" in result.stderr
    assert Path(json.loads(result.stdout)["images"][0]["phase"]) == tmp_path / "out" / "a_phase.ome.tif"
    again = call_for_json("predict", f"{tmp_path}/in/[a-b].tif", *arguments)
    assert (again["count"], again["predicted_earlier"]) == (1, 1)
    assert [Path(one["input"]).name for one in again["skipped"]] == ["b.tif"]
    (tmp_path / "in" / "a.tif").unlink()
    result = call("predict", tmp_path / "in", *arguments)
    assert result.exit_code == 2
    assert "none of 1 images could be predicted" in result.stderr


def test_predict_writes_the_uncertainty_beside_the_phase(
    call_for_json: Json, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    frame = hela / "lr" / "0000.ome.tif"
    figures = call_for_json("predict", frame, "--out", tmp_path / "p.ome.tif", "--model", run_folder, "--trust")
    (one,) = figures["images"]
    assert (one["phase"], one["uncertainty"]) == (str(tmp_path / "p.ome.tif"), str(tmp_path / "p_uncertainty.ome.tif"))
    uncertainty = read_image(tmp_path / "p_uncertainty.ome.tif")
    assert (uncertainty.quantity, uncertainty.pixel_size_um) == ("phase-std", 0.325)
    assert one["median_std_rad"] == pytest.approx(np.median(uncertainty.data), rel=1e-3)
    assert one["settings"]["trust"] is True


def test_predict_computes_as_told_and_says_how(
    call_for_json: Json, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    options = ["--model", run_folder, "--engine", "pytorch", "--precision", "bf16", "--threads", "2"]
    (one,) = call_for_json("predict", hela / "lr" / "0000.ome.tif", "--out", tmp_path, *options)["images"]
    used = one["settings"]
    assert (used["engine"], used["precision"], used["threads"]) == ("PyTorch", "bf16", 2)
    assert used["device"] == "cpu (2 threads, PyTorch, bf16)"


def test_predict_says_when_an_uncertainty_is_of_an_earlier_phase(
    call: Call, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "p_uncertainty.tif").write_text("old")
    frame = hela / "lr" / "0000.ome.tif"
    result = call("predict", frame, "--out", tmp_path / "p.tif", "--model", run_folder)
    assert result.exit_code == 0
    assert "p_uncertainty.tif: this file belongs to an earlier phase" in result.stderr


def test_predict_writes_uncertainty_and_phase_or_neither(
    call: Call, hela: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_at_the_phase(path: Path, image: Image) -> None:
        if image.quantity == "phase":
            raise InputError(f"{path}: the disk is full")
        write_image(path, image)

    monkeypatch.setattr("napari_contransgan.inference.files.write_image", full_at_the_phase)
    frame = hela / "lr" / "0000.ome.tif"
    result = call("predict", frame, "--out", tmp_path / "new" / "p.tif", "--model", run_folder, "--trust")
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_predict_writes_no_uncertainty_over_an_input(call: Call, hela: Path, run_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "p_uncertainty.tif"
    write_image(source, read_image(hela / "lr" / "0000.ome.tif"))
    result = call("predict", source, "--out", tmp_path / "p.tif", "--model", run_folder, "--trust")
    assert result.exit_code == 2
    assert "is an input and would be overwritten" in result.stderr


def test_an_objective_gives_the_pixel_size_only_where_the_file_states_none(
    call_for_json: Json, call: Call, hela: Path, run_folder: Path, tmp_path: Path
) -> None:
    frame = read_image(hela / "lr" / "0000.ome.tif")
    write_image(tmp_path / "sizeless.tif", Image(frame.data, "YX"))
    write_image(tmp_path / "sized.tif", Image(frame.data, "YX", 0.5))
    inputs = [tmp_path / "sizeless.tif", tmp_path / "sized.tif"]
    result = call("predict", *inputs, "--out", tmp_path, "--model", run_folder, "--objective", "10x", "--json")
    assert [one["settings"]["pixel_size_um"] for one in json.loads(result.stdout)["images"]] == [0.65, 0.5]
    assert "sized.tif: its own pixel size of 0.5 um is used; 10x would give 0.65 um" in result.stderr
    stated = call_for_json("predict", inputs[1], "--out", tmp_path, "--model", run_folder, "--pixel-size", "0.7")
    assert stated["images"][0]["settings"]["pixel_size_um"] == 0.7


def test_evaluate_gives_the_scores_of_python(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    label = read_image(hela / "phase" / "0000.ome.tif")
    rough = label.data * 0.9 + np.random.default_rng(0).normal(0, 0.005, label.data.shape).astype(np.float32)
    write_image(tmp_path / "rough.tif", Image(rough, "YX", 0.325, quantity="phase"))
    figures = call_for_json("evaluate", tmp_path / "rough.tif", hela / "phase" / "0000.ome.tif", "--data-range", "4")
    expected = vars(evaluate(rough, label.data, data_range_rad=4))
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["slope"] == pytest.approx(0.9, abs=0.01)
    assert figures["data_range_rad"] == 4


def test_evaluate_averages_the_finer_map_down(call_for_json: Json, hela: Path) -> None:
    figures = call_for_json("evaluate", hela / "tie" / "0000.ome.tif", hela / "phase" / "0000.ome.tif")
    assert (figures["pixel_size_um"], figures["shape"]) == (0.325, [240, 240])
    assert "averaged over 2 x 2 pixels" in figures["notes"][0]
    turned = call_for_json("evaluate", hela / "phase" / "0000.ome.tif", hela / "tie" / "0000.ome.tif")
    assert (turned["pixel_size_um"], turned["correlation"]) == (0.325, pytest.approx(figures["correlation"]))


def test_evaluate_registers_a_map_that_moved(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    label = read_image(hela / "phase" / "0000.ome.tif")
    write_image(tmp_path / "moved.tif", Image(label.data[5:, 9:], "YX", 0.325, quantity="phase"))
    figures = call_for_json("evaluate", tmp_path / "moved.tif", hela / "phase" / "0000.ome.tif", "--register")
    assert figures["correlation"] > 0.99
    assert figures["shape"] == pytest.approx([235, 231], abs=3)
    assert figures["registration"]["scale"] == pytest.approx(1, abs=0.01)


def test_evaluate_measures_beads_in_the_phase(call_for_json: Json, tmp_path: Path) -> None:
    pixel_um, radius_um, contrast = 0.1, 1.5, 0.03
    y_um, x_um = (np.indices((120, 120)) - 60) * pixel_um
    height_um = 2 * np.sqrt(np.maximum(radius_um**2 - y_um**2 - x_um**2, 0))
    phase_rad = (height_um * contrast * 2 * np.pi / 0.5).astype(np.float32)
    path = tmp_path / "bead.tif"
    write_image(path, Image(phase_rad, "YX", pixel_um, quantity="phase", wavelength_um=0.5))
    figures = call_for_json("evaluate", path, path, "--beads", "--index-contrast", contrast)
    assert figures["bead_count"] == 1
    assert figures["bead_height_mean_um"] == pytest.approx(3, abs=0.05)
    assert figures["psnr_db"] is None  # of an exact copy it is infinite
    assert figures["ssim"] == pytest.approx(1)
    longer = call_for_json("evaluate", path, path, "--beads", "--index-contrast", contrast, "--wavelength", "1")
    assert longer["bead_height_mean_um"] == pytest.approx(6, abs=0.1)


def test_models_are_shown_and_exported_with_their_card(call_for_json: Json, run_folder: Path, tmp_path: Path) -> None:
    shown = call_for_json("models", "show", run_folder)
    assert (shown["generator"], shown["preset"], shown["steps"]) == ("contrans", "tiny", 2)
    out = tmp_path / "sub" / "mine.safetensors"
    figures = call_for_json("models", "export", run_folder, "--out", out, "--format", "safetensors")
    assert out.read_bytes() == (run_folder / "best.safetensors").read_bytes()
    assert yaml.safe_load(Path(figures["card"]).read_text())["preset"] == "tiny"
    assert call_for_json("models", "show", out) == shown | {"path": str(out)}


def test_bundled_networks_and_those_trained_here_are_listed(call_for_json: Json, run_folder: Path) -> None:
    listed = call_for_json("models", "list")
    assert "all" in listed["models"]
    assert listed["trained_here"] == {}
    remember_run(run_folder)
    listed = call_for_json("models", "list")
    assert list(listed["trained_here"]) == [str(run_folder)]
    assert listed["trained_here"][str(run_folder)]["steps"] == 2
    assert listed["trained_here"][str(run_folder)].keys() == listed["models"]["all"].keys()


def test_demo_passes_the_figures_on(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_demo(out: Path) -> Generator[Progress, None, dict[str, Any]]:
        yield Progress(1, 1, "done")
        return {"predict": {"ssim": 0.9}, "out": str(out)}

    monkeypatch.setattr("napari_contransgan.demo.run_demo", run_demo)
    result = call("demo", "--out", tmp_path / "demo", "--json")
    assert json.loads(result.stdout) == {"predict": {"ssim": 0.9}, "out": str(tmp_path / "demo")}
