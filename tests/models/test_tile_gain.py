"""The factor for the phase of each tile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.running import for_tiles
from napari_contransgan.models.tile_gain import FACTOR_RANGE, GainSample, TileGain, fit_gain

SIDE_PX = 96


def sample(seed: int, *, blur_px: float, weight: float = 1.0) -> GainSample:
    """Return a tile whose contrast is blurred, as by defocus, and whose phase is too strong by half the blur."""
    rng = np.random.default_rng(seed)
    yx_phase = ndimage.gaussian_filter(rng.standard_normal((SIDE_PX, SIDE_PX)), 3) * 5
    slope = 1 + blur_px / 4
    yx_contrast = ndimage.gaussian_filter(ndimage.laplace(yx_phase), blur_px) + 0.001 * rng.standard_normal(
        yx_phase.shape
    )
    return GainSample(yx_contrast.astype(np.float32), (slope * yx_phase).astype(np.float32), slope, weight)


@pytest.fixture(scope="module")
def gain() -> TileGain:
    found = fit_gain([sample(seed, blur_px=seed % 5) for seed in range(60)])
    assert found is not None
    return found


@pytest.mark.parametrize("blur_px", [0.5, 2.0, 3.5])
def test_new_tiles_at_other_focus_get_their_own_factor(gain: TileGain, blur_px: float) -> None:
    new = sample(1000, blur_px=blur_px)
    assert new.slope * gain.factor(new.yx_contrast, new.yx_output) == pytest.approx(1, abs=0.08)


def test_nothing_is_extrapolated(gain: TileGain) -> None:
    new = sample(1000, blur_px=1.0)
    assert FACTOR_RANGE[0] <= gain.factor(1e6 * new.yx_contrast, new.yx_output) <= FACTOR_RANGE[1]
    assert FACTOR_RANGE[0] <= gain.factor(0 * new.yx_contrast, 0 * new.yx_output) <= FACTOR_RANGE[1]


def test_a_level_does_not_matter(gain: TileGain) -> None:
    new = sample(1000, blur_px=1.0)
    lifted = gain.factor(new.yx_contrast + 0.5, new.yx_output - 3)
    assert lifted == pytest.approx(gain.factor(new.yx_contrast, new.yx_output), rel=1e-3)


def test_tiles_without_a_specimen_or_with_the_wrong_sign_do_not_count(gain: TileGain) -> None:
    useless = [replace(sample(500, blur_px=1.0), slope=-1.0), replace(sample(501, blur_px=2.0), weight=0.0)]
    again = fit_gain([*useless, *(sample(seed, blur_px=seed % 5) for seed in range(60))])
    assert again == gain


def test_few_tiles_give_no_factor() -> None:
    assert fit_gain([sample(seed, blur_px=seed % 5) for seed in range(10)]) is None


def test_a_network_with_a_gain_keeps_it_in_its_file_and_uses_it(gain: TileGain, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_generator("contrans", "tiny").eval()
    card = ModelCard(name="tiny", generator="contrans", preset="tiny", phase_ref_rad=2.0)
    save_checkpoint(tmp_path / "a.safetensors", network, card.model_copy(update={"tile_gain": gain}), torch.float32)
    read = load_checkpoint(tmp_path / "a.safetensors")
    assert read.card.tile_gain == gain
    yx_contrast = sample(3, blur_px=1.0).yx_contrast
    plain, gained = (
        for_tiles(one, SIDE_PX, torch.device("cpu"), 1, "pytorch", "fp32").run(yx_contrast)
        for one in (LoadedModel(read.model, card), read)
    )
    assert np.allclose(gained, plain * gain.factor(yx_contrast, plain), rtol=1e-5)
