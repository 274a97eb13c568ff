"""What a run survives: kills, signals, full disks, images that break or vanish. All of it at the end as uninterrupted.

The whole table is that of ``python -m benchmarks.training --only faults``.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.training.disk import CannotMountError, fill, small_disk
from benchmarks.training.folders import asked_to_end, two_in_one
from benchmarks.training.images import cut_short, first_drawn
from benchmarks.training.kills import killed_again_and_again
from benchmarks.training.runs import (
    copies,
    differences,
    finished,
    saved_step,
    short_settings,
    steps_of,
    temporaries,
)

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import _host
from napari_contransgan.training import steps, trainer
from napari_contransgan.training.events import CheckpointSaved, ImageSkipped, SaveFailed, StepFinished
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]


@pytest.fixture(scope="module")
def whole(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of the paper's recipe."""
    folder = tmp_path_factory.mktemp("whole")
    return finished(short_settings(folder / "whole.yaml", pairs), folder / "run").out


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk") as mounted:
            yield mounted
    except CannotMountError as error:
        pytest.skip(str(error))


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(pairs: Path, tmp_path: Path) -> None:
    outcome = killed_again_and_again(pairs, tmp_path, "semi-supervised", kills=3)
    assert all(kill.is_harmless for kill in outcome.kills)
    assert outcome.differs == []


def test_what_a_kill_left_half_written_is_taken_away_at_the_next_start(tiny: Tiny, tmp_path: Path) -> None:
    list(train(tiny(generator="unet", steps=1), tmp_path))
    left = [tmp_path / f".contransgan-{_host()}-999999999-abcdefgh" / "last.safetensors"]
    left.append(tmp_path / "previews" / left[0].parent.name / "3.ome.tif")
    own = [tmp_path / ".own", tmp_path / ".part-mine", tmp_path / ".tmpabcdef"]
    for path in (*left, *own):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"half")
    list(train(tiny(generator="unet", steps=2), tmp_path, resume=True))
    assert sorted(path for path in tmp_path.rglob(".*") if path.name != ".lock") == sorted(own)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_that_is_asked_to_end_loses_nothing(
    pairs: Path, tmp_path: Path, whole: Path, number: signal.Signals
) -> None:
    assert asked_to_end(pairs, tmp_path, number, whole) == []


def test_a_second_run_is_refused_and_the_first_goes_on(pairs: Path, tmp_path: Path, whole: Path) -> None:
    assert two_in_one(pairs, tmp_path, whole) == []


@pytest.mark.parametrize("room_bytes", [0, 16 * 2**10])
def test_a_run_goes_on_while_the_disk_is_full(tiny: Tiny, disk: Path, room_bytes: int) -> None:
    run = train(tiny(generator="unet", steps=12, validate_every=100), disk / "run")
    for event in run:
        if isinstance(event, CheckpointSaved) and event.step == 4:
            break
    good, ballast = (disk / "run" / "last.safetensors").read_bytes(), fill(disk, room_bytes)
    for event in run:
        if isinstance(event, SaveFailed) and event.step == 8:
            break
    assert (disk / "run" / "last.safetensors").read_bytes() == good
    assert temporaries(disk / "run") == []
    ballast.unlink()
    saves = [event.step for event in run if isinstance(event, CheckpointSaved)]
    assert saves[0] == 10
    assert saved_step(disk / "run") == 12
    assert steps_of(disk / "run") == list(range(1, 13))


def test_a_disk_that_is_full_at_the_start_is_told_with_the_file(tiny: Tiny, disk: Path) -> None:
    fill(disk, 0)
    with pytest.raises(OSError, match="No space left") as refused:
        next(train(tiny(generator="unet"), disk / "run"))
    assert Path(refused.value.filename).name == "config.yaml"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_data_folder_that_vanishes_costs_nothing_once_it_is_back(
    tiny: Tiny, pairs: Path, tmp_path: Path, accumulate: int
) -> None:
    own = copies(pairs, tmp_path / "set", 4)
    settings = tiny(generator="unet", pairs=(own,), steps=12, accumulate=accumulate, save_every=100, validate_every=100)
    list(train(settings, tmp_path / "whole"))
    run = train(settings, tmp_path / "run")
    next(run), next(run)
    away = own.rename(tmp_path / "away")
    with pytest.raises(InputError, match=r"the folder is gone or empty; restore it, then resume the run"):
        list(run)
    assert saved_step(tmp_path / "run") == steps_of(tmp_path / "run")[-1]
    away.rename(own)
    list(train(settings, tmp_path / "run", resume=True))
    assert differences(tmp_path / "run", tmp_path / "whole", steps=12) == []


@pytest.mark.parametrize("broken_off_at", ["supervised_loss", "update_average"])
def test_a_step_that_is_broken_off_is_not_saved(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_off_at: str
) -> None:
    settings = tiny(generator="unet", steps=6, save_every=2, validate_every=100)
    list(train(settings, tmp_path / "whole"))
    run = train(settings, tmp_path / "run")
    for event in run:
        if isinstance(event, StepFinished) and event.step == 3:
            break

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, broken_off_at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(run)
    assert saved_step(tmp_path / "run") == 2
    list(train(settings, tmp_path / "run", resume=True))
    assert differences(tmp_path / "run", tmp_path / "whole", steps=6) == []


@pytest.mark.parametrize("bad_images", ["refuse", "skip"])
def test_an_image_that_breaks_while_a_run_goes_on_is_named(
    tiny: Tiny, pairs: Path, tmp_path: Path, bad_images: str
) -> None:
    own = copies(pairs, tmp_path / "set", 4)
    settings = tiny(generator="unet", pairs=(own,), steps=12, bad_images=bad_images, save_every=100)
    run = train(settings, tmp_path / "run")
    next(run), next(run)
    broken = first_drawn(settings, after=1)
    cut_short(broken)
    if bad_images == "refuse":
        with pytest.raises(InputError, match=broken.name):
            list(run)
        assert saved_step(tmp_path / "run") == steps_of(tmp_path / "run")[-1]
    else:
        assert [event.path for event in run if isinstance(event, ImageSkipped)] == [broken]
        list(train(settings, tmp_path / "whole"))  # where it is bad from the first step on
        assert differences(tmp_path / "run", tmp_path / "whole", steps=12) == []


def test_a_held_out_image_that_breaks_is_left_out(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    own = copies(pairs, tmp_path / "set", 2)
    settings = tiny(generator="unet", pairs=(own,), steps=3, bad_images="skip")
    run = train(settings, tmp_path / "run")
    next(run)
    broken = trainer.gather(settings).held_out_lr.paths[0]  # type: ignore[attr-defined]
    cut_short(broken)
    assert [event.path for event in run if isinstance(event, ImageSkipped)] == [broken]


def test_a_bad_image_is_not_shown(tiny: Tiny, pairs: Path, tmp_path: Path) -> None:
    own = copies(pairs, tmp_path / "set", 1)
    cut_short(min((own / "lr").iterdir()))
    settings = tiny(
        generator="unet", recipe="paper", pairs=(), lr=own / "lr", phase=own / "phase", steps=1, bad_images="skip"
    )
    list(train(settings, tmp_path / "run"))
    assert len(list((tmp_path / "run" / "previews").iterdir())) == 1
