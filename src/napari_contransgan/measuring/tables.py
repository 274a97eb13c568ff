"""Turn measurements into tables, and write them as CSV files."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import BeadHeight, Scores
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.measuring.growth import Growth
from napari_contransgan.measuring.objects import MeasuredObject
from napari_contransgan.measuring.profiles import Profile

T = TypeVar("T")

COLUMNS = tuple(field.name for field in fields(MeasuredObject))
"""Columns of a table of objects; units are part of the names."""

_DIGITS = 6


def object_rows(objects: Sequence[MeasuredObject]) -> dict[str, list[Any]]:
    """Return the objects as columns, in the form used by napari's features and pandas.

    Parameters
    ----------
    objects : sequence of MeasuredObject

    Returns
    -------
    dict
        A list for each of `COLUMNS`.
    """
    return {name: [getattr(one, name) for one in objects] for name in COLUMNS}


def write_objects(path: Path, measured: Mapping[str, Sequence[MeasuredObject]]) -> None:
    """Write objects as a CSV table with one row for each object, and the name of the image in the last column.

    Parameters
    ----------
    path : Path
        Path of the table; an existing file is replaced atomically.
    measured : mapping of str to sequence of MeasuredObject
        The objects of each image.

    Raises
    ------
    InputError
        If the file's name does not end in .csv.
    """
    _write_by_image(path, COLUMNS, measured, attrgetter(*COLUMNS))


def write_profiles(path: Path, profiles: Sequence[Profile]) -> None:
    """Write profiles as a CSV table with one row for each sample.

    Parameters
    ----------
    path : Path
        Path of the table; an existing file is replaced atomically.
    profiles : sequence of Profile

    Raises
    ------
    InputError
        If the file's name does not end in .csv.
    """
    rows = (
        (float(distance), float(value), one.name)
        for one in profiles
        for distance, value in zip(one.distance_um, one.phase_rad, strict=True)
    )
    _write(path, ("distance_um", "phase_rad", "image"), rows)


def write_beads(path: Path, measured: Mapping[str, Sequence[BeadHeight]]) -> None:
    """Write bead heights as a CSV table with one row for each bead, and the name of the image in the last column.

    Parameters
    ----------
    path : Path
        Path of the table; an existing file is replaced atomically.
    measured : mapping of str to sequence of BeadHeight
        The beads of each image.

    Raises
    ------
    InputError
        If the file's name does not end in .csv.
    """
    columns = tuple(field.name for field in fields(BeadHeight))
    _write_by_image(path, columns, measured, attrgetter(*columns))


def write_growth(path: Path, measured: Mapping[str, Sequence[Growth]]) -> None:
    """Write growth rates as a CSV table with one row for each track, and the name of the image in the last column.

    Rates are per hour, or per frame for a series without a time step.

    Parameters
    ----------
    path : Path
        Path of the table; an existing file is replaced atomically.
    measured : mapping of str to sequence of Growth
        The growth of each image's objects.

    Raises
    ------
    InputError
        If the file's name does not end in .csv.
    """
    columns = ("track", "frames", "start", "end", "unit_of_time", "first_pg", "last_pg", "rate_pg", "rate_std_pg")
    _write_by_image(path, columns, measured, _growth_values)


def write_scores(path: Path, scores: Scores) -> None:
    """Write the scores of a comparison as a CSV table with one row for each score.

    Parameters
    ----------
    path : Path
        Path of the table; an existing file is replaced atomically.
    scores : Scores
        The scores.

    Raises
    ------
    InputError
        If the file's name does not end in .csv.
    """
    _write(path, ("score", "value"), asdict(scores).items())


def check_table_name(path: Path) -> None:
    """Raise an error if a file name does not fit a table.

    Raises
    ------
    InputError
        If the name does not end in .csv.
    """
    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: tables are written as CSV: choose a name that ends in .csv")


def _growth_values(growth: Growth) -> Sequence[Any]:
    start, end = float(growth.time[0]), float(growth.time[-1])
    first_pg, last_pg = float(growth.dry_mass_pg[0]), float(growth.dry_mass_pg[-1])
    unit_of_time = "h" if growth.in_hours else "frame"
    rates = growth.rate_pg, growth.rate_std_pg
    return growth.track, len(growth.time), start, end, unit_of_time, first_pg, last_pg, *rates


def _write_by_image(
    path: Path, columns: Sequence[str], measured: Mapping[str, Sequence[T]], values: Callable[[T], Sequence[Any]]
) -> None:
    """Write a row for each measurement of each image, and the name of the image in the last column."""
    rows = ((*values(one), name) for name, some in measured.items() for one in some)
    _write(path, (*columns, "image"), rows)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    check_table_name(path)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows([_text(value) for value in row] for row in rows)
    write_atomically(path, text.getvalue().encode("utf-8"))


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else value
