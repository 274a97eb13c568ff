"""One run by several processes, or in several parts, comes to what one process alone comes to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.progress import result_of
from napari_contransgan.training.trainer import train

Tiny = Callable[..., TrainSettings]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TRAIN = ["-m", "napari_contransgan.cli", "train"]


def start_two(settings: TrainSettings, run_dir: Path, *options: str) -> "subprocess.Popen[str]":
    config = run_dir.with_suffix(".yaml")
    config.write_text(settings.to_yaml())
    return subprocess.Popen(  # noqa: S603
        [*TORCHRUN, *TRAIN, "--config", str(config), "--out", str(run_dir), *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def losses_of(run_dir: Path) -> list[dict[str, float]]:
    records = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    not_losses = {"step", "images_per_s", "learning_rate", "validation"}
    return [{k: v for k, v in one.items() if k not in not_losses} for one in records if "validation" not in one]


@pytest.mark.parametrize("recipe", ["semi-supervised", "paper"])
def test_two_processes_come_to_the_losses_of_one_at_the_same_batch(
    tiny: Tiny, pairs: Path, tmp_path: Path, recipe: str
) -> None:
    settings = tiny(
        generator="unet",
        recipe=recipe,
        lr=pairs / "lr",
        phase=pairs / "phase",
        warm_start_steps=3,
        batch_size=4,
        steps=9,
        gradient_penalty=0.5,
        lambda_physics=1.0,
        validate_every=20,
    )
    result_of(train(settings.model_copy(update={"accumulate": 2}), tmp_path / "one"))  # type: ignore[arg-type]
    running = start_two(settings, tmp_path / "two", "--json")
    printed, told = running.communicate(timeout=300)
    assert running.returncode == 0, told
    assert json.loads(printed)["step"] == 9, "one process alone prints"
    assert "2 processes" in told
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert len(one) == len(two) == 9
    assert any("physics" in losses for losses in one)
    for alone, shared in zip(one, two, strict=True):
        assert shared == pytest.approx(alone, rel=2e-3)
    weights = [load_file(tmp_path / name / "last.safetensors") for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()


def test_two_processes_stop_together_when_asked_and_go_on(tiny: Tiny, tmp_path: Path) -> None:
    settings = tiny(generator="unet", steps=100_000, validate_every=100_000, save_every=100_000)
    running = start_two(settings, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.is_file() and metrics.stat().st_size) and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=120)
    assert (tmp_path / "run" / "last.safetensors").is_file(), told
    done = len(losses_of(tmp_path / "run"))
    again = start_two(settings.model_copy(update={"steps": done + 2}), tmp_path / "run", "--resume", "--json")
    printed, told = again.communicate(timeout=300)
    assert again.returncode == 0, told
    assert json.loads(printed)["step"] == done + 2


def test_a_batch_that_cannot_be_divided_among_the_processes_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    running = start_two(tiny(generator="unet", batch_size=3), tmp_path / "run")
    _, told = running.communicate(timeout=300)
    assert running.returncode != 0
    assert "a batch of 3 cannot be divided evenly among 2 processes" in told
    assert not (tmp_path / "run").exists()


def test_a_batch_in_parts_has_the_gradient_of_the_whole_where_norms_are_frozen(tiny: Tiny, tmp_path: Path) -> None:
    """The losses are means over images, so that parts of equal size add up."""
    from napari_contransgan.training import steps

    settings = tiny(generator="unet", batch_size=4, steps=3, validate_every=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "FREEZE_NORM_AT", 0.0)
        for parts in (1, 2, 4):
            result_of(train(settings.model_copy(update={"accumulate": parts}), tmp_path / str(parts)))  # type: ignore[arg-type]
    whole = losses_of(tmp_path / "1")
    for parts in (2, 4):
        for one, other in zip(whole, losses_of(tmp_path / str(parts)), strict=True):
            assert other == pytest.approx(one, rel=1e-4)


def test_parts_must_be_of_equal_size() -> None:
    with pytest.raises(InputError, match="a batch of 4 cannot be divided into 3 equal parts"):
        TrainSettings.checked({"pairs": ["pairs"], "batch_size": 4, "accumulate": 3})
