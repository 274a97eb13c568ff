"""Test what a network is told of the optics of its training images."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch

from napari_contransgan.config import SimulationSettings, TrainSettings, Variation
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.optics_aware import numbers_of
from napari_contransgan.optics import KnownOptics
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import lr_optics, simulate_pair
from napari_contransgan.training.data import gather, simulated_fields
from napari_contransgan.training.known_optics import optics_of, told_exactly, told_of_batch
from napari_contransgan.training.run_folder import BEST, LAST
from napari_contransgan.training.sampling import PAIRED, chosen_index
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
VARIED = Variation(focus_um=(-8.0, 8.0), coherence_factor=(0.5, 1.6))
RECIPE = SimulationSettings(specimen="psm", seed=3, field_px=80, count=12, variation=VARIED)


@pytest.fixture
def told(tiny: Tiny) -> Tiny:
    """Settings of a tiny run whose network can be told the optics."""
    base = {"pairs": (), "simulate": (RECIPE,), "generator": "unet", "simulation_workers": 0, "takes_optics": True}
    return lambda **changes: tiny(**(base | changes))


def test_the_optics_of_a_field_are_those_it_is_simulated_with() -> None:
    for index in range(3):
        frame, _ = simulate_pair(RECIPE, index)
        drawn = frame.settings["simulation"]["drawn"]
        known = lr_optics(RECIPE, index)
        assert (known.focus_um, known.coherence) == (drawn["focus_um"], drawn["coherence"])
        assert (known.numerical_aperture, known.wavelength_um) == (0.25, 0.55)


def test_each_image_of_a_batch_is_told_its_own_optics_or_a_part_of_them(told: Tiny) -> None:
    settings = told(batch_size=200)
    with closing(gather(settings)) as data:
        (numbers,) = told_of_batch(data, settings, 0, range(200))
        chosen = [
            chosen_index([data.paired_lr, data.paired_phase], settings, 0, PAIRED, item)[0] for item in range(200)
        ]
        true = torch.stack([numbers_of(optics_of(data, data.paired_lr, index)) for index in chosen])
    known = numbers[:, 1::2].bool()
    errors = (numbers - true)[:, ::2]
    assert not numbers[:, ::2][~known].any()
    assert 0.2 < float((~known).all(dim=1).float().mean()) < 0.5
    assert 0.3 < float(known.all(dim=1).float().mean()) < 0.6
    assert not errors[:, 0][known[:, 0]].any()  # engraved on the objective
    for number, spread in ((1, 0.08), (2, 0.06)):
        stated = errors[:, number][known[:, number]]
        assert 0.5 * spread < float(stated.std()) < 1.5 * spread
        assert abs(float(stated.mean())) < 0.3 * spread


def test_what_is_told_depends_on_the_seed_and_the_step_alone(told: Tiny) -> None:
    settings = told()
    with closing(gather(settings)) as data:
        first = [told_of_batch(data, settings, step, [0, 1])[0] for step in range(6)]
        again = [told_of_batch(data, settings, step, [1])[0] for step in range(6)]
    assert all(torch.equal(one[1:], other) for one, other in zip(first, again, strict=True))
    assert len({tuple(one.flatten().tolist()) for one in first}) > 1


def test_nothing_is_known_of_files_and_nothing_is_told_to_other_networks(tiny: Tiny) -> None:
    settings = tiny(takes_optics=True)
    data = gather(settings)
    assert optics_of(data, data.paired_lr, 0) == KnownOptics()
    assert not told_of_batch(data, settings, 0, [0, 1])[0].any()
    assert told_of_batch(data, tiny(), 0, [0, 1]) == ()


def test_validation_tells_exactly_what_is_known(told: Tiny) -> None:
    settings = told()
    with closing(gather(settings)) as data:
        (field,) = simulated_fields(data.held_out_lr, 0)
        (numbers,) = told_exactly(data, data.held_out_lr, 0, settings)
    assert torch.equal(numbers[0], numbers_of(lr_optics(RECIPE, field.index)))


def test_a_run_keeps_a_network_that_can_be_told_and_goes_on_with_it(told: Tiny, tmp_path: Path) -> None:
    result_of(train(told(steps=3), tmp_path / "run"))
    loaded = load_checkpoint(tmp_path / "run" / BEST)
    assert loaded.card.takes_optics
    assert loaded.weights["changes.4.weight"].any()
    result_of(train(told(steps=6), tmp_path / "run", resume=True))
    assert (tmp_path / "run" / LAST).is_file()


def test_a_run_starts_from_a_network_that_cannot_be_told_and_the_reverse(told: Tiny, tmp_path: Path) -> None:
    plain, aware, again = (tmp_path / name for name in ("plain", "aware", "again"))
    result_of(train(told(takes_optics=False), plain))
    result_of(train(told(start_from=str(plain / BEST), steps=1, learning_rate=1e-9), aware))
    result_of(train(told(start_from=str(aware / BEST), steps=1, learning_rate=1e-9, takes_optics=False), again))
    first, second, third = (load_checkpoint(folder / BEST) for folder in (plain, aware, again))
    assert (second.card.takes_optics, third.card.takes_optics) == (True, False)
    for name, value in first.weights.items():
        if name.endswith("weight"):
            for other in (second.told(KnownOptics()).weights[name], third.weights[name]):
                torch.testing.assert_close(other.float(), value.float(), atol=2e-3, rtol=2e-3)
