"""Checkpoints and their cards."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.bundled import DEFAULT_MODEL, bundled_models, find_model, list_models
from napari_contransgan.models.checkpoint import (
    ModelCard,
    card_path,
    load_checkpoint,
    read_card,
    save_checkpoint,
)
from napari_contransgan.models.registry import build_generator

CARD = ModelCard(name="test", generator="unet", preset="tiny", phase_ref_rad=2.0, figures={"beads": {"ssim": 0.9}})


def test_a_checkpoint_comes_back_with_its_weights_and_card(tmp_path: Path) -> None:
    network = build_generator("unet", "tiny").eval()
    save_checkpoint(tmp_path / "net.safetensors", network, CARD)
    loaded = load_checkpoint(tmp_path / "net.safetensors")
    assert loaded.card == CARD
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(image), network(image), rtol=0.02, atol=0.02)


def test_a_network_that_was_first_used_without_gradients_can_still_be_trained(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    loaded = load_checkpoint(tmp_path / "net.safetensors")
    with torch.inference_mode():
        loaded.model(torch.zeros(1, 1, 32, 32))
    loaded.model(torch.ones(1, 1, 32, 32)).sum().backward()
    assert all(weight.grad is not None for weight in loaded.model.parameters())


def test_a_score_that_is_not_a_number_does_not_make_the_card_unreadable(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"name": "x"})
    card = ModelCard(**{**card.model_dump(), "figures": {"empty fields": {"ssim": 0.5, "slope": float("nan")}}})
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), card)
    assert read_card(tmp_path / "net.safetensors").figures == {"empty fields": {"ssim": 0.5}}


def test_the_card_lies_beside_the_checkpoint_for_people(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    text = card_path(tmp_path / "net.safetensors").read_text()
    assert yaml.safe_load(text)["figures"]["beads"]["ssim"] == 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.card.yaml", "net.safetensors"]


def test_what_is_no_checkpoint_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.safetensors"
    text.write_text("hello")
    with pytest.raises(InputError, match=r"notes\.safetensors: is not a checkpoint"):
        read_card(text)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(2)}, foreign)
    with pytest.raises(InputError, match="carries no card"):
        load_checkpoint(foreign)
    with pytest.raises(InputError, match="no such file"):
        read_card(tmp_path / "absent.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    wrong = CARD.model_copy(update={"generator": "contrans"})
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), wrong)
    with pytest.raises(InputError, match="do not fit"):
        load_checkpoint(tmp_path / "net.safetensors")


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_network_says_what_it_is_and_how_it_scores(name: str) -> None:
    card = list_models()[name]
    assert card.generator == "contrans"
    assert card.steps > 0
    assert card.figures
    for figures in card.figures.values():
        assert {"ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db"} <= set(figures)
    assert card.limits
    assert "/" not in str(card.settings)


def test_the_bundled_networks_are_small_enough_to_come_with_the_package() -> None:
    sizes = [path.stat().st_size for path in bundled_models().values()]
    assert max(sizes) < 30e6
    assert sum(sizes) < 60e6


def test_models_are_found_by_name_by_file_and_by_run_folder(tmp_path: Path) -> None:
    assert find_model(DEFAULT_MODEL) == bundled_models()[DEFAULT_MODEL]
    assert PredictSettings().model == DEFAULT_MODEL
    save_checkpoint(tmp_path / "best.safetensors", build_generator("unet", "tiny"), CARD)
    assert find_model(str(tmp_path)) == tmp_path / "best.safetensors"
    with pytest.raises(InputError, match="not a bundled network"):
        find_model("no-such-model")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    network = build_generator("unet", "tiny")
    with torch.no_grad():
        next(network.parameters()).view(-1)[3] = value
    save_checkpoint(tmp_path / "net.safetensors", network, CARD)
    with pytest.raises(InputError, match=r"net\.safetensors: holds weights that are NaN or infinite"):
        load_checkpoint(tmp_path / "net.safetensors")
