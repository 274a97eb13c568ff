"""A look at a run's images before anything is written: whether they can serve, and what they say of their optics."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.training.frames import check_size, read_frame, size_on_model_grid
from napari_contransgan.training.seen import SeenImage, described, doubts, seen_image

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
        Whether there are pairs, and every folder of them has a ``dataset.json`` of this program.
    on_the_fly : str
        Which pairs are simulated while the run goes on; empty where none are.
    simulated : tuple of SimulationSettings
        What the low-resolution images of unpaired steps were simulated by; empty where some were not.
    images : tuple of str
        What the files of each kind look like, in words.
    doubts : tuple of str
        What can hardly be meant, though it can be trained on.
    bad : mapping
        Files that cannot serve, and why; empty unless such are to be left out.
    """

    input_pixel_sizes_um: tuple[float, ...]
    wavelength_um: float | None
    optics: str
    all_pairs_simulated: bool
    on_the_fly: str = ""
    simulated: tuple[SimulationSettings, ...] = ()
    images: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    bad: Mapping[Path, str] = field(default_factory=dict)


def survey(
    file_lists: Sequence[tuple[str, Sequence[Path]]],
    pair_folders: Sequence[Path],
    data_folders: Sequence[Path],
    recipes: Sequence[SimulationSettings] = (),
    *,
    crop_px: int,
    skip_bad: bool = False,
) -> Survey:
    """Read a run's files, or an even sample of many, and refuse what cannot serve, or note it.

    Parameters
    ----------
    file_lists : sequence of (kind, paths)
        Each folder's files, with the kind ``"lr"`` or ``"phase"``.
    pair_folders, data_folders : sequence of Path
        Folders of pairs, and further folders beside which a ``dataset.json`` may lie.
    recipes : sequence of SimulationSettings
        Of the pairs that are simulated while the run goes on.
    crop_px : int
        Smallest side that a frame must have on the model's grid.
    skip_bad : bool
        Whether to note a file that cannot serve, and go on.

    Raises
    ------
    InputError
        Naming the file that cannot serve, a folder of which none can, or two sources whose wavelengths differ.
    """
    total = sum(len(paths) for _, paths in file_lists)
    wavelengths_um: list[tuple[str, float]] = []
    seen: dict[str, list[SeenImage]] = {"lr": [], "phase": []}
    bad: dict[Path, str] = {}
    for kind, paths in file_lists:
        share = len(paths) if total <= MAX_FILES_READ else max(2, MAX_FILES_READ // len(file_lists))
        read = spread(paths, share)
        for path in read:
            try:
                image = read_frame(path, kind)
                shape_yx = size_on_model_grid(image)
                check_size(path, shape_yx, crop_px)
            except InputError as error:
                if not skip_bad:
                    raise
                bad[path] = str(error)
                continue
            seen[kind].append(seen_image(image, shape_yx))
            if kind == "phase" and image.wavelength_um is not None:
                _add_wavelength(wavelengths_um, str(path), image.wavelength_um)
        if read and all(path in bad for path in read):
            raise InputError(f"{read[0].parent}: no image in it can serve; the first: {bad[read[0]]}")
    pixel_sizes_um = {float(f"{image.pixel_size_um:.4g}") for image in seen["lr"]}
    for recipe in recipes:
        pixel_sizes_um.add(float(f"{recipe.microscope.pixel_size_um(recipe.objective):.4g}"))
        _add_wavelength(wavelengths_um, f"simulated {recipe.specimen}", recipe.microscope.wavelength_um)
    by = {folder: simulated_by(folder) for folder in (*pair_folders, *data_folders)}
    simulated = [*filter(None, by.values()), *recipes]
    return Survey(
        input_pixel_sizes_um=tuple(sorted(pixel_sizes_um)),
        wavelength_um=wavelengths_um[0][1] if wavelengths_um else None,
        optics="; ".join(dict.fromkeys(map(_optics_of, simulated))),
        all_pairs_simulated=bool(pair_folders or recipes) and all(by[folder] for folder in pair_folders),
        on_the_fly=", ".join(
            f"{one.count} simulated pairs made on the fly ({one.specimen} at {one.objective}, seed {one.seed})"
            for one in recipes
        ),
        images=tuple(filter(None, (described(kind, images) for kind, images in seen.items()))),
        doubts=doubts(seen["lr"], seen["phase"]),
        bad=bad,
    )


def _add_wavelength(wavelengths_um: list[tuple[str, float]], source: str, wavelength_um: float) -> None:
    wavelengths_um.append((source, wavelength_um))
    first, first_um = wavelengths_um[0]
    if not math.isclose(first_um, wavelength_um, rel_tol=1e-3):
        raise InputError(
            f"{source}: its phase belongs to {wavelength_um:g} um, that of {first} to {first_um:g} um; train on one "
            f"wavelength at a time"
        )


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Up to `count` paths: the first, the last, and evenly spread ones between."""
    if len(paths) <= count:
        return list(paths)
    return [paths[round(float(index))] for index in np.linspace(0, len(paths) - 1, count)]


def simulated_unpaired(settings: TrainSettings) -> tuple[SimulationSettings, ...]:
    """Settings that the low-resolution images of unpaired steps were simulated by; none where some were not."""
    if settings.lr is not None:
        by = [simulated_by(settings.lr.parent)]
    else:
        by = [*map(simulated_by, settings.pairs), *settings.simulate]
    known = tuple(one for one in by if one is not None)
    return known if len(known) == len(by) else ()


def simulated_by(folder: Path) -> SimulationSettings | None:
    """Settings that the ``dataset.json`` of a simulated folder states; None where there is none."""
    try:
        return SimulationSettings(**json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def _optics_of(settings: SimulationSettings) -> str:
    focus = "the objective's usual defocus" if settings.defocus_um is None else f"{settings.defocus_um:g} um defocus"
    return (
        f"simulated {settings.specimen} at {settings.objective}, wavelength {settings.microscope.wavelength_um:g} um, "
        f"coherence S {settings.microscope.coherence:g}, {focus}"
    )
