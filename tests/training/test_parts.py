"""Data, losses, pool and steps of a run."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image
from napari_contransgan.training.data import gather
from napari_contransgan.training.image_pool import ImagePool
from napari_contransgan.training.losses import lsgan_discriminator, lsgan_generator, ssim, supervised_loss
from napari_contransgan.training.recipe import learning_rate
from napari_contransgan.training.sampling import draw_pairs
from napari_contransgan.training.state import new_state
from napari_contransgan.training.steps import freeze_norms, update_average
from napari_contransgan.training.validation import validate


def write_pair(folder: Path, name: str, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(900, 1100, (80, 80)).astype(np.float32)
    for part, quantity in (("lr", "intensity"), ("phase", "phase")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        image = Image(values, "YX", pixel_size_um=0.325, quantity=quantity)  # type: ignore[arg-type]
        write_image(folder / part / f"{name}.ome.tif", image)


def settings_for(folder: Path, **changes: object) -> TrainSettings:
    values = {"pairs": (folder,), "crop_px": 64, "batch_size": 3, "validation_fraction": 0.34, "preset": "tiny"}
    return TrainSettings(**(values | changes))  # type: ignore[arg-type]


def test_tiles_of_one_frame_never_stand_on_both_sides_of_the_split(tmp_path: Path) -> None:
    for frame in range(6):
        for tile in range(2):
            write_pair(tmp_path, f"frame{frame}_r0c{tile}", seed=2 * frame + tile)
    data = gather(settings_for(tmp_path))
    kept = {path.name.split("_")[0] for path in data.paired_lr.paths}
    held = {path.name.split("_")[0] for path in data.held_out_lr.paths}
    assert held
    assert not kept & held
    assert len(data.paired_lr) + len(data.held_out_lr) == 12


def test_both_halves_of_a_pair_get_the_same_crop_flip_and_turn(tmp_path: Path) -> None:
    for index in range(3):
        write_pair(tmp_path, f"{index:04d}", seed=index)
    settings = settings_for(tmp_path, validation_fraction=0.0)
    data = gather(settings)
    contrast, phase = draw_pairs(data.paired_lr, data.paired_phase, settings, step=7)
    for one, other in zip(contrast, phase, strict=True):
        assert np.corrcoef(one.flatten(), other.flatten())[0, 1] > 0.99
    again, _ = draw_pairs(data.paired_lr, data.paired_phase, settings, step=7)
    torch.testing.assert_close(contrast, again)
    later, _ = draw_pairs(data.paired_lr, data.paired_phase, settings, step=8)
    assert not torch.equal(contrast, later)


def test_a_folder_without_common_names_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "0001", 0)
    (tmp_path / "phase" / "0001.ome.tif").rename(tmp_path / "phase" / "other.ome.tif")
    with pytest.raises(InputError, match=r"0001\.ome\.tif: has no phase map of the same name in .*phase"):
        gather(settings_for(tmp_path))


def test_ssim_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((48, 48)).astype(np.float32)
    b = a + 0.4 * rng.standard_normal((48, 48)).astype(np.float32)
    _, whole = structural_similarity(a, b, data_range=4.0, win_size=7, use_sample_covariance=False, full=True)
    ours = ssim(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None], 4.0)
    assert ours.item() == pytest.approx(whole[3:-3, 3:-3].mean(), abs=1e-4)


def test_the_supervised_loss_is_zero_for_a_perfect_output_and_sees_an_offset() -> None:
    label = torch.zeros(1, 1, 32, 32)
    label[..., 10:20, 10:20] = 1.0
    assert supervised_loss(label, label, 2.0).item() == pytest.approx(0, abs=1e-5)
    shifted = supervised_loss(label + 0.1, label, 2.0).item()
    assert shifted > 0.1 + 0.5 * 0.09


def test_least_squares_losses_reward_the_right_side() -> None:
    real, made = torch.full((2, 1, 3, 3), 1.0), torch.full((2, 1, 3, 3), 0.0)
    assert lsgan_discriminator(real, made).item() == 0
    assert lsgan_discriminator(made, real).item() == pytest.approx(1)
    assert lsgan_generator(made).item() == pytest.approx(1)


def test_the_pool_fills_up_then_hands_out_old_images_about_half_the_time() -> None:
    pool, rng = ImagePool(4), np.random.default_rng(0)
    first = torch.arange(4.0).reshape(4, 1, 1, 1)
    assert torch.equal(pool.exchange(first, rng), first)
    old = sum(pool.exchange(torch.full((1, 1, 1, 1), 10.0 + i), rng).item() != 10.0 + i for i in range(400))
    assert 160 < old < 240
    assert pool.images is not None
    assert pool.images.shape[0] == 4


def test_the_average_is_never_stale_at_the_beginning(tmp_path: Path) -> None:
    write_pair(tmp_path, "0001", 0)
    state = new_state(settings_for(tmp_path, generator="unet"), torch.device("cpu"))
    for parameter in state.networks["to_phase"].parameters():
        parameter.data.fill_(1.0)
    for state.step in range(30):
        update_average(state, 0.999)
    averaged = torch.cat([p.flatten() for p in state.networks["ema"].parameters()])
    torch.testing.assert_close(averaged, torch.ones_like(averaged), atol=0.01, rtol=0)


def test_empty_fields_do_not_stop_a_validation(tmp_path: Path) -> None:
    for index in range(3):
        write_pair(tmp_path, f"{index:04d}", seed=index)
        empty = Image(np.zeros((80, 80), np.float32), "YX", pixel_size_um=0.325, quantity="phase")
        write_image(tmp_path / "phase" / f"{index:04d}.ome.tif", empty)
    settings = settings_for(tmp_path, generator="unet")
    networks = new_state(settings, torch.device("cpu")).networks
    scores = validate(networks, gather(settings), settings, torch.device("cpu"), step=1)
    assert np.isnan(scores.psnr_db)
    assert scores.has_scores


def test_frozen_norms_keep_their_statistics(tmp_path: Path) -> None:
    write_pair(tmp_path, "0001", 0)
    network = new_state(settings_for(tmp_path, generator="unet"), torch.device("cpu")).networks["to_phase"].train()
    freeze_norms(network)
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(2, 1, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_the_rate_ramps_up_falls_to_nearly_nothing_and_drops_for_unpaired_steps(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, steps=1000, warm_start_steps=800)
    rates = [learning_rate(settings, step) for step in range(1000)]
    assert rates[0] < 1e-5
    assert max(rates) == pytest.approx(4.4e-4, rel=0.1)
    assert rates[799] < 1e-5
    assert rates[800] == pytest.approx(1e-4)
    assert rates[999] < 2e-6
