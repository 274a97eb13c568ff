"""Print all tables of the training benchmark, or one of them."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.training import faults, overhead, scale, speed, spent
from benchmarks.training.data import make_pairs

from napari_contransgan.models.bundled import DEFAULT_MODEL

ON_PAIRS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "speed": ("Speed", speed.main),
    "overhead": ("What the trainer adds", overhead.main),
    "precision": ("Precision", speed.precision),
    "profile": ("Where a step's time goes", spent.main),
}
NAMES = (*ON_PAIRS, "scale", "faults")


def main() -> None:
    """Print the requested tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="one of the tables")
    parser.add_argument("--model", action="append", help="network for the scale check; may be repeated")
    chosen = parser.parse_args()
    wanted = [chosen.only] if chosen.only else NAMES
    models = chosen.model or [DEFAULT_MODEL]
    with tempfile.TemporaryDirectory() as folder:
        pairs = make_pairs(Path(folder) / "pairs") if set(wanted) & set(ON_PAIRS) else Path(folder)
        for name in wanted:
            title, work = ON_PAIRS.get(name, ("", None))
            _head(name, title or {"scale": "Scale", "faults": "Faults"}[name], models)
            if work is not None:
                work(pairs)
            elif name == "scale":
                scale.main(models)
            else:
                faults.main()


def _head(name: str, title: str, models: list[str]) -> None:
    options = "".join(f" --model {model}" for model in models) if name == "scale" and models != [DEFAULT_MODEL] else ""
    print(f"\n## {title}\n\n    python -m benchmarks.training --only {name}{options}\n", flush=True)


if __name__ == "__main__":
    main()
