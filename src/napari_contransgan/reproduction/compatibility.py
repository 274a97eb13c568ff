"""Fig. 10: networks of one objective on frames of the others."""

from collections.abc import Generator
from pathlib import Path

from napari_contransgan.events import Progress
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Part, write_csv
from napari_contransgan.reproduction.profiles import mean_table, means, score_everywhere

SINGLE = ("from_4x", "from_10x")


def compatibility(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Score networks that were trained on one objective on beads at all four."""
    compared = {**networks.given(*SINGLE), **networks.default}
    rows = yield from score_everywhere(compared, extent.fields, ("psm",))
    write_csv(out / "fig10_fields.csv", rows)
    summary = means(rows)
    write_csv(out / "fig10.csv", summary)
    missing = [f"--{name.replace('_', '-')}" for name in SINGLE if name not in networks.loaded]
    return Part(
        "fig10",
        "Fig. 10: forward and backward compatibility",
        [
            "The paper finds that a network trained on a lower NA serves inputs of a higher NA (forward), and "
            "not the other "
            "way (backward). Beads, held-out fields, against the true phase.",
            *(
                [
                    f"Networks of a single objective that were not given ({', '.join(missing)}) are left out: "
                    "train them on one "
                    f"objective's images and give them. The default network saw all four objectives."
                ]
                if missing
                else []
            ),
        ],
        [],
        [mean_table("Beads at four objectives", summary)],
        [],
        {"cells": summary},
    )
