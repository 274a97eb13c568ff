"""Attack the readers and the commands, and print tables: ``python -m benchmarks.faults``."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.faults import hostile, kills
from benchmarks.faults.fuzz import fuzzed
from benchmarks.faults.loaders import KINDS


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="damaged files for each of the three readers")
    parser.add_argument("--kills", type=int, default=5, help="kills of each command")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other files and moments")
    parser.add_argument("--kept", type=Path, default=None, help="folder for files that revealed a fault")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = chosen.kept or folder / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        print("| reader | files | outcome | number |\n| --- | --- | --- | --- |")
        for kind in KINDS if chosen.files else ():
            for outcome, number in fuzzed(kind, chosen.files, kept, chosen.seed).most_common():
                print(f"| {kind} | {chosen.files} | {outcome} | {number} |", flush=True)
        _print_hostile(folder)
        if chosen.kills:
            _print_kills(folder, chosen.kills, chosen.seed)


def _print_hostile(folder: Path) -> None:
    (folder / "hostile").mkdir()
    found = hostile.answers(folder / "hostile")
    right = sum(is_right for _, _, is_right in found)
    print(f"\n{right} of {len(found)} hostile files were answered as they should be\n")
    print("| file | answer |\n| --- | --- |")
    for name, message, is_right in found:
        print(f"| {name} | {'' if is_right else '**WRONG** '}{message[:160].replace('|', '/')} |")


def _print_kills(folder: Path, count: int, seed: int) -> None:
    print(
        "\n| command | kills | half-written | left over | did not finish | other results | status, left after SIGTERM |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, victim in kills.prepared(folder).items():
        one = kills.killed(victim, folder / name, count, seed)
        status, left = kills.terminated(victim, folder / name)
        print(
            f"| {name} | {one.kills} | {one.broken} | {one.left} | {one.failed} | {one.differs} | {status}, {left} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
