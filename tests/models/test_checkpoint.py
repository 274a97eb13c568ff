"""Checkpoints and their cards."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models import checkpoint
from napari_contransgan.models.bundled import DEFAULT_MODEL, bundled_models, find_model, list_models
from napari_contransgan.models.checkpoint import (
    ModelCard,
    WeightsDoNotFitError,
    card_path,
    check_fit,
    load_checkpoint,
    read_card,
    save_checkpoint,
)
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.tensor_file import Stored

CARD = ModelCard(name="test", generator="unet", preset="tiny", phase_ref_rad=2.0, figures={"beads": {"ssim": 0.9}})


def test_a_checkpoint_comes_back_with_its_weights_and_card(tmp_path: Path) -> None:
    network = build_generator("unet", "tiny").eval()
    save_checkpoint(tmp_path / "net.safetensors", network, CARD)
    loaded = load_checkpoint(tmp_path / "net.safetensors")
    assert loaded.card == CARD
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(image), network(image), rtol=0.02, atol=0.02)


def test_weights_are_stored_in_half_precision_and_counts_as_they_are(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to(memory_format=torch.channels_last)
    network[1].num_batches_tracked.fill_(70_000)  # more than half precision can hold
    save_checkpoint(tmp_path / "net.safetensors", network, CARD)
    stored = load_file(tmp_path / "net.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(stored[name], value.half() if value.is_floating_point() else value, rtol=0, atol=0)


def test_a_variance_that_is_too_large_for_half_precision_is_kept_as_it_is(tmp_path: Path) -> None:
    network = build_generator("unet", "tiny").eval()
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    norm.running_var[0] = 80_000.0
    save_checkpoint(tmp_path / "net.safetensors", network, CARD)
    loaded = load_checkpoint(tmp_path / "net.safetensors")
    norm = next(module for module in loaded.model.modules() if isinstance(module, nn.BatchNorm2d))
    assert norm.running_var[0] == 80_000.0
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(image), network(image), rtol=0.02, atol=0.02)


def test_a_loaded_network_is_ready_to_predict(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    network = load_checkpoint(tmp_path / "net.safetensors").model
    assert not any(module.training for module in network.modules())
    kernels = [value for value in network.parameters() if value.ndim == 4]
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in kernels)


def test_a_network_that_was_first_used_without_gradients_can_still_be_trained(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    loaded = load_checkpoint(tmp_path / "net.safetensors")
    with torch.inference_mode():
        loaded.model(torch.zeros(1, 1, 32, 32))
    loaded.model(torch.ones(1, 1, 32, 32)).sum().backward()
    assert all(weight.grad is not None for weight in loaded.model.parameters())


def test_a_score_that_is_not_a_number_does_not_make_the_card_unreadable(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"name": "x"})
    card = ModelCard(
        **{**card.model_dump(), "figures": {"empty fields": {"ssim": 0.5, "slope": float("nan"), "r": None}}}
    )
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), card)
    assert read_card(tmp_path / "net.safetensors").figures == {"empty fields": {"ssim": 0.5}}


def test_the_card_lies_beside_the_checkpoint_for_people(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    text = card_path(tmp_path / "net.safetensors").read_text()
    assert yaml.safe_load(text)["figures"]["beads"]["ssim"] == 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.card.yaml", "net.safetensors"]


def test_the_readable_card_keeps_the_order_of_the_fields_and_all_letters(tmp_path: Path) -> None:
    purpose = "phase of cells " * 5 + "and beads"  # longer than the 80 letters of YAML's own lines
    changes = {"name": "Zähler 3 µm", "description": purpose, "settings": {"folder": Path("cells")}}
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD.model_copy(update=changes))
    text = card_path(tmp_path / "net.safetensors").read_text(encoding="utf-8")
    assert text.startswith(f"format: 1\nname: Zähler 3 µm\ndescription: {purpose}\ngenerator: unet\n")
    assert "\nsettings:\n  folder: cells\n" in text


def test_what_is_no_checkpoint_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.safetensors"
    text.write_text("hello")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(2)}, foreign)
    for read in (read_card, load_checkpoint):
        with pytest.raises(InputError, match=r"notes\.safetensors: is not a checkpoint .*no safetensors file: it"):
            read(text)
        with pytest.raises(InputError, match=r"foreign\.safetensors: is not a checkpoint .*it carries no card"):
            read(foreign)
    with pytest.raises(InputError, match="no such file"):
        read_card(tmp_path / "absent.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    wrong = CARD.model_copy(update={"generator": "contrans"})
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), wrong)
    with pytest.raises(InputError, match=r"net\.safetensors: its weights do not fit the network that .* names: \S+ is"):
        load_checkpoint(tmp_path / "net.safetensors")


FLOATS, COUNTS = torch.float32, torch.int64
UNFIT = {
    "a is missing": {"b": Stored(FLOATS, (2, 3), 0)},
    "c is not part of it": {name: Stored(FLOATS, shape, 0) for name, shape in [("a", ()), ("b", (2, 3)), ("c", ())]},
    "b is torch.float32 3x2 instead of torch.float32 2x3": {"a": Stored(FLOATS, (), 0), "b": Stored(FLOATS, (3, 2), 0)},
    "a is torch.float32 1 instead of torch.float32 one number": {
        "a": Stored(FLOATS, (1,), 0),
        "b": Stored(FLOATS, (2, 3), 0),
    },
    "b is torch.int64 2x3 instead of torch.float32 2x3": {"a": Stored(FLOATS, (), 0), "b": Stored(COUNTS, (2, 3), 0)},
}


@pytest.mark.parametrize(("message", "stored"), UNFIT.items(), ids=UNFIT)
def test_the_first_tensor_that_does_not_fit_is_named(message: str, stored: dict[str, Stored]) -> None:
    with pytest.raises(WeightsDoNotFitError) as caught:
        check_fit(stored, {"a": torch.zeros(()), "b": torch.zeros(2, 3)})
    assert str(caught.value) == message


def test_tensors_of_another_precision_fit() -> None:
    check_fit({"b": Stored(torch.float16, (2, 3), 0)}, {"b": torch.zeros(2, 3)})


def test_weights_are_compared_with_a_network_that_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "net.safetensors", build_generator("unet", "tiny"), CARD)
    compared: list[torch.Tensor] = []
    monkeypatch.setattr(checkpoint, "check_fit", lambda _, expected: compared.extend(expected.values()))
    load_checkpoint(tmp_path / "net.safetensors")
    assert compared
    assert all(one.is_meta for one in compared)


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


def test_the_default_network_is_listed_first_and_those_for_one_specimen_last() -> None:
    assert list(bundled_models()) == ["all", "wide", "hela", "psm"]


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
