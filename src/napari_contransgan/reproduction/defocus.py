"""Reproduce Fig. 11: defocus from -10 to +10 um, and condenser aperture from S = 0.3 to 0.9, at 10x."""

import itertools
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.config.names import SpecimenName
from napari_contransgan.drawing import new_figure
from napari_contransgan.progress import Progress, as_part
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.fields import TIE_LABEL, ZERO, held_out, means, score_networks
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Goal, Part, Table, write_csv, write_picture
from napari_contransgan.reproduction.profiles import MEANS_HEAD, told_means
from napari_contransgan.simulation.scenes import scene_of_field

SCORES = (("ssim", "SSIM"), ("psnr_db", "PSNR (dB)"), ("slope", "slope"))


def defocus_and_aperture(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Score a network over both ranges, on the same specimens at each point.

    Far out of focus the simulated area is wider, and the field is shifted in it by less than a camera pixel.
    """
    focus_um = np.linspace(*paper.FOCUS_UM, extent.focus_steps)
    shares = np.linspace(*paper.COHERENCE, extent.coherence_steps)
    by_focus, network_a = networks.instead("defocus_model")
    by_aperture, network_b = networks.instead(
        "aperture_model" if "aperture_model" in networks.loaded else "defocus_model"
    )
    points = [
        *((("focus_um", float(value)), by_focus, network_a) for value in focus_um),
        *((("S", float(value)), by_aperture, network_b) for value in shares),
    ]
    works = list(itertools.product(paper.SPECIMENS, points))
    rows: list[dict[str, Any]] = []
    for number, (specimen, ((axis, value), name, network)) in enumerate(works):
        settings = _settings(specimen, axis, value)
        filled = (index for index in itertools.count() if scene_of_field(settings, index) != "empty")
        chosen = list(itertools.islice(filled, extent.sweep_fields))
        scoring = score_networks({name: network}, settings, chosen)
        scored = yield from as_part(scoring, number, len(works))
        rows += [{"axis": axis, "value": value, **row} for row in scored]
    write_csv(out / "fig11_fields.csv", rows)
    summary = means(rows, ("axis", "value", "specimen", "network"))
    write_csv(out / "fig11.csv", summary)
    picture = write_picture(out / "fig11.png", _draw(summary))
    kinds = {"defocus_model": "defocus", "aperture_model": "the condenser aperture"}
    missing = [f"a range of {what}" for name, what in kinds.items() if name not in networks.loaded]
    return Part(
        "fig11",
        "Fig. 11: defocus and condenser aperture at 10x",
        [
            f"Focus of the frame from {paper.FOCUS_UM[0]:g} to {paper.FOCUS_UM[1]:g} um at S = 0.6, and S from "
            f"{paper.COHERENCE[0]} to {paper.COHERENCE[1]} at the usual focus of 0.25 wavelength / NA^2. Goals and "
            f"picture are against the {TIE_LABEL}, as in the paper. Networks: {by_focus} for the focus, {by_aperture} "
            "for S.",
            *(
                [
                    f"No network trained for {' and '.join(missing)} was given: the scores are those of another "
                    "network, which was not trained for the whole range."
                ]
                if missing
                else []
            ),
        ],
        defocus_goals(summary, {"focus_um": by_focus, "S": by_aperture}, networks.choice.model),
        [_table(summary)],
        [picture],
        {"points": summary},
    )


def _settings(specimen: SpecimenName, axis: str, value: float) -> SimulationSettings:
    exact = {"focus_share": (0.0, 0.0)}
    if axis == "focus_um":
        return held_out(specimen, "10x", defocus_um=value, variation=exact)
    return held_out(specimen, "10x", microscope=Microscope(coherence=value), variation=exact)


def _points(summary: Sequence[Mapping[str, Any]], axis: str, specimen: str) -> list[Mapping[str, Any]]:
    wanted = (axis, specimen, TIE_LABEL)
    return [row for row in summary if (row["axis"], row["specimen"], row["label"]) == wanted]


def defocus_goals(summary: Sequence[Mapping[str, Any]], network_of: Mapping[str, str], default: str) -> list[Goal]:
    """Judge the goals by rows of `means`; a goal is not tried if no network trained for its range was given."""
    goals = []
    ranges = {"focus_um": "over -10 to 10 um", "S": "over S 0.3 to 0.9"}
    for specimen in paper.SPECIMENS:
        for axis, text in ranges.items():
            points = _points(summary, axis, specimen)
            if not points:
                continue
            ssim, psnr_db = (float(np.min([row[score] for row in points])) for score in ("ssim", "psnr_db"))
            reached = ssim > paper.SSIM_THROUGHOUT and psnr_db > paper.PSNR_THROUGHOUT_DB
            goals.append(
                Goal(
                    f"{paper.SPECIMEN_TITLES[specimen]} {text}: SSIM above {paper.SSIM_THROUGHOUT}, PSNR above "
                    f"{paper.PSNR_THROUGHOUT_DB:g} dB",
                    f"at least {ssim:.3f}, {psnr_db:.1f} dB",
                    None if network_of[axis] == default else reached,
                )
            )
    return goals


def _table(summary: Sequence[Mapping[str, Any]]) -> Table:
    head = ("specimen", "what varies", "value", "against", "network", *MEANS_HEAD)
    rows = [
        [
            row["specimen"],
            "focus, um" if row["axis"] == "focus_um" else "S",
            f"{row['value']:.2g}",
            row["label"],
            row["network"],
            *told_means(row),
        ]
        for row in summary
    ]
    return Table("Every point", head, rows)


def _draw(summary: Sequence[Mapping[str, Any]]) -> Figure:
    figure = new_figure(13, 7)
    for line, (axis, label) in zip(figure.subplots(2, 3), (("focus_um", "focus (um)"), ("S", "S")), strict=True):
        for axes, (score, title) in zip(line, SCORES, strict=True):
            for specimen, colour in (("psm", "tab:blue"), ("hela", "tab:orange")):
                points = _points(summary, axis, specimen)
                values = [row["value"] for row in points]
                axes.plot(values, [row[score] for row in points], "o-", color=colour, ms=3, label=specimen)
                if score in ZERO:
                    zeros = [row[ZERO[score]] for row in points]
                    axes.plot(values, zeros, ":", color=colour, label=f"{specimen}, empty map")
            wanted = {"ssim": paper.SSIM_THROUGHOUT, "psnr_db": paper.PSNR_THROUGHOUT_DB, "slope": 1.0}[score]
            axes.axhline(wanted, color="grey", lw=1, ls="--", label="right" if score == "slope" else "paper: above")
            axes.set(xlabel=label, title=title)
        line[0].legend(fontsize="x-small")
    return figure
