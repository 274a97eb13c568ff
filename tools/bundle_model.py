"""Score a training run's best checkpoint on held-out fields and put it into the package with its card.

python tools/bundle_model.py [runs/RUN] --name all [--count 40] [--dry-run]

Without a run, the bundled network gets a new card and is otherwise unchanged.

The texts of the card are in tools/networks/cards.yaml, by the name of the network.
"""

import argparse
from pathlib import Path

import yaml

from napari_contransgan.held_out import DATA_RANGE_RAD, score_held_out
from napari_contransgan.models.bundled import WEIGHTS, find_model
from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.reproduction.fields import held_out

CARDS = Path(__file__).parent / "networks" / "cards.yaml"

KEPT = (
    "ssim",
    "psnr_db",
    "psnr_db_median",
    "slope",
    "slope_p10",
    "slope_p90",
    "ssim_zero",
    "psnr_zero_db",
    "ssim_raw",
    "psnr_raw_db",
    "ssim_foreground",
    "psnr_foreground_db",
    "rmse_rad",
    "correlation",
    "empty_fields",
    "empty_max_rad",
)


def main() -> None:
    """Score the network, print the scores, and write the card unless this is a dry run."""
    words = yaml.safe_load(CARDS.read_text())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--name", default="all", choices=list(words))
    parser.add_argument("--count", type=int, default=40, help="fields of each specimen and objective")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()

    path = WEIGHTS / f"{options.name}.safetensors"
    loaded = load_checkpoint(find_model(str(options.run)) if options.run else path)
    said = words[options.name]
    figures = {}
    for specimen, objectives in said.pop("scored").items():
        for objective in objectives:
            scores = result_of(score_held_out(loaded, held_out(specimen, objective, count=options.count)))
            title = (
                f"{options.count} held-out simulated {objective} fields of {specimen}, range "
                f"{DATA_RANGE_RAD[specimen]} rad"
            )
            figures[title] = {name: round(scores[name], 4) for name in KEPT if name in scores}
            print(title, figures[title], sep="\n  ", flush=True)
    if options.dry_run:
        return
    settings = {**loaded.card.settings, "start_from": said.pop("begins_with")}
    card = ModelCard(**{**loaded.card.model_dump(), **said, "figures": figures, "settings": settings})
    save_checkpoint(path, loaded.model, card)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
