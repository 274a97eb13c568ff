"""Runs whose length is stated in minutes."""

import json
import math
import time
from collections.abc import Callable, Generator
from itertools import pairwise
from pathlib import Path

import pytest

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.config.training import MOST_STEPS
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import read_card
from napari_contransgan.training import timed
from napari_contransgan.training.events import (
    STOP,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    Validated,
)
from napari_contransgan.training.recipe import RAMP_STEPS, is_supervised, learning_rate
from napari_contransgan.training.state import RunState
from napari_contransgan.training.timed import Clock, clocked
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
RECIPE = SimulationSettings(specimen="psm", seed=3, field_px=80, count=12)
SECOND = 1 / 60


class Time:
    """A clock on which each look takes a second."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        self.now_s += 1.0
        return self.now_s

    perf_counter = staticmethod(time.perf_counter)


@pytest.fixture
def by_looks(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Time that goes on by a second with each look at the clock, so that a run is the same on every machine."""
    clock = Time()
    monkeypatch.setattr(timed, "time", clock)
    return clock


@pytest.fixture
def minutes(tiny: Tiny) -> Tiny:
    """Settings of a tiny run by the clock, of which each step takes three looks."""

    def settings(minutes: float, **changes: object) -> TrainSettings:
        values = tiny(generator="unet").model_dump(exclude={"steps"}) | {"minutes": minutes} | changes
        return TrainSettings(**values)

    return settings


def steps_of(events: list[TrainingEvent]) -> list[StepFinished]:
    return [event for event in events if isinstance(event, StepFinished)]


def header(run: Path) -> dict[str, float]:
    from safetensors import safe_open

    with safe_open(run / "last.safetensors", framework="pt") as file:
        found: dict[str, float] = json.loads(file.metadata()["napari-contransgan-run"])
        return found


def test_the_clock_counts_what_the_work_takes_and_no_pause() -> None:
    def work() -> Generator[str, str | None, int]:
        time.sleep(0.05)
        asked = yield "one"
        assert asked == "go on"
        time.sleep(0.05)
        yield "two"
        return 7

    clock = Clock(limit_s=10.0, before_s=5.0)
    events = clocked(work(), clock)
    assert next(events) == "one"
    taken_s = clock.taken_s
    time.sleep(0.3)
    assert clock.taken_s == taken_s
    assert events.send("go on") == "two"
    with pytest.raises(StopIteration) as end:
        next(events)
    assert end.value.value == 7
    assert 5.1 <= clock.taken_s < 5.3
    assert clock.share == pytest.approx(clock.taken_s / 10)


def test_without_a_limit_no_share_is_ever_over() -> None:
    assert Clock(None, before_s=1e9).share == 0.0
    assert Clock(1.0, before_s=1e9).share == 1.0


def test_a_run_ends_validated_and_saved_when_its_time_is_over(minutes: Tiny, by_looks: Time, tmp_path: Path) -> None:
    events = list(train(minutes(0.5, validate_every=1000, save_every=1000), tmp_path))
    steps = steps_of(events)
    assert 2 < len(steps) < 30
    assert isinstance(events[0], TrainingStarted)
    assert "ends after 0.5 minutes" in events[0].message
    assert [event.step for event in events if isinstance(event, Validated)] == [len(steps)]
    assert events[-1] == TrainingFinished(len(steps), tmp_path / "best.safetensors")
    assert header(tmp_path)["step"] == len(steps)
    assert header(tmp_path)["taken_s"] >= 30
    assert steps[-1].learning_rate < 0.1 * max(step.learning_rate for step in steps)
    assert steps[-2].total_steps == pytest.approx(len(steps), abs=2)


def test_the_card_says_how_many_steps_were_done(minutes: Tiny, by_looks: Time, tmp_path: Path) -> None:
    done = len(steps_of(list(train(minutes(0.5), tmp_path))))
    card = read_card(tmp_path / "best.safetensors")
    assert card.steps <= done
    assert card.recipe == f"{card.steps} supervised steps on simulated pairs"
    assert card.settings["steps"] == card.steps
    assert card.settings["minutes"] == 0.5


def test_steps_end_a_run_that_has_time_left(minutes: Tiny, tmp_path: Path) -> None:
    events = list(train(minutes(60, steps=3), tmp_path))
    assert len(steps_of(events)) == 3
    assert isinstance(events[-1], TrainingFinished)
    assert "ends after 60 minutes, or at step 3 if that is sooner" in events[0].message  # type: ignore[union-attr]


def test_a_run_takes_one_step_however_little_time_it_has(minutes: Tiny, by_looks: Time, tmp_path: Path) -> None:
    events = list(train(minutes(0.001), tmp_path))
    assert [event.step for event in steps_of(events)] == [1]
    assert events[-1] == TrainingFinished(1, tmp_path / "best.safetensors")


def test_a_resumed_run_has_the_minutes_that_are_left(minutes: Tiny, by_looks: Time, tmp_path: Path) -> None:
    settings = minutes(1.0, validate_every=1000, save_every=1000)
    whole = steps_of(list(train(settings, tmp_path / "whole")))
    running = train(settings, tmp_path / "parts")
    first: list[TrainingEvent] = [next(running)]
    while len(steps_of(first)) < 3:
        first.append(next(running))
    first += _stopped(running)
    assert not isinstance(first[-1], TrainingFinished)
    rest = list(train(settings, tmp_path / "parts", resume=True))
    assert isinstance(rest[-1], TrainingFinished)
    assert "of them are left" in rest[0].message  # type: ignore[union-attr]
    both = steps_of(first) + steps_of(rest)
    assert [event.step for event in both] == list(range(1, len(both) + 1))
    assert abs(len(both) - len(whole)) <= 4  # looks at the clock at the end and at the beginning of a session
    # Batches depend on the seed and the step alone, since these pairs lie in files.
    assert [event.losses for event in both[:3]] == [event.losses for event in whole[:3]]
    past_the_ramp = [event.learning_rate for event in both[len(both) // 4 :]]
    assert all(later <= earlier for earlier, later in pairwise(past_the_ramp))


def _stopped(running: Generator[TrainingEvent, str | None, Path]) -> list[TrainingEvent]:
    found = []
    try:
        found.append(running.send(STOP))
        found += list(running)
    except StopIteration:
        pass
    return found


def test_resuming_a_run_whose_time_is_over_does_nothing_and_more_minutes_go_on(
    minutes: Tiny, by_looks: Time, tmp_path: Path
) -> None:
    done = len(steps_of(list(train(minutes(0.5), tmp_path))))
    again = list(train(minutes(0.5), tmp_path, resume=True))
    assert steps_of(again) == []
    assert again[-1] == TrainingFinished(done, tmp_path / "best.safetensors")
    more = steps_of(list(train(minutes(1.5), tmp_path, resume=True)))
    assert more[0].step == done + 1
    assert len(more) > 3


def test_unpaired_steps_begin_when_the_warm_start_has_had_its_share_of_the_time(
    minutes: Tiny, by_looks: Time, pairs: Path, tmp_path: Path
) -> None:
    mixed = {"lr": pairs / "lr", "phase": pairs / "phase", "validate_every": 1000, "save_every": 1000}
    found = steps_of(list(train(minutes(1.0, **mixed), tmp_path)))
    unpaired = [event.step for event in found if "supervised" not in event.losses]
    assert 0.6 < unpaired[0] / len(found) < 0.9
    paired_after = [event.step for event in found if "supervised" in event.losses and event.step > unpaired[0]]
    assert all((step - 1) % 4 == 0 for step in paired_after)
    card = read_card(tmp_path / "best.safetensors")
    warm = card.settings["warm_start_steps"]
    assert unpaired[0] - 2 <= warm < unpaired[0]
    supervised = sum("supervised" in event.losses for event in found)
    assert card.recipe.startswith(f"{supervised} supervised steps on simulated pairs + {len(found) - supervised} unp")
    more = steps_of(list(train(minutes(10.0, **mixed, steps=len(found) + 5), tmp_path, resume=True)))
    assert sum("supervised" in event.losses for event in more) <= 2  # no second warm start


def test_a_rolled_back_run_does_not_get_its_time_again(
    minutes: Tiny, by_looks: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_contransgan.training.trainer.MAX_BAD_STEPS", 1)
    calls = iter(range(1000))

    def sometimes_nan(*arguments: object, **options: object) -> object:
        loss = supervised(*arguments, **options)
        return loss * math.nan if 4 <= next(calls) < 6 else loss

    from napari_contransgan.training import steps

    supervised: Callable[..., object] = steps.supervised_loss
    monkeypatch.setattr(steps, "supervised_loss", sometimes_nan)
    events = list(train(minutes(1.0, validate_every=1000), tmp_path))
    assert sum(type(event).__name__ == "RolledBack" for event in events) == 1
    assert isinstance(events[-1], TrainingFinished)
    assert 60 <= header(tmp_path)["taken_s"] < 75


def test_the_schedule_goes_by_whichever_is_further(tiny: Tiny) -> None:
    settings = tiny(steps=1000, learning_rate=1.0)
    assert learning_rate(settings, 500) == learning_rate(settings, 500, 500.0)
    assert learning_rate(settings, 500, 900.0) == pytest.approx(learning_rate(settings, 900))
    # The ramp takes so many steps or a fifth of the time, whichever is over first.
    slow = tiny(steps=MOST_STEPS, learning_rate=1.0)
    assert learning_rate(slow, RAMP_STEPS, 0.01 * MOST_STEPS) == pytest.approx(1.0, abs=0.01)
    assert learning_rate(slow, 10, 0.1 * MOST_STEPS) == pytest.approx(0.5, abs=0.02)
    assert learning_rate(slow, 10, 0.99 * MOST_STEPS) < 0.02
    mixed = tiny(steps=1000, lr=Path("lr"), phase=Path("phase"), warm_start_steps=600)
    assert is_supervised(mixed, 101, 599.0)
    assert not is_supervised(mixed, 101, 600.0)


def test_more_minutes_do_not_go_back_to_the_warm_start(minutes: Tiny) -> None:
    settings = minutes(10.0, steps=1000, warm_start_steps=500)
    place = {
        "by steps": RunState(300, None, {}, {}, warm_steps=300),  # type: ignore[arg-type]
        "by the clock": RunState(300, None, {}, {}, clock_share=0.4, warm_steps=300),  # type: ignore[arg-type]
        "after it": RunState(300, None, {}, {}, clock_share=0.1, warm_steps=250),  # type: ignore[arg-type]
    }
    assert [state.place(settings) for state in place.values()] == [300, 400, 500]


def test_minutes_alone_do_not_limit_the_steps(pairs: Path) -> None:
    base = {"pairs": [pairs]}
    assert TrainSettings.checked(base | {"minutes": 5}, source="x").steps == MOST_STEPS
    assert TrainSettings.checked(base | {"minutes": 5, "steps": 9}, source="x").steps == 9
    assert TrainSettings.checked(base, source="x").steps == 3000
    with pytest.raises(InputError, match="warm_start_steps is part of steps: give steps too"):
        TrainSettings.checked(base | {"minutes": 5, "warm_start_steps": 3}, source="x")
    with pytest.raises(InputError, match="minutes"):
        TrainSettings.checked(base | {"minutes": 0}, source="x")


def test_settings_of_a_run_by_the_clock_survive_their_file(minutes: Tiny, tmp_path: Path) -> None:
    settings = minutes(2.5)
    (tmp_path / "config.yaml").write_text(settings.to_yaml())
    assert TrainSettings.from_yaml(tmp_path / "config.yaml") == settings
