"""Test two runs in one folder, missing folders, and runs that receive a signal."""

import signal
from pathlib import Path

from benchmarks.training.runs import (
    SHORT_STEPS,
    Run,
    count_steps,
    differences,
    finished,
    saved_step,
    settings_file,
    short_settings,
    start,
)


def two_in_one(pairs: Path, folder: Path, whole: Path) -> list[str]:
    """Return what goes wrong when a second run starts in the folder of a running one; `whole` had the same settings."""
    config = short_settings(folder / "two.yaml", pairs)
    first = start(config, folder / "two")
    if not first.hold_at(3):
        raise RuntimeError(first.text())
    wrong = []
    reason = "another training is writing to this folder"
    for options in ((), ("--resume",)):
        second = start(short_settings(folder / "second" / "two.yaml", pairs), first.out, *options)
        status, lines = second.wait(), second.text().splitlines()
        if status != 2 or len(lines) != 1 or reason not in lines[0]:
            wrong.append(f"second{' '.join(('', *options))}: exit status {status}: {second.text()}")
    first.go_on()
    if first.wait():
        wrong.append(f"the first ended with {first.status()}: {first.text()}")
    return wrong + differences(first.out, whole, SHORT_STEPS)


def missing_parent(pairs: Path, folder: Path) -> list[str]:
    """Return what goes wrong when the parent folders of a run's folder are missing."""
    config = settings_file(folder / "parent.yaml", pairs, steps=2)
    run = start(config, folder / "a" / "b" / "run")
    return [] if run.wait() == 0 and saved_step(run.out) == 2 else [f"{run.status()}: {run.text()}"]


def parent_is_a_file(pairs: Path, folder: Path) -> Run:
    """Return a finished run whose parent folder is a file."""
    (folder / "file").write_text("in the way", encoding="utf-8")
    run = start(settings_file(folder / "in-file.yaml", pairs, steps=2), folder / "file" / "run")
    run.wait()
    return run


def asked_to_end(pairs: Path, folder: Path, number: signal.Signals, whole: Path) -> list[str]:
    """Return what goes wrong when a run receives a signal and is resumed; `whole` had the same settings."""
    name = number.name.lower()
    config = short_settings(folder / f"{name}.yaml", pairs)
    run = start(config, folder / name)
    run.wait_until(lambda: count_steps(run.out) >= 7)
    run.send(number)
    status, wrong = run.wait(), []
    if status != 130:
        wrong.append(f"exit status {status}: {run.text()}")
    if saved_step(run.out) != count_steps(run.out):
        wrong.append(f"saved at {saved_step(run.out)} of {count_steps(run.out)} steps")
    finished(config, run.out, "--resume")
    return wrong + differences(run.out, whole, SHORT_STEPS)
