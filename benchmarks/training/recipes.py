"""Train the three generators by each recipe for equal steps, and compare them on fields that none has seen.

    python -m benchmarks.training.recipes paper|warm [--runs runs] [--picture PICTURE.png]

Existing runs are continued, so that the benchmark can be interrupted.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from benchmarks.training.timing import print_head, print_row
from matplotlib.figure import Figure

from napari_contransgan.config import GeneratorName, SimulationSettings, TrainSettings, Variation
from napari_contransgan.held_out import score_held_out
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset
from napari_contransgan.training.events import Validated
from napari_contransgan.training.run_folder import BEST, RunRecord, read_run
from napari_contransgan.training.trainer import train

GENERATORS: tuple[GeneratorName, ...] = ("contrans", "unet", "swin")
Records = Mapping[GeneratorName, RunRecord]

SCORED_SEED, SCORED_FIELDS = 4405, 24
THICK_AND_THIN = Variation(phase_factor=(0.5, 1.6))

FIELDS: Mapping[str, SimulationSettings] = {
    "beads/a": SimulationSettings(specimen="psm", seed=4101, count=1000),
    "beads/b": SimulationSettings(specimen="psm", seed=4102, count=1000),
    "beads/held": SimulationSettings(specimen="psm", seed=4103, count=40),
    "cells_scaled": SimulationSettings(seed=4203, count=800, field_px=160, variation=THICK_AND_THIN),
    "beads_scaled": SimulationSettings(specimen="psm", seed=4204, count=250, field_px=160, variation=THICK_AND_THIN),
}
"""10x images of the paper's microscope; a and b are used unpaired, so no image has its phase in the other set."""


def settings_of(recipe: str, runs: Path, generator: GeneratorName) -> TrainSettings:
    """Return the settings of a run: small crops, suitable for a CPU, and otherwise the recipe's own settings."""
    if recipe == "paper":
        return TrainSettings(
            lr=runs / "beads/a/lr",
            phase=runs / "beads/b/phase",
            pairs=(runs / "beads/held",),  # for scores only
            generator=generator,
            recipe="paper",
            validation_fraction=0.97,
            crop_px=64,
            batch_size=2,
            steps=3000,
            validate_every=250,
            threads=1,
            seed=41,
        )
    return TrainSettings(
        pairs=(runs / "cells_scaled", runs / "beads_scaled"),
        generator=generator,
        crop_px=64,
        steps=1200,
        validate_every=100,
        threads=1,
        seed=42,
    )


def main() -> None:
    """Train, print the table and draw the curves."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.recipes", description=__doc__)
    parser.add_argument("recipe", choices=("paper", "warm"))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the data sets and runs")
    parser.add_argument("--picture", type=Path, help="file for a picture of the validation scores over the steps")
    chosen = parser.parse_args()
    wanted = "beads/" if chosen.recipe == "paper" else "_scaled"
    for name, fields in FIELDS.items():
        if wanted in name:
            result_of(write_dataset(fields, chosen.runs / name, stacks=False))
    records = {name: _trained(chosen.recipe, chosen.runs, name) for name in GENERATORS}
    if chosen.picture is not None:
        draw(records, chosen.picture)
    _print_scores(records, ("psm",) if chosen.recipe == "paper" else ("hela", "psm"))


def _trained(recipe: str, runs: Path, generator: GeneratorName) -> RunRecord:
    folder = runs / f"{recipe}_{generator}"
    for event in train(settings_of(recipe, runs, generator), folder, resume=True):
        if isinstance(event, Validated):
            print(f"{generator}, step {event.step}: {event.psnr_db:.2f} dB, slope {event.slope:.2f}", flush=True)
    return read_run(folder)


def _print_scores(records: Records, specimens: tuple[str, ...]) -> None:
    print(
        f"\n{SCORED_FIELDS} fields of 240 px at 10x of each specimen (seed {SCORED_SEED}), levelled; each network "
        f"at its best validation\n"
    )
    print_head("specimen", "network", "weights", "step", "SSIM", "PSNR, dB", "slope", "an empty map")
    for specimen in specimens:
        for name, record in records.items():
            loaded = load_checkpoint(record.folder / BEST)
            fields = SimulationSettings.checked({"specimen": specimen, "seed": SCORED_SEED, "count": SCORED_FIELDS})
            found = result_of(score_held_out(loaded, fields))
            print_row(
                specimen,
                name,
                f"{sum(weight.numel() for weight in loaded.model.parameters()) / 1e6:.2f} M",
                str(loaded.card.steps),
                f"{found['ssim']:.3f}",
                f"{found['psnr_db']:.2f}",
                f"{found['slope']:.2f} ({found['slope_p10']:.2f} to {found['slope_p90']:.2f})",
                f"{found['ssim_zero']:.3f}, {found['psnr_zero_db']:.2f} dB",
            )


def draw(records: Records, picture: Path) -> None:
    """Draw the validation scores of the runs over their steps."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots(1, 3)
    for one, (score, title) in zip(axes, (("psnr_db", "PSNR (dB)"), ("ssim", "SSIM"), ("slope", "slope")), strict=True):
        for name, record in records.items():
            one.plot(*record.scores[score], label=name)
        zero = {"psnr_db": "psnr_zero_db", "ssim": "ssim_zero"}.get(score)
        level = next(iter(records.values())).scores[zero][1][0] if zero else 0.0
        one.axhline(level, color="grey", linestyle="--", label="an empty map")
        one.set_xlabel("step")
        one.set_title(title)
    axes[0].legend(fontsize="small")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
