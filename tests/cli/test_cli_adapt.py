"""The command adapt: its figures, and one clear line for what cannot be used."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from napari_contransgan.cli import app
from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.io import write_image
from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.simulation.fields import image_lr, image_stack
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.training.known_runs import known_runs

SETTINGS = SimulationSettings(
    microscope=Microscope(stack_objective="10x", stack_coherence=0.5, stack_dz_um=5.0),
    objective="10x",
    scene="dense",
    seed=31,
    field_px=256,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack, a frame of another place, and a tiny network."""
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "stack.ome.tif", image_stack(draw_specimen(SETTINGS, 0), SETTINGS, 0))
    write_image(tmp_path / "frame.ome.tif", image_lr(draw_specimen(SETTINGS, 1), SETTINGS, 1))
    torch.manual_seed(0)
    card = ModelCard(name="tiny", generator="contrans", preset="tiny", phase_ref_rad=2.0)
    save_checkpoint(tmp_path / "tiny.safetensors", build_generator("contrans", "tiny"), card)
    return tmp_path


def adapt(*words: str) -> Result:
    usual = ("--start-from", "tiny.safetensors", "--steps", "1", "--no-drift", "--precision", "fp32", "--threads", "1")
    return CliRunner().invoke(app, ["adapt", *words, *usual])


def test_figures_of_an_adaptation(folder: Path) -> None:
    done = adapt("--stack", "stack.ome.tif", "--out", "run", "--name", "my 10x", "--json")
    assert done.exit_code == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["way"], figures["name"], figures["steps"]) == ("paired", "my 10x", 1)
    assert figures["kept"] in ("adapted", "original")
    assert set(figures["before"]) == set(figures["after"]) == {"slope", "correlation", "rmse_rad"}
    assert Path(figures["checkpoint"]).is_file()
    assert figures["minutes"] > 0
    assert known_runs()[0] == folder / "run"
    assert "kept back" in done.stderr


def test_frames_of_other_places_are_taken_the_unpaired_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_contransgan.adapting.unpaired.FIRST_FOCUS", (1.0,))
    monkeypatch.setattr("napari_contransgan.adapting.gathering.NOISY", 0.0)
    done = adapt("--stack", "stack.ome.tif", "--frames", "frame.ome.tif", "--out", "run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["way"] == "unpaired"
    assert "No frame could be registered" in done.stderr
    assert "The frames are noisy" in done.stderr
    assert (folder / "run" / "adapt.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stack", "frame.ome.tif"), "one plane given to TIE"),
        (("--stack", "absent.tif"), "absent.tif"),
        (("--stack", "stack.ome.tif", "--flip-z"), "falling z"),
        (("--stack", "stack.ome.tif", "--unpaired"), "--frames"),
        (("--stack", "stack.ome.tif", "--label", "frame.ome.tif"), "is not a phase map"),
        (("--stack", "stack.ome.tif", "--z", "a,b"), "--z a,b"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder: Path, words: tuple[str, ...], message: str) -> None:
    done = adapt(*words, "--out", "run")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (folder / "run").exists()
