"""What the card of a trained network says about its data and its worth."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from napari_contransgan.config import PairFolders, TrainSettings
from napari_contransgan.io import find_images, read_image, write_image
from napari_contransgan.models.checkpoint import ModelCard
from napari_contransgan.training.card import make_card
from napari_contransgan.training.data import gather

Tiny = Callable[..., TrainSettings]


def card_of(settings: TrainSettings, step: int = 6) -> ModelCard:
    return make_card(settings, step, gather(settings).found, None)


def test_the_card_tells_pixel_size_wavelength_and_optics_of_the_data(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pairs, tmp_path / "set")
    description = json.loads((folder / "dataset.json").read_text())
    description["settings"]["objective"] = "20x"
    description["settings"]["microscope"]["wavelength_um"] = 0.6
    (folder / "dataset.json").write_text(json.dumps(description))
    for path in find_images(folder / "phase"):
        write_image(path, replace(read_image(path), wavelength_um=0.6))
    first = find_images(folder / "lr")[0]
    frame = read_image(first)
    write_image(first, replace(frame, data=frame.data[:20, :20].repeat(4, 0).repeat(4, 1), pixel_size_um=0.325))
    card = card_of(tiny(pairs=(folder,)))
    assert card.input_pixel_sizes_um == (0.325, 0.65)
    assert card.wavelength_um == 0.6
    assert "hela at 20x, wavelength 0.6 um" in card.optics
    assert card.recipe == "6 supervised steps on simulated pairs"
    assert "simulated" in card.limits
    assert "not scored" in card.limits
    assert "no wavelength" not in card.limits


def test_the_card_claims_nothing_that_the_data_do_not_say(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pairs, tmp_path / "set", ignore=shutil.ignore_patterns("dataset.json"))
    for path in find_images(folder / "phase"):
        write_image(path, replace(read_image(path), wavelength_um=None))
    card = card_of(tiny(pairs=(folder,)))
    assert card.optics == "not stated in the data"
    assert "state no wavelength; 0.55 um is assumed" in card.limits
    assert card.recipe == "6 supervised steps on pairs"
    assert "simulated" not in card.limits


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", '{"settings": [1]}', '{"settings": {"seed": 1e400}}'], ids=len)
def test_a_description_of_the_data_that_cannot_be_is_as_none(
    tiny: Tiny, pairs: Path, tmp_path: Path, text: str
) -> None:
    folder = shutil.copytree(pairs, tmp_path / "set")
    (folder / "dataset.json").write_text(text)
    assert card_of(tiny(pairs=(folder,))).optics == "not stated in the data"


def test_pairs_in_two_folders_are_named_and_simulated_if_both_are(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    phase = Path(shutil.copytree(pairs / "phase", tmp_path / "labels" / "tie"))
    settings = tiny(pairs=(PairFolders(lr=pairs / "lr", phase=phase),))
    card = card_of(settings)
    assert card.data == "pairs in lr with tie"
    assert card.settings["pairs"] == ["lr with tie"]
    assert card.recipe == "6 supervised steps on pairs"
    assert "hela at 10x" in card.optics
    shutil.copy(pairs / "dataset.json", phase.parent)
    assert card_of(settings).recipe == "6 supervised steps on simulated pairs"


def test_focus_stacks_of_a_data_set_are_not_taken_for_its_low_power_images(
    tiny: Tiny, pairs: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pairs, tmp_path / "set"))
    (folder / "lr").rename(folder / "stack")
    paired = gather(tiny(pairs=(PairFolders(lr=folder / "stack", phase=folder / "phase"),))).found
    unpaired = gather(tiny(pairs=(), lr=folder / "stack", phase=folder / "phase")).found
    assert paired.simulated == unpaired.simulated == ()
    assert paired.optics == ""
    assert paired.all_pairs_simulated


def test_optics_of_unpaired_folders_come_from_beside_them(tiny: Tiny, pairs: Path) -> None:
    settings = tiny(pairs=(), lr=pairs / "lr", phase=pairs / "phase", recipe="paper")
    assert "hela at 10x" in card_of(settings).optics
    assert card_of(settings).recipe == "6 unpaired steps (LSGAN, cycle)"
