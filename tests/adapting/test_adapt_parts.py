"""What an adaptation learns from and is scored on: parts, losses, scores, batches."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.losses import label_loss
from napari_contransgan.adapting.sampling import draw_batch
from napari_contransgan.adapting.scores import fit_scale, fold_scale, learnt_windows, levelled_square, score, slope_on
from napari_contransgan.adapting.split import MARGIN_PX, Part, split_fields
from napari_contransgan.models.registry import build_generator


def field(height: int = 400, width: int = 500, *, has_zero: bool = True, seed: int = 0, planes: int = 3) -> AdaptField:
    rng = np.random.default_rng(seed)
    label = ndimage.gaussian_filter(rng.standard_normal((height, width)), 6) * 10
    contrast = rng.standard_normal((planes, height, width))
    return AdaptField(
        f"field {seed}",
        torch.from_numpy(contrast.astype(np.float32)),
        torch.from_numpy(label.astype(np.float32)),
        torch.ones(height, width),
        None,
        has_zero,
        0.65,
        0.55,
    )


def pixels(part: Part) -> np.ndarray:
    mask = np.zeros(part.field.yx_label_rad.shape, bool)
    mask[part.rows, part.columns] = True
    return mask


def whole(one: AdaptField) -> Part:
    height, width = one.yx_label_rad.shape
    return Part(one, slice(0, height), slice(0, width))


@pytest.mark.parametrize("shape", [(400, 500), (500, 400), (256, 300), (900, 300)])
def test_a_strip_is_a_margin_away_from_what_is_learnt(shape: tuple[int, int]) -> None:
    split = split_fields([field(*shape)], 128)
    (learnt,), (kept,) = split.learnt, split.kept_back
    distance = ndimage.distance_transform_edt(~pixels(learnt))
    assert distance[pixels(kept)].min() > MARGIN_PX
    assert pixels(learnt).sum() > 2 * pixels(kept).sum()


def test_the_strip_varies_like_the_whole_field() -> None:
    one = field(400, 400)
    one.yx_label_rad[:, :120] = 0
    one.yx_label_rad[300:] = 0
    (kept,) = split_fields([one], 128).kept_back
    assert kept.yx_label_rad.std() > 0.2


def test_whole_fields_are_kept_back_where_there_are_several() -> None:
    fields = [field(200, 200, seed=seed) for seed in range(5)]
    split = split_fields(fields, 128)
    assert len(split.kept_back) == 1
    assert len(split.learnt) == 4
    assert split.kept_back[0].field not in [part.field for part in split.learnt]


def test_places_that_tie_does_not_know_do_not_teach() -> None:
    label = torch.zeros(1, 1, 32, 32)
    weight = torch.ones_like(label)
    weight[..., 16:] = 0
    output = torch.zeros_like(label)
    output[..., 26:] = 5.0
    zero = torch.tensor([True])
    assert float(label_loss(output, label, weight, 1.5, zero)) == pytest.approx(0, abs=1e-6)
    assert float(label_loss(output, label, torch.ones_like(label), 1.5, zero)) > 0.5


def test_a_label_without_a_zero_is_compared_up_to_a_constant() -> None:
    label = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 32, 32), np.float32))
    weight = torch.ones_like(label)
    known, unknown = (label_loss(label + 0.5, label, weight, 1.5, torch.tensor([flag])) for flag in (True, False))
    assert float(known) == pytest.approx(0.5, rel=0.01)
    assert float(unknown) == pytest.approx(0, abs=1e-5)


def test_structure_finer_than_the_blur_does_not_count() -> None:
    label = torch.zeros(1, 1, 64, 64)
    output = torch.ones_like(label)
    output[..., ::2] = -1
    loss = label_loss(output, label, torch.ones_like(label), 1.5, torch.tensor([True]))
    assert float(loss) < 0.1


@pytest.mark.parametrize("has_zero", [True, False])
def test_scores_of_a_phase_that_is_too_weak(has_zero: bool) -> None:
    part = whole(field(has_zero=has_zero))
    label = part.yx_label_rad.numpy()
    found = score([part], [np.stack([0.6 * label + 0.3] * 3)])
    assert found.slope == pytest.approx(0.6, abs=0.01)
    assert found.correlation == pytest.approx(1, abs=0.01)
    assert found.rmse_rad > 0.1
    assert score([part], [np.stack([label + 0.3] * 3)]).rmse_rad == pytest.approx(0, abs=1e-5)


def test_a_crop_of_the_input_and_its_label_stay_together() -> None:
    one = field(planes=1)
    one.zyx_contrast[0] = 2 * one.yx_label_rad
    batch = draw_batch([whole(one)], 3, 64, np.random.default_rng(0))
    assert batch.contrast.shape == (3, 1, 64, 64)
    for contrast, label in zip(batch.contrast, batch.label_rad, strict=True):
        agreement = np.corrcoef(contrast.numpy().ravel(), label.numpy().ravel())[0, 1]
        assert agreement > 0.99
        assert 1.7 < float(contrast.std() / label.std()) < 2.3


def test_a_folded_scale_multiplies_the_output() -> None:
    network = build_generator("contrans", "tiny").eval()
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        before = network(image)
        fold_scale(network, 1.5)
        after = network(image)
    assert torch.allclose(after, 1.5 * before, atol=1e-5)


def test_the_scale_makes_the_slope_one() -> None:
    part = whole(field())
    weak = 0.5 * (part.yx_label_rad + 0.3 * part.yx_label_rad.std() * torch.randn(part.shape_yx)).numpy()
    factor = fit_scale(score([part], [np.stack([weak] * 3)]).slope, None)
    assert score([part], [factor * np.stack([weak] * 3)]).slope == pytest.approx(1, abs=0.01)


def test_other_cells_count_in_the_scale_too_but_less_than_those_of_the_stack() -> None:
    assert fit_scale(0.8, 0.8) == pytest.approx(1.25)
    assert 1 / 0.87 < fit_scale(0.8, 1.0) < 1.25
    assert fit_scale(-1.0, 0.001) == 2.0


def test_simulated_fields_alone_correct_a_part_of_the_scale() -> None:
    assert 1 < fit_scale(None, 0.8) < 1.25
    assert fit_scale(None, 1.0) == 1.0


def test_the_slope_on_simulated_fields_ignores_their_zero() -> None:
    truths = [np.random.default_rng(seed).random((40, 40), np.float32) for seed in range(2)]
    assert slope_on([0.7 * truth[:30] + 5 for truth in truths], truths) == pytest.approx(0.7)


def test_windows_cover_what_is_learnt_and_nothing_else() -> None:
    one = field(500, 300)
    part = Part(one, slice(60, 500), slice(0, 300))
    covered = sum(pixels(window).astype(int) for window in learnt_windows([part], np.random.default_rng(0)))
    assert np.array_equal(covered > 0, pixels(part))


def test_a_level_is_no_error() -> None:
    phase = np.random.default_rng(0).standard_normal((40, 41)).astype(np.float32)
    assert levelled_square(phase + 3, phase[:, :40]) == pytest.approx(0, abs=1e-6)
    assert levelled_square(3 * phase, phase) == pytest.approx(4, rel=0.1)
