"""Drawing batches: item by item, the same for both halves of a pair, magnified where that is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.training.frames import UnusableImageError
from napari_contransgan.training.sampling import (
    PAIRED,
    UNPAIRED_LR,
    augment,
    chosen_index,
    draw_item,
    draw_pairs,
    draw_single,
)


@dataclass
class Given:
    """A list of maps that are given, some of which turn out to be bad when they are loaded."""

    maps: Sequence[torch.Tensor]
    broken: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.maps)

    def is_bad(self, index: int) -> bool:
        return index in self.known

    def load(self, index: int, crop_px: int) -> torch.Tensor:  # noqa: ARG002 - the list's signature
        if index in self.broken:
            self.known |= {index}
            raise UnusableImageError(f"{index} is broken")
        return self.maps[index]


def noise(count: int, side: int = 90, seed: int = 0) -> list[torch.Tensor]:
    return list(torch.from_numpy(np.random.default_rng(seed).standard_normal((count, side, side + 6)).astype("f4")))


def settings(**changes: object) -> TrainSettings:
    return TrainSettings(**({"pairs": (Path("set"),), "crop_px": 64, "batch_size": 4, "seed": 5} | changes))  # type: ignore[arg-type]


def test_a_batch_drawn_in_parts_is_the_batch(tmp_path: Path) -> None:
    lr, phase = Given(noise(7)), Given(noise(7, seed=1))
    whole = draw_pairs(lr, phase, settings(), step=3)
    for items in ([0, 1], [3], [2, 0]):
        part = draw_pairs(lr, phase, settings(), step=3, items=items)
        assert torch.equal(part[0], whole[0][items])
        assert torch.equal(part[1], whole[1][items])
        single = draw_single(lr, settings(), 3, UNPAIRED_LR, items=items)
        assert torch.equal(single, draw_single(lr, settings(), 3, UNPAIRED_LR)[items])
    assert whole[0].shape == (4, 1, 64, 64)
    larger = draw_pairs(lr, phase, settings(batch_size=8), step=3)
    assert torch.equal(larger[0][:4], whole[0])


def test_items_steps_streams_and_seeds_have_chances_of_their_own() -> None:
    lists = [Given(noise(1000))]
    calls = [
        (settings(seed=s), step, stream, item)
        for s in (0, 1)
        for step in (0, 1)
        for stream in (0, 1)
        for item in (0, 1)
    ]
    assert len({chosen_index(lists, *call)[0] for call in calls}) > 14


@pytest.mark.parametrize("left_out", [frozenset(), frozenset({2, 3, 4})])
def test_every_image_has_the_same_chance(left_out: frozenset[int]) -> None:
    lists = [Given(noise(8), known=left_out)]
    chosen = [chosen_index(lists, settings(), step, PAIRED, item)[0] for step in range(200) for item in range(4)]
    counts = np.delete(np.bincount(chosen, minlength=8), list(left_out))
    assert counts.sum() == 800
    assert counts.min() > 0.7 * counts.mean()
    assert counts.max() < 1.3 * counts.mean()


def test_what_is_left_out_is_drawn_again_and_changes_no_other_draw() -> None:
    maps = noise(6)
    calls = [(settings(), step, PAIRED, item) for step in range(40) for item in range(4)]
    for call in calls:
        before, after = (
            chosen_index([Given(maps)], *call)[0],
            chosen_index([Given(maps, known=frozenset({2, 4}))], *call)[0],
        )
        assert after == before if before not in {2, 4} else after not in {2, 4}


def test_it_does_not_matter_when_a_bad_image_is_found() -> None:
    """So that a resumed run, which finds them again, draws what the uninterrupted one draws."""
    maps, bad = noise(6), frozenset({1, 2, 5})
    finds, knows = Given(maps, broken=bad), Given(maps, broken=bad, known=bad)
    other = Given(noise(6, seed=1), broken=frozenset({3}))
    for step in range(40):
        for item in range(4):
            one = draw_item([finds, other], settings(), step, PAIRED, item)
            assert all(map(torch.equal, one, draw_item([knows, other], settings(), step, PAIRED, item)))
    assert (finds.known, other.known) == (bad, frozenset({3}))


def test_no_image_left_is_told() -> None:
    with pytest.raises(InputError, match="no image is left to train on"):
        draw_single(Given(noise(3), broken=frozenset({0, 1, 2})), settings(), 0, PAIRED)


def ramps(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two maps that tell where a pixel comes from, the second in other numbers."""
    y, x = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    place = y + 1000 * x
    return place, 3 * place - 7


def test_without_a_range_of_scales_nothing_is_resampled_or_drawn_for_it() -> None:
    place, _ = ramps(90)
    for seed in range(20):
        rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
        (cut,) = augment([place], 64, rng)
        assert set(cut.flatten().tolist()) <= set(place.flatten().tolist())
        top, left = same.integers(27), same.integers(27)
        turns, mirror = int(same.integers(4)), bool(same.integers(2))
        plain = torch.rot90(place[top : top + 64, left : left + 64], turns)
        assert torch.equal(cut, plain.flip(0) if mirror else plain)
        assert rng.random() == same.random()


@pytest.mark.parametrize("scale", [0.7, 1.25, 1.8])
def test_halves_of_a_pair_stay_registered_and_values_are_not_scaled(scale: float) -> None:
    place, other = ramps(120)
    for seed in range(30):
        one, two = augment([place, other], 64, np.random.default_rng(seed), (scale, scale))
        torch.testing.assert_close(two, 3 * one - 7, rtol=1e-5, atol=0.1)
        assert one.shape == (64, 64)
        constant = torch.full((120, 120), 1.5)
        torch.testing.assert_close(
            augment([constant], 64, np.random.default_rng(seed), (scale, scale))[0], constant[:64, :64]
        )


@pytest.mark.parametrize("scale", [0.7, 1.25, 1.8])
def test_a_factor_magnifies_by_itself(scale: float) -> None:
    place, _ = ramps(120)
    for seed in range(30):
        (cut,) = augment([place], 64, np.random.default_rng(seed), (scale, scale))
        middle = cut[8:-8, 8:-8].double()  # interpolation bends at the edges
        steps = torch.stack([middle.diff(dim=axis).abs().mean() for axis in (0, 1)]).sort().values
        torch.testing.assert_close(steps * scale, torch.tensor([1.0, 1000.0]).double(), rtol=0.05, atol=0)


def test_factors_are_drawn_evenly_between_the_ends() -> None:
    place, _ = ramps(120)
    factors, rng = [], np.random.default_rng(1)
    for _ in range(600):
        (cut,) = augment([place], 64, rng, (0.8, 1.6))
        factors.append(1000 / max(cut[8:-8, 8:-8].double().diff(dim=axis).abs().mean().item() for axis in (0, 1)))
    np.testing.assert_allclose(np.quantile(factors, [0, 0.25, 0.5, 0.75, 1]), [0.8, 1.0, 1.2, 1.4, 1.6], atol=0.05)


def test_nearest_bilinear_and_bicubic_occur_alike() -> None:
    black_and_white = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (120, 120)).astype(np.float32))
    counts = {"nearest": 0, "bilinear": 0, "bicubic": 0}
    for seed in range(300):
        (cut,) = augment([black_and_white], 64, np.random.default_rng(seed), (1.3, 1.3))
        is_nearest = set(cut.flatten().tolist()) == {0.0, 1.0}
        counts["nearest" if is_nearest else "bicubic" if cut.min() < -0.01 else "bilinear"] += 1
    assert min(counts.values()) > 70


def test_a_frame_too_small_for_a_wider_view_gives_the_largest_square_that_fits() -> None:
    place, _ = ramps(70)
    for seed in range(20):
        (cut,) = augment([place], 64, np.random.default_rng(seed), (0.5, 0.5))
        step = max(cut[8:-8, 8:-8].double().diff(dim=axis).abs().mean().item() for axis in (0, 1))
        assert step == pytest.approx(1000 * 70 / 64, rel=0.02)
    (exact,) = augment([place[:64, :64]], 64, np.random.default_rng(0), (0.5, 0.5))
    assert set(exact.flatten().tolist()) == set(place[:64, :64].flatten().tolist())


def test_settings_reach_the_draw() -> None:
    lr = Given([ramps(120)[0]])
    plain, scaled = (draw_single(lr, settings(scale_range=r), 0, PAIRED, items=[0]) for r in ((1.0, 1.0), (1.5, 1.5)))
    assert plain.max() - plain.min() > 1.3 * (scaled.max() - scaled.min())
