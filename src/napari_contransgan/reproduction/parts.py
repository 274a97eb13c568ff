"""What each part of the reproduction gives: figures, tables, pictures, and goals reached or missed."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from napari_contransgan.drawing import png_of
from napari_contransgan.io.atomic import write_atomically

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Extent:
    """How much is computed.

    Parameters
    ----------
    fields : int
        Held-out fields for each specimen and objective of a table.
    beads : int
        Beads whose height is measured.
    focus_steps, coherence_steps : int
        Points between the ends of Fig. 11's ranges, both ends counted.
    sweep_fields : int
        Fields at each of them.
    example_objectives : tuple of str
        Objectives of which an example is drawn.
    repeats : int
        How often a speed is measured.
    turned : bool
        Whether Table 1 and Fig. 7 also show the mean of eight orientations.
    """

    fields: int = 40
    beads: int = 50
    focus_steps: int = 21
    coherence_steps: int = 7
    sweep_fields: int = 8
    example_objectives: tuple[str, ...] = ("4x", "10x", "20x", "40x")
    repeats: int = 15
    turned: bool = True


QUICK = Extent(4, 12, 5, 3, 2, ("10x",), 3, turned=False)


@dataclass(frozen=True)
class Goal:
    """One goal.

    Parameters
    ----------
    text : str
        What was to be reached.
    found : str
        The figure, with its unit.
    reached : bool or None
        None where it could not be tried.
    """

    text: str
    found: str
    reached: bool | None


@dataclass(frozen=True)
class Table:
    """A table of the report; cells are text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Part:
    """What one table or figure of the paper became.

    Parameters
    ----------
    name : str
        As on the command line.
    title : str
        Heading.
    text : sequence of str
        Paragraphs.
    goals : sequence of Goal
        Reached and missed.
    tables : sequence of Table
        For people; the figures themselves are in the CSV files.
    pictures : sequence of Path
        PNG files.
    figures : mapping
        Every figure, for ``--json``.
    """

    name: str
    title: str
    text: Sequence[str]
    goals: Sequence[Goal]
    tables: Sequence[Table]
    pictures: Sequence[Path]
    figures: Mapping[str, Any]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows to a CSV file, under every name that any of them has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def write_picture(path: Path, figure: Figure) -> Path:
    """Write a drawing as PNG."""
    write_atomically(path, png_of(figure))
    return path
