"""Training on real pairs: from a focus stack to a network, and rejected input."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from napari_contransgan.config import PairFolders, SimulationSettings, TrainSettings
from napari_contransgan.io import Image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]

QUICK = ("--preset", "tiny", "--generator", "unet", "--crop", "64", "--batch-size", "2", "--steps", "2")


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small focus stacks, named as a microscopist would."""
    folder = tmp_path_factory.mktemp("stacks")
    settings = SimulationSettings(specimen="hela", seed=5, field_px=160, count=2)
    made = result_of(write_dataset(settings, folder / "set"))
    for index, name in enumerate(("well A1.ome.tif", "well A2.ome.tif")):
        shutil.copy(made / "stack" / f"{index:04d}.ome.tif", folder / name)
    return folder


@pytest.fixture(scope="module")
def tiles(stacks: Path, call_for_json: Json) -> PairFolders:
    """Tiles of the stacks, and tiles of their TIE phase."""
    files = sorted(stacks.glob("well*.tif"))
    for stack in files:
        call_for_json("tie", stack, "--out", stacks / "tie")
    phase_maps = sorted((stacks / "tie").iterdir())
    assert [path.name for path in phase_maps] == ["well A1_phase.ome.tif", "well A2_phase.ome.tif"]
    call_for_json("tile", *files, "--out", stacks / "images", "--grid", "1x2")
    call_for_json("tile", *phase_maps, "--out", stacks / "labels", "--grid", "1x2")
    return PairFolders(lr=stacks / "images", phase=stacks / "labels")


def test_a_stack_and_its_tie_phase_cut_into_tiles_train_a_network_with_a_pair_held_out(
    call: Call, call_for_json: Json, tiles: PairFolders, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    result = call("train", "--out", run, "--pairs", tiles.lr, "--pairs-phase", tiles.phase, *QUICK, "--json")
    assert result.exit_code == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert "2 pairs (6 planes of 2 stacks) and 6 (6 planes of 2 stacks) + 2 unpaired images for training" in told
    assert "2 pairs (6 planes of 2 stacks) held out" in told
    figures = json.loads(result.stdout)
    assert figures["step"] == 2
    assert np.isfinite([figures["psnr_db"], figures["slope"]]).all()
    assert TrainSettings.from_yaml(run / "config.yaml").pairs == (tiles,)
    assert call_for_json("train", "--out", run, "--resume", "--steps", "3")["step"] == 3


def test_an_epoch_counts_every_plane(call_for_json: Json, tiles: PairFolders, tmp_path: Path) -> None:
    options = [*QUICK[:-2], "--epochs", "1"]
    pairs = ("--pairs", tiles.lr, "--pairs-phase", tiles.phase)
    assert call_for_json("train", "--out", tmp_path / "run", *pairs, *options)["step"] == 3


def test_stacks_are_unpaired_images_too(call: Call, tiles: PairFolders, tmp_path: Path) -> None:
    result = call("train", "--out", tmp_path / "run", "--lr", tiles.lr, "--phase", tiles.phase, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "12 (12 planes of 4 stacks) + 4 unpaired images for training" in " ".join(result.stderr.split())


def test_two_folders_named_lr_and_phase_are_the_folder_above(call: Call, stacks: Path, tmp_path: Path) -> None:
    made = stacks / "set"
    run = tmp_path / "run"
    result = call("train", "--out", run, "--pairs", made / "lr", "--pairs-phase", made / "phase", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert TrainSettings.from_yaml(run / "config.yaml").pairs == (made,)


def test_pairs_that_cannot_be_are_refused(call: Call, tiles: PairFolders, tmp_path: Path) -> None:
    labels = Path(shutil.copytree(tiles.phase, tmp_path / "labels"))
    stack = tmp_path / "images" / "well A1_r0c0.ome.tif"
    write_image(stack, Image(np.ones((2, 320, 160), np.uint16), "ZYX", 0.1625))
    write_image(labels / "extra_r0c0.ome.tif", Image(np.ones((2, 2), np.uint16), "YX", 0.1625))
    first = next(iter(sorted(labels.glob("well*"))))
    first.unlink()
    for options, words in (
        (["--pairs", tiles.lr], "images/lr: there is no such folder: give a folder of pairs"),
        (["--pairs-phase", labels], "0 folder(s) of images and 1 of phase maps"),
        (["--pairs", tiles.lr, "--pairs", tiles.lr, "--pairs-phase", labels], "2 folder(s) of images and 1 of"),
        (["--pairs", tiles.lr, "--pairs-phase", tiles.lr], "contains both the images and their phase maps"),
        (["--pairs", tiles.lr, "--pairs-phase", tmp_path / "none"], "none: there is no such folder"),
        (["--pairs", tiles.lr, "--pairs-phase", labels], "well_A1_r0c0.ome.tif: has no phase map of the same name"),
        (["--pairs", stack.parent, "--pairs-phase", tiles.phase], "every pixel has the same value"),
    ):
        result = call("train", "--out", tmp_path / "run", *options, *QUICK)
        assert result.exit_code == 2, result.stderr
        assert words in " ".join(result.stderr.split())
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()
