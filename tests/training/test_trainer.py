"""Whole runs of a tiny network on a few simulated fields."""

import errno
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import read_card
from napari_contransgan.models.folding import folded_weights
from napari_contransgan.progress import result_of
from napari_contransgan.training import run as keeping
from napari_contransgan.training.events import (
    SAVE,
    STOP,
    CheckpointSaved,
    SaveFailed,
    StepFinished,
    TrainingFinished,
    TrainingStarted,
    Validated,
)
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]


def test_a_run_tells_what_happens_and_leaves_a_checkpoint_with_a_card(pairs: Path, tiny: Tiny, tmp_path: Path) -> None:
    events = list(train(tiny(), tmp_path / "run"))
    assert isinstance(events[0], TrainingStarted)
    assert "5 pairs" in events[0].message
    assert "2 pairs held out" in events[0].message
    assert [e.step for e in events if isinstance(e, StepFinished)] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events if isinstance(e, Validated)] == [3, 6]
    assert any(isinstance(e, CheckpointSaved) for e in events)
    assert isinstance(events[-1], TrainingFinished)
    card = read_card(events[-1].path)
    assert card.generator == "contrans"
    assert "supervised" in card.recipe
    assert str(pairs.parent) not in card.model_dump_json()
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert sum("supervised" in record for record in records) == 6
    assert (tmp_path / "run" / "config.yaml").is_file()


def test_the_loss_falls(tiny: Tiny, tmp_path: Path) -> None:
    events = train(tiny(steps=40, validate_every=40, save_every=40, generator="unet", seed=2), tmp_path)
    losses = [e.losses["supervised"] for e in events if isinstance(e, StepFinished)]
    assert sum(losses[-8:]) < 0.7 * sum(losses[:8])


@pytest.mark.parametrize(
    ("recipe", "precision", "threads"),
    [("semi-supervised", "fp32", 1), ("paper", "fp32", 2), ("semi-supervised", "bf16", 2), ("paper", "bf16", 1)],
)
def test_a_stopped_and_resumed_run_equals_the_uninterrupted_one(
    tiny: Tiny, tmp_path: Path, recipe: str, precision: str, threads: int
) -> None:
    settings = tiny(recipe=recipe, generator="unet", warm_start_steps=3, precision=precision, threads=threads)
    result_of(train(settings, tmp_path / "whole"))

    stopped = train(settings, tmp_path / "parts")
    for event in stopped:
        if isinstance(event, StepFinished) and event.step == 5:
            break
    stopped.close()
    result_of(train(settings, tmp_path / "parts", resume=True))

    whole, parts = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_the_paper_recipe_plays_both_directions_unpaired(pairs: Path, tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(recipe="paper", pairs=(), lr=pairs / "lr", phase=pairs / "phase", steps=3)
    events = list(train(settings, tmp_path))
    losses = [e.losses for e in events if isinstance(e, StepFinished)]
    assert all(set(loss) == {"generators", "cycle", "discriminators"} for loss in losses)
    assert all(math.isfinite(value) for loss in losses for value in loss.values())
    validated = next(e for e in events if isinstance(e, Validated))
    assert math.isnan(validated.ssim)
    assert "unpaired" in read_card(tmp_path / "best.safetensors").recipe


def test_stopping_at_once_still_leaves_something_to_go_on_from(tiny: Tiny, tmp_path: Path) -> None:
    run = train(tiny(), tmp_path)
    assert [type(event) for event in itertools.islice(run, 2)] == [TrainingStarted, StepFinished]
    run.close()
    assert (tmp_path / "last.safetensors").is_file()
    assert (tmp_path / "best.safetensors").is_file()


def test_a_run_saves_when_asked_to_and_goes_on(tiny: Tiny, tmp_path: Path) -> None:
    run = train(tiny(generator="unet", save_every=50, validate_every=50), tmp_path)
    assert isinstance(next(run), TrainingStarted)
    assert isinstance(next(run), StepFinished)
    saved = run.send(SAVE)
    assert isinstance(saved, CheckpointSaved)
    assert (saved.step, saved.path) == (1, tmp_path / "last.safetensors")
    assert isinstance(next(run), StepFinished)
    run.close()


def test_a_run_that_is_asked_to_stop_saves_and_ends_without_another_step(tiny: Tiny, tmp_path: Path) -> None:
    run = train(tiny(generator="unet", save_every=50, validate_every=50), tmp_path)
    next(run), next(run)
    rest = [run.send(STOP), *run]
    assert [type(event) for event in rest] == [CheckpointSaved]
    assert (tmp_path / "best.safetensors").is_file()


def test_a_disk_that_is_full_for_a_while_costs_no_step_and_no_line(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def when_there_is_room(function: Callable[..., None]) -> Callable[..., None]:
        def tried(*arguments: object) -> None:
            if full:
                raise OSError(errno.ENOSPC, "No space left on device")
            function(*arguments)

        return tried

    for name in ("save_state", "save_checkpoint", "append_record"):
        monkeypatch.setattr(keeping, name, when_there_is_room(getattr(keeping, name)))
    events = []
    for event in train(tiny(generator="unet"), tmp_path):
        events.append(event)
        full = not (isinstance(event, StepFinished) and event.step == 5) and full
    failed = [event for event in events if isinstance(event, SaveFailed)]
    assert [event.step for event in failed] == [2, 3, 4]
    assert "free some space" in failed[0].reason
    assert isinstance(events[-1], TrainingFinished)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "supervised" in record] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_is_stopped_at_a_validation_has_all_of_it(tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(generator="unet", save_every=50)
    result_of(train(settings, tmp_path / "whole"))
    for stopped_at in (StepFinished, Validated):
        run = train(settings, tmp_path / stopped_at.__name__)
        for event in run:
            if isinstance(event, stopped_at) and event.step == 3:
                break
        run.close()
        result_of(train(settings, tmp_path / stopped_at.__name__, resume=True))
        for name in ("last.safetensors", "best.safetensors"):
            whole, parts = (load_file(folder / name) for folder in (tmp_path / "whole", tmp_path / stopped_at.__name__))
            assert all(torch.equal(value, parts[key]) for key, value in whole.items()), (stopped_at, name)
        lines = (tmp_path / stopped_at.__name__ / "metrics.jsonl").read_text().splitlines()
        assert [line["step"] for line in map(json.loads, lines) if "validation" in line] == [3, 6]


def test_a_run_writes_for_tensorboard_where_that_is_wanted(tiny: Tiny, tmp_path: Path) -> None:
    for wanted in (False, True):
        run = train(tiny(generator="unet", steps=3, tensorboard=wanted), tmp_path / str(wanted))
        next(run), next(run)
        assert [type(event) for event in [run.send(STOP), *run]][-1] is CheckpointSaved, "requests still arrive"
        assert bool(list((tmp_path / str(wanted)).glob("tensorboard/*"))) == wanted


def test_a_run_that_cannot_be_saved_at_its_end_says_so(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeping, "save_state", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\).*nothing was saved yet"):
        result_of(train(tiny(generator="unet"), tmp_path))


def test_a_folder_that_holds_a_run_is_not_overwritten(tiny: Tiny, tmp_path: Path) -> None:
    next(train(tiny(), tmp_path))
    with pytest.raises(InputError, match="holds a run already"):
        next(train(tiny(), tmp_path))
    with pytest.raises(InputError, match="started with a different generator"):
        next(train(tiny(generator="unet"), tmp_path, resume=True))


def test_an_empty_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "lr").mkdir()
    (tmp_path / "phase").mkdir()
    settings = TrainSettings(lr=tmp_path / "lr", phase=tmp_path / "phase", recipe="paper")
    with pytest.raises(InputError, match="lr"):
        next(train(settings, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_images_smaller_than_the_crop_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="smaller than the training crop of 224"):
        next(train(tiny(crop_px=224), tmp_path / "run"))


def test_a_run_can_begin_with_the_weights_of_a_trained_network(tiny: Tiny, tmp_path: Path) -> None:
    first = result_of(train(tiny(generator="unet"), tmp_path / "first"))
    begun = train(tiny(generator="unet", start_from=str(first), steps=1, learning_rate=1e-9), tmp_path / "second")
    assert f"begins with the weights of {first}" in next(begun).message  # type: ignore[union-attr]
    second = result_of(begun)
    old, new = load_file(first), load_file(second)
    weights = [name for name in old if name.endswith("weight")]
    assert weights
    for name in weights:
        torch.testing.assert_close(new[name], old[name], atol=2e-3, rtol=2e-3)
    assert read_card(second).recipe.endswith(f"after the training of {first.name}")


def test_a_fast_network_can_begin_with_a_compact_one(tiny: Tiny, tmp_path: Path) -> None:
    first = result_of(train(tiny(generator="unet", preset="compact", steps=1), tmp_path / "first"))
    settings = tiny(generator="unet", preset="fast", start_from=str(first), steps=1, learning_rate=1e-9)
    second = result_of(train(settings, tmp_path / "second"))
    old, new = folded_weights(load_file(first)), load_file(second)
    for name in (name for name in old if name.endswith("weight")):
        torch.testing.assert_close(new[name], old[name], atol=2e-3, rtol=2e-3)


def test_a_compact_network_cannot_begin_with_a_fast_one(tiny: Tiny, tmp_path: Path) -> None:
    first = result_of(train(tiny(generator="unet", preset="fast", steps=1), tmp_path / "first"))
    with pytest.raises(InputError, match="has the preset fast, the run compact"):
        next(train(tiny(generator="unet", preset="compact", start_from=str(first)), tmp_path / "second"))


def test_a_run_refuses_to_begin_with_a_network_of_another_kind(tiny: Tiny, tmp_path: Path) -> None:
    first = result_of(train(tiny(generator="unet", steps=1), tmp_path / "first"))
    with pytest.raises(InputError, match="has the generator unet, the run swin"):
        next(train(tiny(generator="swin", start_from=str(first)), tmp_path / "second"))
    assert not (tmp_path / "second").exists()
