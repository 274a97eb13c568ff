"""Put small faults into the code, and count those that no test notices: ``python -m benchmarks.mutants``.

The faults, mutants, are made by mutmut. Each meets the tests that mirror its folder, until the first one fails. An
interrupted run goes on where it stopped.
"""

import argparse
import random
import shutil
from collections import Counter
from pathlib import Path

from benchmarks.faults import records
from benchmarks.mutants import tree, trial


def main() -> None:
    """Test a random choice of the mutants; print a table by folder, and those that were not noticed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=250, help="mutants to test")
    parser.add_argument(
        "--folders", nargs="+", default=tree.FOLDERS, choices=tree.FOLDERS, help="whose mutants to test"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed chooses others")
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time for the tests of a mutant")
    parser.add_argument("--new", action="store_true", help="begin anew, after a change of the code")
    parser.add_argument("--again", action="store_true", help="test the survivors again, after a change of the tests")
    parser.add_argument("--out", type=Path, default=Path("runs/mutants"), help="folder for the copy and the results")
    chosen = parser.parse_args()
    copy, found = chosen.out.resolve() / "copy", chosen.out.resolve() / f"outcomes-{chosen.seed}.jsonl"
    if chosen.new:
        shutil.rmtree(copy, ignore_errors=True)
        found.unlink(missing_ok=True)
    tree.make(copy, chosen.folders)
    if chosen.again:
        shutil.copytree(tree.ROOT / "tests", copy / "tests", dirs_exist_ok=True)
    among = tree.mutants(copy, chosen.folders)
    names = random.Random(chosen.seed).sample(among, min(chosen.number, len(among)))  # noqa: S311 - not for security
    outcomes = {one["mutant"]: one["outcome"] for one in records.read(found)}
    trial.enter(copy)
    for name in names:
        if name not in outcomes or (chosen.again and outcomes[name] == trial.SURVIVED):
            outcomes[name] = trial.outcome(name, tree.tests_of(copy, name), chosen.seconds)
            records.add(found, {"mutant": name, "outcome": outcomes[name]})
    print("\n".join(_table({name: outcomes[name] for name in names})))
    for name in sorted(name for name in names if outcomes[name] == trial.SURVIVED):
        print(f"\n{name}\n{tree.difference(copy, name)}")


def _table(outcomes: dict[str, str]) -> list[str]:
    """Return the lines of a table of mutants by folder."""
    lines = ["| folder | mutants | noticed | survived |", "| --- | --- | --- | --- |"]
    folders = {name: name.split(".")[1] for name in outcomes}
    for folder in (*sorted(set(folders.values())), "all"):
        counts = Counter(outcomes[name] for name in outcomes if folder in (folders[name], "all"))
        numbers = (counts.total(), counts[trial.NOTICED], counts[trial.SURVIVED])
        lines.append(f"| {folder} | {' | '.join(map(str, numbers))} |")
    return lines


if __name__ == "__main__":
    main()
