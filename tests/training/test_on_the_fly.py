"""Training on pairs that are simulated while the run goes on."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import read_card
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset
from napari_contransgan.training import on_the_fly
from napari_contransgan.training.data import AHEAD_STEPS, TrainingData, gather
from napari_contransgan.training.events import StepFinished, TrainingStarted
from napari_contransgan.training.frames import FrameCache
from napari_contransgan.training.on_the_fly import FieldKey, PairMaker
from napari_contransgan.training.sampling import draw_pairs
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
RECIPE = SimulationSettings(specimen="psm", seed=3, field_px=80, count=12)


@pytest.fixture
def flying(tiny: Tiny) -> Tiny:
    """Settings of a tiny run on simulated pairs alone."""
    base = {"pairs": (), "simulate": (RECIPE,), "generator": "unet", "simulation_workers": 0, "steps": 4}
    return lambda **changes: tiny(**(base | changes))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Indices of the fields that this process makes, as it makes them."""
    indices: list[int] = []
    make = on_the_fly.simulate_pair

    def noted(settings: SimulationSettings, index: int) -> object:
        indices.append(index)
        return make(settings, index)

    monkeypatch.setattr(on_the_fly, "simulate_pair", noted)
    return indices


def all_of(frames: object) -> set[FieldKey]:
    return set(frames.fields)  # type: ignore[attr-defined]


def losses(settings: TrainSettings, run: Path, resume: bool = False) -> list[dict[str, float]]:
    return [dict(event.losses) for event in train(settings, run, resume) if isinstance(event, StepFinished)]


def test_a_pair_is_that_of_the_folder_simulate_writes(flying: Tiny, tmp_path: Path) -> None:
    folder = result_of(write_dataset(RECIPE, tmp_path / "set", stacks=False))
    stored = gather(flying(simulate=(), pairs=(folder,)))
    simulated = gather(flying())
    assert len(stored.paired_lr) == len(simulated.paired_lr)
    for index in range(len(stored.paired_lr)):
        for one, other in ((stored.paired_lr, simulated.paired_lr), (stored.paired_phase, simulated.paired_phase)):
            assert torch.equal(one.load(index, 64), other.load(index, 64))


def test_no_held_out_field_is_ever_made_by_a_training_step(flying: Tiny, made: list[int]) -> None:
    data = gather(flying(validation_fraction=0.4))
    held = {field.index for field in all_of(data.held_out_lr)}
    assert 1 < len(held) < RECIPE.count - 1
    assert not all_of(data.held_out_lr) & all_of(data.paired_lr)
    assert all_of(data.held_out_lr) == all_of(data.held_out_phase)
    made.clear()
    settings = flying(validation_fraction=0.4, batch_size=4)
    for step in range(30):
        draw_pairs(data.paired_lr, data.paired_phase, settings, step)
    assert made
    assert not set(made) & held


def test_a_field_in_a_folder_and_on_the_fly_falls_on_one_side(flying: Tiny, tmp_path: Path) -> None:
    folder = result_of(write_dataset(RECIPE, tmp_path / "set", stacks=False))
    data = gather(flying(pairs=(folder,), validation_fraction=0.4))
    files, simulated = data.held_out_lr.lists  # type: ignore[attr-defined]
    assert {path.name[:4] for path in files.paths} == {f"{field.index:04d}" for field in simulated.fields}
    assert len(data.paired_lr) + len(data.held_out_lr) == 2 * RECIPE.count


def test_more_fields_move_none_from_training_to_validation(flying: Tiny) -> None:
    few = gather(flying(validation_fraction=0.3))
    many = gather(flying(simulate=(RECIPE.model_copy(update={"count": 100_000}),), validation_fraction=0.3))
    assert not all_of(few.paired_lr) & all_of(many.held_out_lr)
    assert 0.29 < len(many.held_out_lr) / 100_000 < 0.31
    assert "100000 simulated pairs made on the fly (psm at 10x, seed 3)" in many.describe()


@pytest.mark.parametrize("recipe", ["semi-supervised", "paper"])
def test_a_stopped_and_resumed_run_sees_what_the_uninterrupted_one_sees(
    flying: Tiny, tmp_path: Path, recipe: str
) -> None:
    settings = flying(recipe=recipe)
    whole = losses(settings, tmp_path / "whole")
    events = train(settings, tmp_path / "parts")
    while not isinstance(event := next(events), StepFinished) or event.step < 2:
        pass
    events.close()
    assert losses(settings, tmp_path / "parts", resume=True) == whole[2:]


def test_neither_cache_nor_processes_change_what_a_step_sees(
    flying: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = losses(flying(), tmp_path / "plain")
    assert losses(flying(simulation_workers=1), tmp_path / "ahead") == plain
    monkeypatch.setattr("napari_contransgan.training.data.FrameCache", lambda: FrameCache(budget_bytes=10))
    assert losses(flying(), tmp_path / "uncached") == plain


def test_a_pair_made_ahead_equals_one_made_here() -> None:
    here, ahead = PairMaker((RECIPE,), FrameCache(), 0), PairMaker((RECIPE,), FrameCache(), 1)
    fields = [FieldKey(0, index) for index in range(3)]
    ahead.prepare(fields)
    try:
        first = ahead._ahead[fields[0]]
        first.result(timeout=60)
        for field in fields:
            for one, other in zip(here.load(field), ahead.load(field), strict=True):
                assert torch.equal(one, other)
    finally:
        ahead.close()


def test_steps_find_their_pairs_made_ahead(flying: Tiny, made: list[int]) -> None:
    settings = flying(simulation_workers=1, steps=100)
    data = gather(settings)
    made.clear()
    try:
        for step in range(3):
            data.prepare(settings, step)
            assert len(data.maker._ahead) <= AHEAD_STEPS * settings.batch_size  # type: ignore[union-attr]
            for future in list(data.maker._ahead.values()):  # type: ignore[union-attr]
                future.result(timeout=60)
            draw_pairs(data.paired_lr, data.paired_phase, settings, step)
    finally:
        data.close()
    assert made == []


def test_only_the_items_that_are_drawn_here_are_made_ahead(flying: Tiny) -> None:
    settings = flying(simulation_workers=1, steps=100, batch_size=8)
    data = gather(settings)
    wanted: dict[tuple[int, ...] | None, set[FieldKey]] = {}
    maker = data.maker
    assert maker is not None
    for items in ((0, 1), (2, 3, 4, 5, 6, 7), None):
        maker.prepare = lambda fields, items=items: wanted.update({items: set(fields)})  # type: ignore[method-assign]
        data.prepare(settings, 0, items)
    assert len(wanted[0, 1]) <= 2 * AHEAD_STEPS
    assert wanted[0, 1] < wanted[None]
    assert wanted[0, 1] | wanted[2, 3, 4, 5, 6, 7] == wanted[None]


def test_a_process_that_dies_does_not_end_the_run(made: list[int]) -> None:
    maker = PairMaker((RECIPE,), FrameCache(), 1)
    fields = [FieldKey(0, index) for index in range(4)]
    maker.prepare(fields)
    for process in maker._pool.pids:  # type: ignore[union-attr]
        os.kill(process, signal.SIGKILL)
    for field in fields:
        maker.load(field)
    assert made == [0, 1, 2, 3]
    maker.prepare(fields)
    maker.close()


def test_what_is_asked_for_longest_ago_makes_room(made: list[int]) -> None:
    one_pair = 2 * 2 * 80 * 80
    maker = PairMaker((RECIPE,), FrameCache(budget_bytes=2 * one_pair + 5), 0)
    for index in (0, 1, 0, 2, 0, 1):
        maker.load(FieldKey(0, index))
        assert maker.cache.used_bytes <= maker.cache.budget_bytes
    assert made == [0, 1, 2, 1]


def test_simulated_pairs_join_unpaired_folders(flying: Tiny, pairs: Path, tmp_path: Path) -> None:
    settings = flying(lr=pairs / "lr", phase=pairs / "phase", steps=2, warm_start_steps=1)
    data = gather(settings)
    assert len(data.unpaired_lr) == 7
    started = next(train(settings, tmp_path / "one"))
    assert isinstance(started, TrainingStarted)
    assert "no step is supervised" not in started.message
    assert [sorted(loss) for loss in losses(settings, tmp_path / "two")] == [
        ["supervised"],
        ["cycle", "discriminators", "generators", "physics"],
    ]


def test_the_card_tells_what_was_simulated(flying: Tiny, tmp_path: Path) -> None:
    best = result_of(train(flying(steps=1), tmp_path))
    card = read_card(best)
    assert card.data == "12 simulated pairs made on the fly (psm at 10x, seed 3)"
    assert card.input_pixel_sizes_um == (0.65,)
    assert "simulated psm at 10x, wavelength 0.55 um" in card.optics
    assert card.recipe == "1 supervised steps on simulated pairs"
    assert "Its pairs are simulated" in card.limits
    json.dumps(card.settings)
    assert card.settings["simulate"][0]["seed"] == 3


def test_fields_that_cannot_serve_are_refused_before_anything_is_written(flying: Tiny, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fields of 80 px are smaller than the training crop of 96 px"):
        next(train(flying(crop_px=96), tmp_path / "run"))
    red = RECIPE.model_copy(update={"microscope": RECIPE.microscope.model_copy(update={"wavelength_um": 0.633})})
    with pytest.raises(InputError, match="one wavelength at a time"):
        next(train(flying(simulate=(RECIPE, red)), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_other_fields_are_another_run(flying: Tiny, tmp_path: Path) -> None:
    losses(flying(steps=1), tmp_path)
    other = RECIPE.model_copy(update={"seed": 4})
    with pytest.raises(InputError, match="started with a different simulate"):
        next(train(flying(simulate=(other,)), tmp_path, resume=True))
    assert isinstance(next(train(flying(simulation_workers=1), tmp_path, resume=True)), TrainingStarted)


def test_files_alone_start_no_process(tiny: Tiny) -> None:
    data: TrainingData = gather(tiny())
    data.prepare(tiny(), 0)
    assert data.maker is None
