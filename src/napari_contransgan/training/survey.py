"""A look at a run's files before anything is written: whether they can serve, and what they say of their optics."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.training.frames import check_size, read_frame, size_on_model_grid

MAX_FILES_READ = 500
"""Of larger data sets the first, the last and evenly spread files of each folder are read."""


@dataclass(frozen=True)
class Survey:
    """What the files say about themselves.

    Parameters
    ----------
    input_pixel_sizes_um : tuple of float
        Distinct pixel sizes of the low-resolution frames, rising.
    wavelength_um : float or None
        Vacuum wavelength of the phase maps; None where no file states one.
    optics : str
        How the images were taken, as far as a ``dataset.json`` tells.
    all_pairs_simulated : bool
        Whether every folder of pairs has a ``dataset.json`` of this program.
    """

    input_pixel_sizes_um: tuple[float, ...]
    wavelength_um: float | None
    optics: str
    all_pairs_simulated: bool


def survey(
    file_lists: Sequence[tuple[str, Sequence[Path]]],
    pair_folders: Sequence[Path],
    data_folders: Sequence[Path],
    *,
    crop_px: int,
) -> Survey:
    """Read a run's files, or an even sample of many, and refuse what cannot serve.

    Parameters
    ----------
    file_lists : sequence of (kind, paths)
        Each folder's files, with the kind ``"lr"`` or ``"phase"``.
    pair_folders, data_folders : sequence of Path
        Folders of pairs, and further folders beside which a ``dataset.json`` may lie.
    crop_px : int
        Smallest side that a frame must have on the model's grid.

    Raises
    ------
    InputError
        Naming the file that cannot serve, or two whose wavelengths differ.
    """
    total = sum(len(paths) for _, paths in file_lists)
    pixel_sizes_um: set[float] = set()
    known: tuple[Path, float] | None = None
    for kind, paths in file_lists:
        share = len(paths) if total <= MAX_FILES_READ else max(2, MAX_FILES_READ // len(file_lists))
        for path in spread(paths, share):
            image = read_frame(path, kind)
            check_size(path, size_on_model_grid(image), crop_px)
            if kind == "lr" and image.pixel_size_um is not None:
                pixel_sizes_um.add(float(f"{image.pixel_size_um:.4g}"))
            if kind == "phase" and image.wavelength_um is not None:
                known = known or (path, image.wavelength_um)
                if not math.isclose(known[1], image.wavelength_um, rel_tol=1e-3):
                    raise InputError(
                        f"{path}: its phase belongs to {image.wavelength_um:g} um, that of {known[0]} to "
                        f"{known[1]:g} um; train on one wavelength at a time"
                    )
    texts = {folder: _simulated_optics(folder) for folder in (*pair_folders, *data_folders)}
    return Survey(
        input_pixel_sizes_um=tuple(sorted(pixel_sizes_um)),
        wavelength_um=known[1] if known else None,
        optics="; ".join(dict.fromkeys(text for text in texts.values() if text)),
        all_pairs_simulated=bool(pair_folders) and all(texts[folder] for folder in pair_folders),
    )


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Up to `count` paths: the first, the last, and evenly spread ones between."""
    if len(paths) <= count:
        return list(paths)
    return [paths[round(float(index))] for index in np.linspace(0, len(paths) - 1, count)]


def _simulated_optics(folder: Path) -> str:
    """What the ``dataset.json`` of a simulated folder says about the microscope; empty where there is none."""
    try:
        settings = SimulationSettings(**json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return ""
    focus = "the objective's usual defocus" if settings.defocus_um is None else f"{settings.defocus_um:g} um defocus"
    return (
        f"simulated {settings.specimen} at {settings.objective}, wavelength {settings.microscope.wavelength_um:g} um, "
        f"coherence S {settings.microscope.coherence:g}, {focus}"
    )
