"""Reproduce Fig. 10: networks of one objective on frames of the others."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from napari_contransgan.drawing import new_figure
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction.fields import TIE_LABEL, ZERO, means, score_cells
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Part, write_csv, write_picture
from napari_contransgan.reproduction.profiles import CELL_NAMES, mean_table

SINGLE = ("from_4x", "from_10x")


def compatibility(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Score networks that were trained on one objective on beads at all four."""
    compared = {**networks.given(*SINGLE), **networks.default}
    rows = yield from score_cells(lambda _specimen: compared, extent.fields, ("psm",))
    write_csv(out / "fig10_fields.csv", rows)
    summary = means(rows, CELL_NAMES)
    write_csv(out / "fig10.csv", summary)
    missing = [f"--{name.replace('_', '-')}" for name in SINGLE if name not in networks.loaded]
    return Part(
        "fig10",
        "Fig. 10: forward and backward compatibility",
        [
            "The paper finds that a network trained at a lower NA works on images of a higher NA (forward), but not "
            f"the other way round (backward). Held-out fields of beads; the picture is against the {TIE_LABEL}.",
            *(
                [
                    f"Networks of a single objective that were not given ({', '.join(missing)}) are left out: "
                    "train them on images of one objective and give them."
                ]
                if missing
                else []
            ),
        ],
        [],
        [mean_table("Beads at four objectives", summary)],
        [write_picture(out / "fig10.png", _draw(summary))],
        {"cells": summary},
    )


def _draw(summary: Sequence[Mapping[str, Any]]) -> Figure:
    figure = new_figure(11, 4)
    shown = [row for row in summary if row["label"] == TIE_LABEL]
    for axes, (score, title) in zip(figure.subplots(1, 2), (("ssim", "SSIM"), ("psnr_db", "PSNR (dB)")), strict=True):
        for name in dict.fromkeys(row["network"] for row in shown):
            rows = [row for row in shown if row["network"] == name]
            axes.plot([row["objective"] for row in rows], [row[score] for row in rows], "o-", label=name)
        axes.plot(
            [row["objective"] for row in rows], [row[ZERO[score]] for row in rows], ":", color="grey", label="empty map"
        )
        axes.set(title=title, xlabel="objective of the frame")
    figure.axes[0].legend(fontsize="small")
    return figure
