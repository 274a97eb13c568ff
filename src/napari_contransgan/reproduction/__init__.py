"""Reproduce the paper's tables and figures on held-out simulated fields."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import empty_folders_removed
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction.bead_heights import bead_heights
from napari_contransgan.reproduction.compatibility import compatibility
from napari_contransgan.reproduction.defocus import defocus_and_aperture
from napari_contransgan.reproduction.examples import examples
from napari_contransgan.reproduction.networks import LoadedNetworks, NetworkChoice
from napari_contransgan.reproduction.parts import QUICK, Extent, Part
from napari_contransgan.reproduction.profiles import profiles
from napari_contransgan.reproduction.report import write_report
from napari_contransgan.reproduction.speed import speed
from napari_contransgan.reproduction.table1 import table1

__all__ = ["PARTS", "QUICK", "Extent", "NetworkChoice", "reproduce"]

MakePart = Callable[[LoadedNetworks, Extent, Path], Generator[Progress, None, Part]]

PARTS: Mapping[str, MakePart] = MappingProxyType(
    {
        "table1": table1,
        "fig7": bead_heights,
        "fig8": examples,
        "fig9": profiles,
        "fig10": compatibility,
        "fig11": defocus_and_aperture,
        "speed": speed,
    }
)
REPORT = "report.html"


def reproduce(
    names: Sequence[str], out: Path, choice: NetworkChoice, extent: Extent, *, command: str = ""
) -> Generator[Progress, None, dict[str, Any]]:
    """Reproduce tables and figures of the paper.

    Parameters
    ----------
    names : sequence of str
        Keys of `PARTS`.
    out : Path
        Folder for the CSV and PNG files of each part, and for the report, which is written last.
    choice : NetworkChoice
        The networks to score.
    extent : Extent
        How much to compute.
    command : str
        Command stated in the report, so that it can be repeated.

    Yields
    ------
    Progress
        Progress of the current part.

    Returns
    -------
    dict
        All scores by part, the goals, and the path of the report.

    Raises
    ------
    InputError
        Before anything is computed, if a part is unknown, or if a network is missing or cannot be read.
    """
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not a part of the paper: use {', '.join(PARTS)} or all")
    networks = choice.load()
    parts: list[Part] = []
    with empty_folders_removed(out):
        out.mkdir(parents=True, exist_ok=True)
        yield Progress(0, 1, "beginning")
        for name in names:
            part = yield from PARTS[name](networks, extent, out)
            parts.append(part)
        write_report(out / REPORT, parts, networks, extent, command)
    goals = [{"part": part.name, **vars(goal)} for part in parts for goal in part.goals]
    return {**{part.name: part.figures for part in parts}, "goals": goals, "report": str(out / REPORT)}
