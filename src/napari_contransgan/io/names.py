"""Name the files of results after the images that they come from."""

from collections.abc import Sequence
from pathlib import Path

from napari_contransgan.errors import InputError


def image_stem(path: Path) -> str:
    """Return the name of an image without ``.tif``, ``.ome.tif`` or ``.ome.zarr``."""
    return path.name.removesuffix(path.suffix).removesuffix(".ome")


def results_in(folder: Path, inputs: Sequence[Path], kind: str) -> list[Path]:
    """Return the file in a folder for the result of each image, such as ``cells_phase.ome.tif`` for ``cells.tif``.

    Parameters
    ----------
    folder : Path
        Folder of the results.
    inputs : sequence of Path
        The images.
    kind : str
        Ending of the names, such as "phase".

    Raises
    ------
    InputError
        If two results have the same name.
    """
    results = [folder / f"{image_stem(path)}_{kind}.ome.tif" for path in inputs]
    source_of: dict[Path, Path] = {}
    for path, result in zip(inputs, results, strict=True):
        if result in source_of:
            raise InputError(f"{path} and {source_of[result]} would both be written to {result}: rename one")
        source_of[result] = path
    return results


def without_results(inputs: Sequence[Path], folder: Path, kinds: Sequence[str]) -> list[Path]:
    """Leave out files that an earlier run wrote for others of them, where results lie next to the images.

    Parameters
    ----------
    inputs : sequence of Path
        The files of a folder.
    folder : Path
        Folder of the results.
    kinds : sequence of str
        Endings of the names of results, such as "phase".
    """
    results = {(folder / f"{image_stem(path)}_{kind}.ome.tif").resolve() for path in inputs for kind in kinds}
    return [path for path in inputs if path.resolve() not in results]


def next_to(result: Path, kind: str) -> Path:
    """Return the name of a file that belongs to another one, next to it."""
    stem = image_stem(result)
    return result.with_name(f"{stem}_{kind}{result.name[len(stem) :]}")
