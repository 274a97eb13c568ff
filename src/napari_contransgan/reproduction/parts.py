"""Results of each part of the reproduction: scores, tables, pictures, and goals."""

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
    """Amount of computation.

    Parameters
    ----------
    fields : int
        Held-out fields for each specimen and objective of a table.
    beads : int
        Number of beads to measure.
    focus_steps, coherence_steps : int
        Points in Fig. 11's ranges, including both ends.
    sweep_fields : int
        Fields at each point.
    example_objectives : tuple of str
        Objectives for which an example is drawn.
    repeats : int
        Number of repeats of each timing.
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
    """A goal, and whether it was reached.

    Parameters
    ----------
    text : str
        Description of the goal.
    found : str
        Result, with its unit.
    reached : bool or None
        None if it was not tried.
    """

    text: str
    found: str
    reached: bool | None


@dataclass(frozen=True)
class Table:
    """A table of the report, with text in its cells."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Part:
    """Reproduction of one table or figure of the paper.

    Parameters
    ----------
    name : str
        Name on the command line.
    title : str
        Heading.
    text : sequence of str
        Paragraphs.
    goals : sequence of Goal
        Goals, reached or missed.
    tables : sequence of Table
        Tables for reading; the CSV files have all values.
    pictures : sequence of Path
        PNG files.
    figures : mapping
        All values, for JSON output.
    """

    name: str
    title: str
    text: Sequence[str]
    goals: Sequence[Goal]
    tables: Sequence[Table]
    pictures: Sequence[Path]
    figures: Mapping[str, Any]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows to a CSV file, with a column for every key of any row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def write_picture(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG."""
    write_atomically(path, png_of(figure))
    return path
