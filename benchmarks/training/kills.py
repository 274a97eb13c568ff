"""Runs that are killed again and again, at moments that chance chooses, and resumed each time."""

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
    """One kill and what it left.

    Parameters
    ----------
    moment : str
        What the process was about, as seen from outside.
    step, saved : int
        Last step in the metrics, and step of the save: -1 for one that cannot be read.
    temporaries : int
        Files that were begun and not ended, over all kills so far.
    """

    moment: str
    step: int
    saved: int
    temporaries: int

    @property
    def lost(self) -> int:
        """Steps that must be done again."""
        return self.step - self.saved

    @property
    def is_harmless(self) -> bool:
        """Whether the save is whole and recent."""
        return self.saved >= 0 and self.lost <= SAVE_EVERY


@dataclass(frozen=True)
class Outcome:
    """All kills of a run, and in what its end differs from that of an undisturbed one."""

    recipe: str
    kills: list[Kill]
    differs: list[str]


def killed_again_and_again(pairs: Path, folder: Path, recipe: str, kills: int, seed: int = SEED) -> Outcome:
    """Train once undisturbed and once with kills, and compare."""
    config = settings_file(folder / f"{recipe}.yaml", pairs, recipe)
    whole, out = folder / f"{recipe}-whole", folder / f"{recipe}-killed"
    finished(config, whole)
    done = list(_kills(config, out, kills, random.Random(f"{seed} {recipe}")))  # noqa: S311 - no secret
    finished(config, out, "--resume")
    return Outcome(recipe, done, differences(out, whole))


def _kills(config: Path, out: Path, kills: int, rng: random.Random) -> Iterator[Kill]:
    for number in range(kills):
        moment = rng.choice(MOMENTS)
        run = start(config, out, "--resume")
        # The steps that are left are shared among the kills, so that the run ends after the last one.
        further = rng.randint(1, max(1, 2 * (STEPS - count_steps(out)) // (kills - number + 1)))
        if _reached(run, moment, further, rng):
            run.process.kill()
        if run.wait() not in (0, -9):
            raise RuntimeError(f"{out}: ended by itself: {run.text()}")
        yield Kill(moment, count_steps(out), saved_step(out), len(temporaries(out)))


def _reached(run: Run, moment: str, further: int, rng: random.Random) -> bool:
    """Wait for the moment; False where the process ends before."""
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
