"""Reproduce Fig. 9: compare Contrans with the two baselines, by profiles and scores."""

import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_contransgan.drawing import new_figure
from napari_contransgan.evaluation import level, line_profile
from napari_contransgan.held_out import known_background
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.examples import first_of_scene
from napari_contransgan.reproduction.fields import (
    TIE_LABEL,
    TRUTH,
    held_out,
    make_field,
    means,
    predictions,
    score_cells,
)
from napari_contransgan.reproduction.networks import COMPARED, LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Goal, Part, Table, write_csv, write_picture

CELL_NAMES = ("specimen", "objective", "network")
MEANS_HEAD = ("SSIM", "PSNR, dB", "slope", "empty map")


def profiles(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Draw line profiles of each network's phase, and score all networks in every cell of Table 1."""
    compared = {**networks.default, **networks.given(*COMPARED)}
    pictures = []
    for specimen in paper.SPECIMENS:
        yield Progress(0, 1, f"drawing profiles of {specimen}")
        field = make_field(held_out(specimen, "10x"), first_of_scene(specimen, "dense"))
        maps = {TRUTH: field.yx_truth_rad, TIE_LABEL: field.yx_tie_rad, **predictions(field, compared)}
        pictures.append(write_picture(out / f"fig9_{specimen}.png", _draw(maps, f"{specimen} at 10x")))
    rows = yield from score_cells(lambda _specimen: compared, extent.fields)
    write_csv(out / "fig9_fields.csv", rows)
    summary = means(rows, CELL_NAMES)
    write_csv(out / "fig9.csv", summary)
    missing = [name for name in COMPARED if name not in networks.loaded]
    return Part(
        "fig9",
        "Fig. 9: profiles, and the baselines",
        [
            "The profile is the row of the field with the largest mean true phase. Scores are over all held-out "
            f"fields; the goal is judged against the {TIE_LABEL}, as in the paper. Networks can be compared only if "
            "they were trained on the same images for the same number of steps: see their cards.",
            *(f"No {name} network was given, so it is left out: train one and give it." for name in missing),
        ],
        [networks_goal(summary, missing)],
        [mean_table("Networks in every cell of Table 1", summary)],
        pictures,
        {"cells": summary},
    )


def mean_table(title: str, summary: Sequence[Mapping[str, Any]]) -> Table:
    """Return the means as a table."""
    head = ("specimen", "objective", "against", "network", "fields", *MEANS_HEAD)
    rows = [
        [
            row["specimen"],
            row["objective"],
            row["label"],
            row["network"],
            f"{row['fields']}",
            *told_means(row),
        ]
        for row in summary
    ]
    return Table(title, head, rows)


def told_means(row: Mapping[str, Any]) -> list[str]:
    """Return the columns `MEANS_HEAD` of a row of `means`."""
    return [
        f"{row['ssim']:.3f}",
        f"{row['psnr_db']:.2f}",
        f"{row['slope']:.2f}",
        f"{row['ssim_zero']:.3f}, {row['psnr_zero_db']:.2f} dB",
    ]


def networks_goal(summary: Sequence[Mapping[str, Any]], missing: Sequence[str]) -> Goal:
    """Judge by rows of `means` whether Contrans is ahead of the baselines; not tried if a network is missing."""
    text = "Contrans is ahead of U-Net and Swin-only of the same training in PSNR in every cell"
    if missing:
        return Goal(text, f"not tried: no {' and no '.join(missing)} was given", None)
    judged = [row for row in summary if row["label"] == TIE_LABEL and row["network"] in COMPARED]
    ahead = 0
    for cell in paper.TABLE_1:
        psnr_db = {row["network"]: row["psnr_db"] for row in judged if (row["specimen"], row["objective"]) == cell}
        ahead += all(psnr_db.get("contrans", -math.inf) > psnr_db.get(other, math.inf) for other in COMPARED[1:])
    return Goal(text, f"ahead in {ahead} of {len(paper.TABLE_1)} cells", ahead == len(paper.TABLE_1))


def _draw(maps: Mapping[str, NDArray[np.float32]], title: str) -> Figure:
    truth = maps[TRUTH]
    empty = known_background(truth)
    row = int(np.argmax(truth.mean(axis=1)))
    side_um = (truth.shape[1] - 1) * MODEL_PIXEL_SIZE_UM
    start, end = (row * MODEL_PIXEL_SIZE_UM, 0.0), (row * MODEL_PIXEL_SIZE_UM, side_um)
    figure = new_figure(11, 4)
    axes = figure.subplots()
    for name, values in maps.items():
        distance_um, phase_rad = line_profile(level(values, empty), start, end, MODEL_PIXEL_SIZE_UM)
        axes.plot(distance_um, phase_rad, label=name, lw=2 if name == TRUTH else 1)
    axes.set(title=f"{title}, y = {row * MODEL_PIXEL_SIZE_UM:.0f} um", xlabel="x (um)", ylabel="phase (rad)")
    axes.legend(fontsize="small")
    return figure
