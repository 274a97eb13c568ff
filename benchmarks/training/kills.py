"""Kill runs repeatedly at random moments, and resume them each time."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training.runs import (
    SAVE_EVERY,
    STEPS,
    Run,
    count_steps,
    differences,
    finished,
    saved_step,
    settings_file,
    start,
    temporaries,
)

from napari_contransgan.training.run_folder import LAST

SEED = 4402
LONGEST_START_S = 0.5
LONGEST_DELAY_S = 0.3
MOMENTS = ("start", "step", "step", "step", "save")


@dataclass(frozen=True)
class Kill:
    """One kill and its effect.

    Parameters
    ----------
    moment : str
        What the process was doing, as seen from outside.
    step, saved : int
        Last step in the metrics, and step of the save; -1 for a save that cannot be read.
    temporaries : int
        Number of half-written files, over all kills so far.
    """

    moment: str
    step: int
    saved: int
    temporaries: int

    @property
    def lost(self) -> int:
        """Return the number of steps that must be repeated."""
        return self.step - self.saved

    @property
    def is_harmless(self) -> bool:
        """Return whether the save is complete and recent."""
        return self.saved >= 0 and self.lost <= SAVE_EVERY


@dataclass(frozen=True)
class Outcome:
    """All kills of a run, and how its result differs from that of an uninterrupted one."""

    recipe: str
    kills: list[Kill]
    differs: list[str]


def killed_again_and_again(pairs: Path, folder: Path, recipe: str, kills: int, seed: int = SEED) -> Outcome:
    """Train once without interruption and once with kills, and compare the results."""
    config = settings_file(folder / f"{recipe}.yaml", pairs, recipe)
    whole, out = folder / f"{recipe}-whole", folder / f"{recipe}-killed"
    finished(config, whole)
    done = list(_kills(config, out, kills, random.Random(f"{seed} {recipe}")))  # noqa: S311 - not for security
    finished(config, out, "--resume")
    return Outcome(recipe, done, differences(out, whole))


def _kills(config: Path, out: Path, kills: int, rng: random.Random) -> Iterator[Kill]:
    for number in range(kills):
        moment = rng.choice(MOMENTS)
        run = start(config, out, "--resume")
        # The remaining steps are divided among the kills, so that the run ends after the last one.
        further = rng.randint(1, max(1, 2 * (STEPS - count_steps(out)) // (kills - number + 1)))
        if _reached(run, moment, further, rng):
            run.process.kill()
        if run.wait() not in (0, -9):
            raise RuntimeError(f"{out}: ended by itself: {run.text()}")
        yield Kill(moment, count_steps(out), saved_step(out), len(temporaries(out)))


def _reached(run: Run, moment: str, further: int, rng: random.Random) -> bool:
    """Wait for the moment; return False if the process ends before it."""
    if moment == "start":
        time.sleep(rng.uniform(0, LONGEST_START_S))
        return True
    before = set(temporaries(run.out))
    if moment == "save":
        return run.wait_until(lambda: any(LAST in path.name for path in _new(run, before)))
    begun = run.wait_until(lambda: "parameters on" in run.text())
    aim = count_steps(run.out) + further
    if begun and run.wait_until(lambda: count_steps(run.out) >= aim):
        time.sleep(rng.uniform(0, LONGEST_DELAY_S))
        return True
    return False


def _new(run: Run, before: set[Path]) -> list[Path]:
    return [path for path in temporaries(run.out) if path not in before]
