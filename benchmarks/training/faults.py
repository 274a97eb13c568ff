"""Print tables of the faults that a run survives: kills, full disks, broken and missing images, signals."""

import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.training import disk, folders, images
from benchmarks.training.data import make_pairs
from benchmarks.training.kills import Outcome, killed_again_and_again
from benchmarks.training.runs import RECIPES, SAVE_EVERY, STEPS, Run, finished, short_settings, verdict
from benchmarks.training.timing import print_head, print_row

KILLS = 20
AT_ONCE = 2
FIELD_PX, FIELDS = 80, 7

Check = Callable[[], list[str] | Run]


def main(kills: int = KILLS) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = Path(name)
        pairs = make_pairs(folder / "pairs", FIELD_PX, FIELDS)
        share = kills // len(RECIPES)
        outcomes = pool.map(lambda recipe: killed_again_and_again(pairs, folder / recipe, recipe, share), RECIPES)
        _print_kills(list(outcomes))
        print("\nOther faults\n")
        print_head("fault", "wanted", "found")
        checks = _checks(pairs, folder)
        for (title, wanted, _), found in zip(checks, pool.map(_found, checks), strict=True):
            print_row(title, wanted, found)


def _print_kills(outcomes: list[Outcome]) -> None:
    print(f"Killed (-9) and resumed; saved every {SAVE_EVERY} of {STEPS} steps\n")
    print_head("recipe", "killed at", "step", "saved", "steps lost", "save", "temporary files so far")
    for outcome in outcomes:
        for kill in outcome.kills:
            save = "none yet" if not kill.saved else "whole" if kill.saved > 0 else "**broken**"
            lost = kill.lost if kill.is_harmless else f"**{kill.lost}**"
            print_row(outcome.recipe, kill.moment, kill.step, kill.saved, lost, save, kill.temporaries)
    for outcome in outcomes:
        print(f"\n{outcome.recipe}: in the end {verdict(outcome.differs)}")


def _checks(pairs: Path, folder: Path) -> list[tuple[str, str, Check]]:
    whole = folder / "whole"
    finished(short_settings(folder / "whole.yaml", pairs), whole)
    found: list[tuple[str, str, Check]] = [
        (
            "disk full while saving",
            "old save kept, later saves work, same result as uninterrupted",
            partial(disk.full_while_saving, pairs, folder),
        ),
        ("disk full to the last byte", "the same", partial(disk.full_while_saving, pairs, folder / "last", 0)),
        ("disk full at the start", "exit 2, one line", partial(disk.full_at_the_start, pairs, folder)),
        ("disk full until the end", "exit 2, one line", partial(disk.full_at_the_end, pairs, folder)),
        ("read-only disk", "exit 2, one line", partial(disk.read_only, pairs, folder)),
        ("read-only disk, resumed", "exit 2, nothing changed", partial(disk.read_only_later, pairs, folder)),
        ("parent folders are missing", "they are created", partial(folders.missing_parent, pairs, folder)),
        ("parent folder is a file", "exit 2, one line", partial(folders.parent_is_a_file, pairs, folder)),
        (
            "two runs in one folder",
            "second: exit 2; first: same result as uninterrupted",
            partial(folders.two_in_one, pairs, folder, whole),
        ),
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        check = partial(folders.asked_to_end, pairs, folder, number, whole)
        found.append((number.name, "exit 130, saved at once, same result as uninterrupted", check))
    for bad_images in ("refuse", "skip"):
        for title, spoil in (("truncated", images.cut_short), ("a text file", images.make_text)):
            check = partial(_bad_at_the_start, pairs, folder / f"{title}-{bad_images}", spoil, bad_images)
            found.append((f"image {title}, {bad_images}", "exit 2 / left out; named", check))
        check = partial(images.bad_while_running, pairs, folder / f"running-{bad_images}", bad_images)
        found.append((f"image breaks while running, {bad_images}", "exit 2, all kept / left out; named", check))
        check = partial(images.vanishes, pairs, folder / f"gone-{bad_images}", bad_images)
        found.append((f"data folder vanishes and returns, {bad_images}", "exit 2, all kept; as uninterrupted", check))
    return [
        *found,
        (
            "data folder vanishes, accumulate 2",
            "the same",
            partial(images.vanishes, pairs, folder / "gone-2", "refuse", 2),
        ),
        (
            "held-out image breaks while running, skip",
            "left out",
            partial(images.held_out_bad_while_running, pairs, folder / "held"),
        ),
        (
            "first unpaired image is bad, skip",
            "left out",
            partial(images.first_unpaired_bad, pairs, folder / "unpaired"),
        ),
    ]


def _bad_at_the_start(pairs: Path, folder: Path, spoil: Callable[[Path], None], bad_images: str) -> list[str]:
    run, broken = images.bad_at_the_start(pairs, folder, spoil, bad_images)
    status = 2 if bad_images == "refuse" else 0
    wrong = [] if run.status() == status else [f"exit status {run.status()}"]
    wrong += [] if broken.name in run.text() else ["the file is not named"]
    return wrong if run.out.exists() == (status == 0) else [*wrong, "a folder was left"]


def _found(check: tuple[str, str, Check]) -> str:
    try:
        found = check[2]()
    except disk.CannotMountError as error:
        return f"left out: {error}"
    except (RuntimeError, OSError) as error:
        return f"**{' '.join(str(error).split())}**"
    if isinstance(found, Run):
        lines = found.text().splitlines()
        is_good = found.status() == 2 and lines and "fault" not in lines[-1]
        return "as expected" if is_good else f"**exit status {found.status()}: {lines[-1] if lines else ''}**"
    return f"**{' '.join('; '.join(found).split())}**" if found else "as expected"
