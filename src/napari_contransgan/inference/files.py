"""Predict one file into another: in memory if it is small, and tile by tile if it is large."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_contransgan.config import PredictSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError, errors_named
from napari_contransgan.inference.checks import check_input
from napari_contransgan.inference.predicting import Prediction, predict_with_uncertainty
from napari_contransgan.inference.streaming import is_large, predict_to_files
from napari_contransgan.io import Image, read_image, to_luminance, write_image
from napari_contransgan.io.atomic import replaced_together
from napari_contransgan.io.inputs import size_and_time
from napari_contransgan.io.zarr_writing import check_place
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.notes import doubts_added
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import measured

STATED_SIZE_TOLERANCE = 0.02
"""Relative difference above which a remark says that the file's pixel size is not the objective's."""
OF_ERRORS = ("median_std_rad", "typical_error_rad", "doubtful_share", "unusual_score", "error_in_words")
"""Figures that a prediction with its error has."""


@dataclass(frozen=True)
class FileTask:
    """One file to predict.

    Parameters
    ----------
    path : Path
        The image.
    phase : Path
        File of its phase.
    uncertainty : Path
        File of its uncertainty, if the settings ask for one.
    settings : PredictSettings
        How to predict it.
    objective : str or None
        Objective that gives the pixel size if neither the settings nor the file state it.
    position : int or None
        Stage position in the file.
    """

    path: Path
    phase: Path
    uncertainty: Path
    settings: PredictSettings
    objective: str | None = None
    position: int | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Return the files that are written."""
        return (self.phase, self.uncertainty) if self.settings.trust else (self.phase,)

    def depends_on(self) -> tuple[Any, ...]:
        """Return what the result depends on besides the file: the settings and the network."""
        network = size_and_time(find_model(self.settings.model))
        return self.settings.model_dump_json(), self.objective, self.position, network


def check_file(task: FileTask) -> None:
    """Raise an error if a file cannot be predicted; of a large one, no more is read than needed.

    Raises
    ------
    InputError
        If the file or its image cannot be used; the message names the file.
    """
    image, settings, _ = _opened(task)
    with errors_named(task.path, image.name), doubts_added(image.notes):
        check_input(to_luminance(image)[0], settings.pixel_size_um, settings.dark)


def predict_file(task: FileTask, loaded: LoadedModel) -> Generator[Progress, None, dict[str, Any]]:
    """Predict a file; its results are written completely or not at all.

    Yields
    ------
    Progress
        For each tile.

    Returns
    -------
    dict
        Paths, shape, figures, ``settings`` as used, and ``remarks`` for the user.

    Raises
    ------
    InputError
        If the file cannot be read, predicted or written; the message names it.
    """
    image, settings, remarks = _opened(task)
    wanted = task.uncertainty if settings.trust else None
    with errors_named(task.path, image.name):
        if not isinstance(image.data, np.ndarray):  # large: see `_opened`
            written = yield from predict_to_files(image, settings, task.phase, wanted, loaded)
            phase, figures = written.phase, written.figures
        else:
            prediction = yield from predict_with_uncertainty(image, settings, loaded)
            _write(prediction, task)
            phase, figures = prediction.phase, _figures(prediction.phase)
    used = phase.settings["predict"]
    if "error_in_words" in used:
        remarks.append(f"{task.path}: {used['error_in_words']}")
    if wanted is None and task.uncertainty.exists():
        remarks.append(f"{task.uncertainty}: this file belongs to an earlier phase, not to the one just written")
    return {
        "input": task.path,
        "phase": task.phase,
        **(
            {}
            if wanted is None
            else {"uncertainty": wanted, **{name: used[name] for name in OF_ERRORS if name in used}}
        ),
        "axes": phase.axes,
        "shape": figures["shape"],
        "pixel_size_um": phase.pixel_size_um,
        **{name: figures[name] for name in ("min_rad", "max_rad", "std_rad")},
        "settings": used,
        "remarks": [*remarks, *(f"{task.path}: {text}" for text in used["notes"])],
    }


def _opened(task: FileTask) -> tuple[Image, PredictSettings, list[str]]:
    """Return the image, in memory if it is small and else lazy, and the settings with its pixel size."""

    def is_too_large(image: Image) -> bool:
        try:
            return is_large(image, _pixel_size_and_remarks(task, image)[0])
        except InputError:
            return False  # the checks say what is wrong

    image = read_image(task.path, lazy=is_too_large, position=task.position)
    pixel_size_um, remarks = _pixel_size_and_remarks(task, image)
    return image, task.settings.model_copy(update={"pixel_size_um": pixel_size_um}), remarks


def _pixel_size_and_remarks(task: FileTask, image: Image) -> tuple[float | None, list[str]]:
    """Return the pixel size for the settings: the stated one, or else the image's or the objective's."""
    if task.settings.pixel_size_um is not None or task.objective is None:
        return task.settings.pixel_size_um, []
    objective_um, stated_um = Microscope().pixel_size_um(task.objective), image.pixel_size_um
    if stated_um is None or abs(stated_um / objective_um - 1) <= STATED_SIZE_TOLERANCE:
        return stated_um or objective_um, []
    remark = f"its own pixel size of {stated_um:g} um is used; {task.objective} would give {objective_um:g} um"
    return stated_um, [f"{task.path}: {remark}"]


def _write(prediction: Prediction, task: FileTask) -> None:
    """Write the uncertainty, if there is one, and the phase; on an error, older files stay as they are."""
    if prediction.uncertainty is None:
        write_image(task.phase, prediction.phase)
        return
    for path in (task.phase, task.uncertainty):
        check_place(path)
    with replaced_together(task.phase.parent) as folder:
        write_image(folder / task.uncertainty.name, prediction.uncertainty)
        write_image(folder / task.phase.name, prediction.phase)


def _figures(phase: Image) -> dict[str, Any]:
    values_rad = phase.data[measured(phase)]
    return {
        "shape": phase.data.shape,
        "min_rad": float(values_rad.min()),
        "max_rad": float(values_rad.max()),
        "std_rad": float(np.std(values_rad)),
    }
