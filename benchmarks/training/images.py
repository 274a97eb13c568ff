"""Test runs whose images break or disappear, before the first step or during the run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.training.runs import (
    SAVE_EVERY,
    Run,
    copies,
    count_steps,
    differences,
    finished,
    saved_step,
    settings_file,
    start,
)

from napari_contransgan.config import TrainSettings
from napari_contransgan.training.data import gather
from napari_contransgan.training.sampling import PAIRED, chosen_index

COPIES = 6
SUPERVISED: dict[str, Any] = {"recipe": "semi-supervised", "lr": None, "phase": None, "steps": 4 * SAVE_EVERY}


def cut_short(path: Path) -> None:
    """Truncate a file to its first half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def make_text(path: Path) -> None:
    """Replace an image by text."""
    path.write_text("no image\n", encoding="utf-8")


def first_drawn(settings: TrainSettings, after: int) -> Path:
    """Return the low-power image that is drawn next, among those not drawn in any step up to `after`."""
    data = gather(settings)
    seen: list[int] = []
    for step in range(settings.steps):
        for item in range(settings.batch_size):
            index, _ = chosen_index([data.paired_lr, data.paired_phase], settings, step, PAIRED, item)
            if step > after and index not in seen:
                path: Path = data.paired_lr.paths[index]  # type: ignore[attr-defined]
                return path
            seen.append(index)
    raise RuntimeError("every image has already been drawn: the data set is too small")


def bad_at_the_start(pairs: Path, folder: Path, spoil: Callable[[Path], None], bad_images: str) -> tuple[Run, Path]:
    """Train on images of which one is broken; return the finished run and the broken file."""
    own = copies(pairs, folder / "set", 1)
    broken = sorted((own / "lr").iterdir())[-1]
    spoil(broken)
    config = settings_file(folder / "settings.yaml", own, bad_images=bad_images, **SUPERVISED)
    run = start(config, folder / "run")
    run.wait()
    return run, broken


def bad_while_running(pairs: Path, folder: Path, bad_images: str) -> list[str]:
    """Return what goes wrong when an image breaks that was good at the start and has not been drawn yet."""
    own = copies(pairs, folder / "set", COPIES)
    config = settings_file(folder / "settings.yaml", own, bad_images=bad_images, **SUPERVISED)
    run = start(config, folder / "run")
    if not run.hold_at(1):
        raise RuntimeError(run.text())
    # The current step may draw before the process is stopped, hence one more.
    broken = first_drawn(TrainSettings.from_yaml(config), count_steps(run.out) + 1)
    cut_short(broken)
    run.go_on()
    status, wrong = run.wait(), []
    if broken.name not in run.text():
        wrong.append("the file is not named")
    if bad_images == "refuse":
        wrong += [] if status == 2 else [f"exit status {status}"]
        return wrong + _all_kept(run)
    wrong += [] if status == 0 else [f"exit status {status}"]
    whole = folder / "whole"
    finished(config, whole)  # the image is bad from the first step on
    return wrong + differences(run.out, whole, SUPERVISED["steps"])


def held_out_bad_while_running(pairs: Path, folder: Path) -> list[str]:
    """Return what goes wrong when a held-out image breaks in a run that skips bad images."""
    own = copies(pairs, folder / "set", COPIES)
    config = settings_file(folder / "settings.yaml", own, bad_images="skip", **SUPERVISED)
    run = start(config, folder / "run")
    if not run.hold_at(1):
        raise RuntimeError(run.text())
    cut_short(gather(TrainSettings.from_yaml(config)).held_out_lr.paths[0])  # type: ignore[attr-defined]
    run.go_on()
    return [] if run.wait() == 0 else [f"exit status {run.status()}: {run.text().splitlines()[-1][:90]}"]


def first_unpaired_bad(pairs: Path, folder: Path) -> list[str]:
    """Return what goes wrong in an unpaired run that skips bad images if the image for the preview is bad."""
    own = copies(pairs, folder / "set", 1)
    cut_short(sorted((own / "lr").iterdir())[0])
    config = settings_file(folder / "settings.yaml", own, "paper", pairs=(), bad_images="skip", steps=2 * SAVE_EVERY)
    run = start(config, folder / "run")
    return [] if run.wait() == 0 else [f"exit status {run.status()}: {run.text().splitlines()[-1][:90]}"]


def vanishes(pairs: Path, folder: Path, bad_images: str = "refuse", accumulate: int = 1) -> list[str]:
    """Return what goes wrong when the data folder is renamed during a run, and renamed back."""
    own = copies(pairs, folder / "set", COPIES)
    config = settings_file(folder / "settings.yaml", own, bad_images=bad_images, accumulate=accumulate, **SUPERVISED)
    whole = folder / "whole"
    finished(config, whole)
    run = start(config, folder / "run")
    if not run.hold_at(2):
        raise RuntimeError(run.text())
    away = own.rename(folder / "away")
    run.go_on()
    status, wrong = run.wait(), []
    if status != 2 or "the folder is gone" not in run.text():
        wrong.append(f"exit status {status}: {run.text().splitlines()[-1][:90]}")
    wrong += _all_kept(run)
    away.rename(own)
    finished(config, run.out, "--resume")
    return wrong + differences(run.out, whole, SUPERVISED["steps"])


def _all_kept(run: Run) -> list[str]:
    lost = count_steps(run.out) - saved_step(run.out)
    return [f"{lost} steps lost"] if lost else []
