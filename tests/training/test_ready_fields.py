"""Runs by the clock draw from the simulated fields that are ready."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import closing
from pathlib import Path

import pytest

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset
from napari_contransgan.training import ready_fields
from napari_contransgan.training.data import TrainingData, gather, simulated_fields
from napari_contransgan.training.events import StepFinished, TrainingFinished, Validated
from napari_contransgan.training.frames import FrameCache
from napari_contransgan.training.on_the_fly import FieldKey, PairMaker
from napari_contransgan.training.ready_fields import drawn_from_ready
from napari_contransgan.training.sampling import draw_pairs
from napari_contransgan.training.trainer import train
from napari_contransgan.training.validation import scored_fields

Tiny = Callable[..., TrainSettings]
RECIPE = SimulationSettings(specimen="psm", seed=3, field_px=80, count=24)


@pytest.fixture
def flying(tiny: Tiny) -> Tiny:
    """Settings of a tiny run by the clock on simulated pairs."""
    base = {"pairs": (), "simulate": (RECIPE,), "generator": "unet", "simulation_workers": 1, "minutes": 5.0}
    return lambda **changes: tiny(**(base | changes))


def ready_of(data: TrainingData) -> list[FieldKey]:
    assert data.ready is not None
    return data.ready.fields


def wait_for_one(data: TrainingData) -> None:
    assert data.maker is not None
    wait(data.maker._ahead.values(), timeout=60, return_when=FIRST_COMPLETED)


def wait_for_all(data: TrainingData) -> None:
    assert data.ready is not None
    while data.ready.due:
        wait_for_one(data)
        data.ready.follow()


def keys(data: TrainingData) -> set[FieldKey]:
    return {field for index in range(len(data.paired_lr)) for field in simulated_fields(data.paired_lr, index)}


def test_steps_draw_only_what_is_ready_and_in_the_end_everything(flying: Tiny) -> None:
    settings = flying()
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        live.prepare(settings, 0)
        few = set(ready_of(live))
        assert 4 <= len(few) < len(data.paired_lr)
        assert keys(live) == few
        contrast, phase_rad = draw_pairs(live.paired_lr, live.paired_phase, settings, 0)
        assert contrast.shape == phase_rad.shape == (2, 1, 64, 64)
        assert set(ready_of(live)) == few
        wait_for_all(live)
        assert keys(live) == keys(data)
        assert len(ready_of(live)) == len(keys(data))
        assert all(field in live.maker.cache for field in ready_of(live))  # type: ignore[union-attr]


def test_both_halves_of_a_pair_are_those_of_one_field(flying: Tiny) -> None:
    settings = flying(simulate=(RECIPE.model_copy(update={"count": 6}),))
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        live.prepare(settings, 0)
        wait_for_all(live)
        for index in range(len(live.paired_lr)):
            assert live.paired_lr.key(index) == live.paired_phase.key(index) == ready_of(live)[index]
            here = PairMaker((RECIPE,), FrameCache(), 0).load(ready_of(live)[index])
            assert (live.paired_lr.load(index, 64) == here[0]).all()
            assert (live.paired_phase.load(index, 64) == here[1]).all()


def test_no_step_sees_a_held_out_field_and_the_validation_finds_its_own_made(flying: Tiny) -> None:
    settings = flying(validation_fraction=0.3)
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        live.prepare(settings, 0)
        wait_for_all(live)
        held_out = {field for index in scored_fields(live) for field in simulated_fields(live.held_out_lr, index)}
        assert len(held_out) > 1
        assert not held_out & set(ready_of(live))
        assert all(field in live.maker.cache for field in held_out)  # type: ignore[union-attr]


def test_what_is_asked_for_at_a_time_is_bounded_and_so_is_what_is_kept(
    flying: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_pair = 2 * 2 * 80 * 80
    cache = FrameCache(budget_bytes=10 * one_pair)
    monkeypatch.setattr("napari_contransgan.training.data.FrameCache", lambda: cache)
    monkeypatch.setattr(ready_fields, "IN_FLIGHT", 3)
    settings = flying()
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        live.prepare(settings, 0)
        while live.maker._ahead:  # type: ignore[union-attr]
            assert len(live.maker._ahead) <= 3  # type: ignore[union-attr]
            wait_for_one(live)
            live.prepare(settings, 1)
        assert 7 <= len(ready_of(live)) <= 10
        assert all(field in cache for field in ready_of(live))


def test_a_resumed_run_and_another_process_make_other_fields_first(flying: Tiny) -> None:
    settings = flying(simulate=(RECIPE.model_copy(update={"count": 1000}),))
    with closing(gather(settings)) as data:

        def first(step: int, items: list[int]) -> list[FieldKey]:
            live = drawn_from_ready(data, settings, step, items)
            assert live.ready is not None
            return list(live.ready.due)[:4]

        assert first(0, [0, 1]) == first(0, [0, 1])
        assert first(0, [0, 1]) != first(100, [0, 1])
        assert first(0, [0, 1]) != first(0, [2, 3])


def test_when_the_processes_die_the_run_goes_on_with_what_is_there(flying: Tiny) -> None:
    settings = flying()
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        assert live.maker is not None
        live.maker.prepare([FieldKey(0, 5)])
        for process in live.maker._pool.pids:  # type: ignore[union-attr]
            os.kill(process, signal.SIGKILL)
        for step in range(3):
            live.prepare(settings, step)
            draw_pairs(live.paired_lr, live.paired_phase, settings, step)
        assert len(ready_of(live)) >= 4


def test_fields_in_a_folder_are_drawn_too(flying: Tiny, pairs: Path) -> None:
    settings = flying(pairs=(pairs,), lr=pairs / "lr", phase=pairs / "phase")
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        files = len(live.paired_lr)
        assert 0 < files < 7
        live.prepare(settings, 0)
        assert len(live.paired_lr) == files + len(ready_of(live))
        assert live.unpaired_lr is data.unpaired_lr


def test_without_processes_or_simulation_nothing_is_changed(flying: Tiny, tiny: Tiny) -> None:
    for settings in (flying(simulation_workers=0), tiny(minutes=1.0)):
        with closing(gather(settings)) as data:
            assert drawn_from_ready(data, settings, 0, [0, 1]) is data


@pytest.mark.parametrize("recipe", ["semi-supervised", "paper"])
def test_a_run_by_the_clock_trains_on_fields_that_others_simulate(flying: Tiny, tmp_path: Path, recipe: str) -> None:
    settings = flying(recipe=recipe, steps=4)
    events = list(train(settings, tmp_path))
    assert "24 simulated pairs" in events[0].message or "pairs for training" in events[0].message  # type: ignore[union-attr]
    assert sum(isinstance(event, StepFinished) for event in events) == 4
    scores = [event for event in events if isinstance(event, Validated)]
    assert scores[-1].has_scores
    assert isinstance(events[-1], TrainingFinished)


def test_a_folder_of_the_same_fields_is_held_out_alike(flying: Tiny, tmp_path: Path) -> None:
    folder = result_of(write_dataset(RECIPE, tmp_path / "set", stacks=False))
    settings = flying(pairs=(folder,), validation_fraction=0.3)
    with closing(gather(settings)) as data:
        live = drawn_from_ready(data, settings, 0, [0, 1])
        live.prepare(settings, 0)
        wait_for_all(live)
        held_out = {path.name[:4] for path in data.held_out_lr.lists[0].paths}  # type: ignore[attr-defined]
        assert held_out
        assert not held_out & {f"{field.index:04d}" for field in ready_of(live)}
