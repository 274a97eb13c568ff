"""A survey of a run's images before anything is written: whether they are usable, and their stated optics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.plain_files import plain_json, read_text
from napari_contransgan.training.appearance import Appearance, appearance_of, described, doubts
from napari_contransgan.training.file_frames import FileFrame
from napari_contransgan.training.frames import check_size, read_frame, size_on_model_grid
from napari_contransgan.training.pairing import FoundPairs, halves
from napari_contransgan.training.place import difference_of

T = TypeVar("T")

MAX_FILES_READ = 500
"""Of larger data sets, the first, the last and evenly spaced images of each folder are read."""


@dataclass(frozen=True)
class Survey:
    """Properties of a run's images, as stated in the files.

    Parameters
    ----------
    input_pixel_sizes_um : tuple of float
        Distinct pixel sizes of the low-resolution frames, rising.
    wavelength_um : float or None
        Vacuum wavelength of the phase maps; None if no file states one.
    optics : str
        How the images were taken, if a ``dataset.json`` states it.
    all_pairs_simulated : bool
        Whether there are pairs and each of their folders has a ``dataset.json`` of this program next to it.
    on_the_fly : str
        Which pairs are simulated during the run; empty if none are.
    simulated : tuple of SimulationSettings
        Settings that simulated the low-resolution images of unpaired steps; empty if some were not simulated.
    images : tuple of str
        Descriptions of the files of each kind.
    doubts : tuple of str
        Probable mistakes that do not prevent training.
    bad : mapping
        Unusable files, and why; empty unless such files are to be left out.
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
    pairs: Sequence[FoundPairs], unpaired: Sequence[tuple[str, Sequence[FileFrame]]], settings: TrainSettings
) -> Survey:
    """Read a run's images, or an even sample of many, and refuse or record unusable ones.

    Parameters
    ----------
    pairs : sequence of FoundPairs
        The pairs of each of the run's sources.
    unpaired : sequence of (kind, images)
        Each other folder's images, with the kind ``"lr"`` or ``"phase"``.
    settings : TrainSettings
        Of the run.

    Raises
    ------
    InputError
        Naming an unusable file, a folder without a usable file, an image and a phase map with different fields of view,
        or two sources with different wavelengths.
    """
    lists: list[tuple[str, Sequence[FileFrame]]] = [
        part for found in pairs for part in (("lr", found.lr), ("phase", found.phase))
    ]
    lists += [(kind, files) for kind, files in unpaired if files]
    look = _Look(settings, lists, {path: reason for found in pairs for path, reason in found.bad.items()})
    for kind, files in lists:
        look.read(kind, files)
    for found in pairs:
        look.compare(found)
    looks, bad, wavelengths_um = look.by_kind(), look.bad, look.wavelengths_um
    recipes = settings.simulate
    pixel_sizes_um = {float(f"{image.pixel_size_um:.4g}") for image in looks["lr"]}
    for recipe in recipes:
        pixel_sizes_um.add(float(f"{recipe.microscope.pixel_size_um(recipe.objective):.4g}"))
        _add_wavelength(wavelengths_um, f"simulated {recipe.specimen}", recipe.microscope.wavelength_um)
    folders = [halves(source) for source in settings.pairs]
    sources = [lr for lr, _ in folders] + [folder for folder in (settings.lr, settings.phase) if folder]
    simulated = [*filter(None, map(simulated_lr, sources)), *recipes]
    return Survey(
        input_pixel_sizes_um=tuple(sorted(pixel_sizes_um)),
        wavelength_um=wavelengths_um[0][1] if wavelengths_um else None,
        optics="; ".join(dict.fromkeys(map(_optics_of, simulated))),
        all_pairs_simulated=settings.has_pairs
        and all(simulated_by(folder.parent) for both in folders for folder in both),
        on_the_fly=", ".join(
            f"{one.count} simulated pairs made on the fly ({one.specimen} at {one.objective}, seed {one.seed})"
            for one in recipes
        ),
        simulated=simulated_unpaired(settings),
        images=tuple(filter(None, (described(kind, images) for kind, images in looks.items()))),
        doubts=(*doubts(looks["lr"], looks["phase"]), *look.file_doubts),
        bad=bad,
    )


class _Look:
    """The images of a run that were read so far.

    Parameters
    ----------
    settings : TrainSettings
        Of the run.
    lists : sequence of (kind, images)
        All images of the run.
    bad : dict
        Known unusable files, and why.
    """

    def __init__(
        self, settings: TrainSettings, lists: Sequence[tuple[str, Sequence[FileFrame]]], bad: dict[Path, str]
    ) -> None:
        total = sum(len(files) for _, files in lists)
        self._share = total if total <= MAX_FILES_READ else max(2, MAX_FILES_READ // len(lists))
        self._crop_px, self._skip_bad = settings.crop_px, settings.bad_images == "skip"
        self._appearances: dict[tuple[str, FileFrame], Appearance] = {}
        self.bad = bad
        self.wavelengths_um: list[tuple[str, float]] = []
        self._first_with: dict[str, FileFrame] = {}

    @property
    def file_doubts(self) -> tuple[str, ...]:
        """Notes on the files, each with the first file it applies to."""
        return tuple(f"{file}: {note.removesuffix('.')}" for note, file in self._first_with.items())

    def read(self, kind: str, files: Sequence[FileFrame]) -> None:
        """Read the images of a folder, or a sample of them."""
        read = list(dict.fromkeys(spread(files, self._share)))
        for file in read:
            if file.path in self.bad:
                continue
            try:
                image = read_frame(file, kind)
                shape_yx = size_on_model_grid(image)
                check_size(file, shape_yx, self._crop_px)
            except InputError as error:
                self._refuse(file.path, error)
                continue
            self._appearances[kind, file] = appearance_of(image, shape_yx)
            for note in image.notes:
                self._first_with.setdefault(note, file)
            if kind == "phase" and image.wavelength_um is not None:
                _add_wavelength(self.wavelengths_um, str(file), image.wavelength_um)
        if read and all(file.path in self.bad for file in read):
            raise InputError(f"{read[0].path.parent}: no image in it is usable; the first: {self.bad[read[0].path]}")

    def compare(self, found: FoundPairs) -> None:
        """Compare the fields of view of image and phase map, for pairs of which both were read."""
        for lr, phase in zip(spread(found.lr, self._share), spread(found.phase, self._share), strict=True):
            both = self._appearances.get(("lr", lr)), self._appearances.get(("phase", phase))
            places = [one.place for one in both if one is not None and one.place is not None]
            difference = difference_of(*places) if len(places) == 2 else ""
            if difference:
                reason = f"{lr} and {phase} do not show the same place: {difference}; crop both to one field of view"
                self._refuse(lr.path, InputError(reason))

    def by_kind(self) -> dict[str, list[Appearance]]:
        """Return the properties of the low-resolution images and of the phase maps that were read."""
        return {kind: [one for (own, _), one in self._appearances.items() if own == kind] for kind in ("lr", "phase")}

    def _refuse(self, path: Path, error: InputError) -> None:
        if not self._skip_bad:
            raise error
        self.bad[path] = str(error)


def _add_wavelength(wavelengths_um: list[tuple[str, float]], source: str, wavelength_um: float) -> None:
    wavelengths_um.append((source, wavelength_um))
    first, first_um = wavelengths_um[0]
    if not math.isclose(first_um, wavelength_um, rel_tol=1e-3):
        raise InputError(
            f"{source}: its phase belongs to {wavelength_um:g} um, that of {first} to {first_um:g} um; train on one "
            f"wavelength at a time"
        )


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return up to `count` items: the first, the last, and evenly spaced ones between."""
    if len(items) <= count:
        return list(items)
    return [items[round(float(index))] for index in np.linspace(0, len(items) - 1, count)]


def simulated_unpaired(settings: TrainSettings) -> tuple[SimulationSettings, ...]:
    """Return the settings that simulated the images of unpaired steps; none if some were not simulated."""
    if settings.lr is not None:
        by = [simulated_lr(settings.lr)]
    else:
        by = [*(simulated_lr(halves(source)[0]) for source in settings.pairs), *settings.simulate]
    known = tuple(one for one in by if one is not None)
    return known if len(known) == len(by) else ()


def simulated_lr(folder: Path) -> SimulationSettings | None:
    """Return the settings that simulated a folder of low-resolution images; None for others, such as focus stacks."""
    return None if folder.name == "stack" else simulated_by(folder.parent)


def simulated_by(folder: Path) -> SimulationSettings | None:
    """Read the settings from the ``dataset.json`` of a simulated folder; return None if there is none."""
    try:
        return SimulationSettings(**plain_json(read_text(folder / "dataset.json"))["settings"])
    except (ValueError, KeyError, TypeError):
        return None


def _optics_of(settings: SimulationSettings) -> str:
    focus = "the objective's usual defocus" if settings.defocus_um is None else f"{settings.defocus_um:g} um defocus"
    return (
        f"simulated {settings.specimen} at {settings.objective}, wavelength {settings.microscope.wavelength_um:g} um, "
        f"coherence S {settings.microscope.coherence:g}, {focus}"
    )
