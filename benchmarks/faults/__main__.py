"""Attack the readers and the commands, and print tables: ``python -m benchmarks.faults``."""

import argparse
import random
from collections import Counter
from pathlib import Path

from benchmarks.faults import fuzz, hostile, kills, records, soak, victims
from benchmarks.faults.places import in_memory

PARTS = ("files", "hostile", "kills", "soak")


def main() -> None:
    """Run the chosen parts, going on where an earlier run with the same seed stopped, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    parser.add_argument("--files", type=int, default=2000, help="damaged files for all readers, in rounds of 1000")
    parser.add_argument("--kills", type=int, default=30, help="kills of all commands")
    parser.add_argument("--commands", nargs="+", help="commands to kill, instead of all")
    parser.add_argument("--minutes", type=float, default=1.0, help="duration of the soak")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other files and moments")
    parser.add_argument("--out", type=Path, default=Path("runs/faults"), help="folder for results and revealing files")
    chosen = parser.parse_args()
    if "files" in chosen.only:
        _print_files(chosen.out, chosen.files, chosen.seed)
    if "hostile" in chosen.only:
        _print_hostile()
    if "kills" in chosen.only:
        _print_kills(chosen.out, chosen.kills, chosen.seed, chosen.commands)
    if "soak" in chosen.only:
        _print_soak(chosen.out, chosen.minutes, chosen.seed)


def _print_files(out: Path, count: int, seed: int) -> None:
    path = out / "files.jsonl"
    rounds = -(-count // sum(fuzz.IN_ROUND.values()))
    wanted = [(number, kind) for number in range(rounds) for kind in fuzz.IN_ROUND]
    done = {(one["round"], one["kind"]) for one in records.read(path) if one["seed"] == seed}
    with in_memory() as folder:
        fuzzers: dict[str, fuzz.Fuzzer] = {}
        for number, kind in wanted:
            if (number, kind) in done:
                continue
            if kind not in fuzzers:
                fuzzers[kind] = fuzz.Fuzzer(kind, seed, out / "kept", folder / kind)
            found = fuzzers[kind].round(number)
            record = {"kind": kind, "seed": seed, "round": number, "counts": found.counts, "faults": found.faults}
            records.add(path, record)
    print("| reader | files | outcome | number |\n| --- | --- | --- | --- |")
    for kind in fuzz.IN_ROUND:
        total: Counter[str] = Counter()
        for one in records.read(path):
            if one["kind"] == kind and one["seed"] == seed and one["round"] < rounds:
                total += Counter(one["counts"])
        for outcome, number in total.most_common():
            print(f"| {kind} | {total.total()} | {outcome} | {number} |", flush=True)


def _print_hostile() -> None:
    with in_memory() as folder:
        found = hostile.answers(folder)
    right = sum(is_right for _, _, is_right in found)
    print(f"\n{right} of {len(found)} hostile files were answered as they should be\n")
    print("| file | answer |\n| --- | --- |")
    for name, message, is_right in found:
        print(f"| {name} | {'' if is_right else '**WRONG** '}{message[:160].replace('|', '/')} |")


def _print_kills(out: Path, count: int, seed: int, chosen: list[str] | None) -> None:
    path = out / "kills.jsonl"
    commands = victims.prepared(victims.small_data(out.resolve() / "data"))
    commands = {name: victim for name, victim in commands.items() if not chosen or name in chosen}
    shares = sum(victim.share for victim in commands.values())
    wanted = {name: max(1, round(count * victim.share / shares)) for name, victim in commands.items()}
    chains, kills_done = Counter[str](), Counter[str]()
    for one in records.read(path):
        if one["seed"] == seed:
            chains[one["command"]] += 1
            kills_done[one["command"]] += one["kills"]
    killers: dict[str, kills.Killer] = {}
    with in_memory() as folder:
        while lacking := [name for name in commands if kills_done[name] < wanted[name]]:
            for name in lacking:
                killers[name] = killers.get(name) or kills.Killer(commands[name], folder / name)
                chain = killers[name].chain(random.Random(f"{name} {seed} {chains[name]}"))  # noqa: S311
                records.add(path, {"command": name, "seed": seed, "number": chains[name], **vars(chain)})
                chains[name] += 1
                kills_done[name] += chain.kills
    print("\n| command | kills | requests to end | finished runs | faults |\n| --- | --- | --- | --- | --- |")
    for name in dict.fromkeys(one["command"] for one in records.read(path)):
        done = [one for one in records.read(path) if one["command"] == name and one["seed"] == seed]
        faults = Counter(text for one in done for text in one["faults"])
        told = "; ".join(f"{text}: {times}" for text, times in faults.most_common()) or "none"
        requests = sum(one["requests"] for one in done)
        print(f"| {name} | {kills_done[name]} | {requests} | {len(done)} | {told} |", flush=True)


def _print_soak(out: Path, minutes: float, seed: int) -> None:
    samples = []
    with in_memory() as folder:
        for sample in soak.soaked(folder, out.resolve(), minutes, seed):
            records.add(out / "soak.jsonl", {"seed": seed, "minutes": minutes, **sample})
            samples.append(sample)
    told = ", ".join(f"{name} {early:.0f} and {late:.0f} MB" for name, (early, late) in soak.growth(samples).items())
    print(f"\n{minutes:g} minutes; memory after five minutes and at the end: {told}; first and last sample:")
    print("\n".join(str(sample) for sample in (*samples[:1], *samples[-1:])))


if __name__ == "__main__":
    main()
