"""The simulator's options, and training on pairs that are simulated on the fly."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.config.microscope import PRESETS, Microscope
from napari_contransgan.io import read_image
from napari_contransgan.optics import Objective

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]
Start = Callable[..., "subprocess.Popen[str]"]

SMALL = ("--field-px", "80", "--no-stacks")


def config_file(folder: Path, **changes: object) -> Path:
    path = folder / "fields.yaml"
    path.write_text(SimulationSettings.checked({"field_px": 80, "count": 40, "seed": 3} | changes).to_yaml())
    return path


def test_a_config_holds_everything_and_options_replace_it(call_for_json: Json, tmp_path: Path) -> None:
    config = config_file(tmp_path, specimen="psm", objective="20x", scene="sparse")
    figures = call_for_json(
        "simulate", "--out", tmp_path / "set", "--config", config, "--count", "1", "--scene", "dense", "--no-stacks"
    )
    wanted = {"specimen": "psm", "objective": "20x", "seed": 3, "field_px": 80, "scene": "dense", "count": 1}
    assert wanted.items() <= figures.items()
    description = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert wanted.items() <= description["settings"].items()
    assert not description["stacks"]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [".lock", "dataset.json", "lr", "phase"]


def test_a_preset_and_a_coherence_make_the_microscope(call_for_json: Json, tmp_path: Path) -> None:
    options = ("--specimen", "hela", "--objective", "10x", "--count", "1", "--preset", "led", "--coherence", "0.4")
    figures = call_for_json("simulate", "--out", tmp_path, *options, *SMALL)
    expected = PRESETS["led"].model_copy(update={"coherence": 0.4})
    assert Microscope(**figures["microscope"]) == expected
    assert read_image(tmp_path / "lr" / "0000.ome.tif").pixel_size_um == pytest.approx(0.345)


def test_any_objective_of_a_microscope_file_serves_and_its_advice_is_told(call: Call, tmp_path: Path) -> None:
    coarse = Microscope(
        objectives={
            "5x dry": Objective(magnification=5, numerical_aperture=0.45),
            "40x": Objective(magnification=40, numerical_aperture=0.75),
        }
    )
    (tmp_path / "mine.yaml").write_text(coarse.to_yaml())
    options = ("--specimen", "psm", "--objective", "5x dry", "--count", "1", "--microscope", tmp_path / "mine.yaml")
    result = call("simulate", "--out", tmp_path / "set", *options, *SMALL, "--json")
    assert result.exit_code == 0, result.stderr
    warnings = json.loads(result.stdout)["warnings"]
    assert warnings == list(coarse.advice())
    assert "5x dry" in warnings[0]
    assert f"note: {warnings[0]}" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("objectives: {10x: {magnification: 10, numerical_aperture: 1.2}}", "numerical_aperture"),
        ("coherence: 0", "S = 0 lets no light through"),
        ("colour: green", "colour"),
        ("- 1", "contains no settings"),
        ("wavelength_um: 550", "did you mean 0.55"),
    ],
)
def test_a_microscope_that_cannot_be_is_refused_by_its_file(call: Call, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    options = ("--specimen", "hela", "--objective", "10x", "--count", "1", "--microscope", file)
    result = call("simulate", "--out", tmp_path / "set", *options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {file}: ")
    assert words in line
    assert not (tmp_path / "set").exists()


def test_a_field_smaller_than_its_margin_is_refused_with_the_file_named(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "fields.yaml"
    file.write_text("field_px: 64\ndefocus_um: 50\nspecimen: hela\nobjective: 20x\ncount: 1\n")
    result = call("simulate", "--out", tmp_path / "set", "--config", file)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert str(file) in line
    assert "smaller than its margin" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--specimen", "hela", "--objective", "10x"), "--count is missing"),
        (("--preset", "mine"), "unknown microscope 'mine': use one of paper, led"),
        (("--preset", "led", "--microscope", "mine.yaml"), "both describe the microscope"),
        (("--config", "absent.yaml"), "absent.yaml: there is no such file: check the path"),
    ],
)
def test_what_is_missing_or_too_much_is_told(call: Call, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    result = call("simulate", "--out", tmp_path / "set", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "set").exists()


def test_an_interrupt_keeps_whole_fields_and_the_command_goes_on(
    start: Start, call_for_json: Json, tmp_path: Path
) -> None:
    options = ("--specimen", "psm", "--objective", "10x", "--field-px", "80", "--no-stacks", "--workers", "2")
    process = start("simulate", "--out", tmp_path / "set", *options, "--count", "100000")
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("set/lr/0*.tif")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert [path.name for path in (tmp_path / "set").rglob(".*")] == [".lock"]


def test_train_makes_its_pairs_on_the_fly_and_goes_on_with_them(call: Call, tmp_path: Path) -> None:
    config = config_file(tmp_path)
    options = ("--preset", "tiny", "--generator", "unet", "--crop", "64", "--batch-size", "2", "--workers", "0")
    result = call("train", "--out", tmp_path / "run", "--simulate", config, *options, "--steps", "2", "--json")
    assert result.exit_code == 0, result.stderr
    assert "with 40 simulated pairs made on the fly (hela at 10x, seed 3)" in result.stderr
    settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
    assert settings.simulate == (SimulationSettings.from_yaml(config),)
    config.unlink()  # the run's own settings must do
    result = call("train", "--out", tmp_path / "run", "--resume", "--steps", "3", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["step"] == 3


def test_epochs_count_the_simulated_fields(call_for_json: Json, tmp_path: Path) -> None:
    config = config_file(tmp_path, count=5)
    options = ("--preset", "tiny", "--generator", "unet", "--crop", "64", "--workers", "0", "--epochs", "2")
    figures = call_for_json("train", "--out", tmp_path / "run", "--simulate", config, *options)
    assert figures["step"] == 2  # four fields are trained on, four to a step
