"""Choose the names of output files, and report on many of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_contransgan.cli.runner import note
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import check_names
from napari_contransgan.io.names import results_in
from napari_contransgan.io.zarr_store import is_zarr_name

if TYPE_CHECKING:
    from napari_contransgan.batches import BatchResult


def output_paths(out: Path, inputs: Sequence[Path], kind: str) -> list[Path]:
    """Choose an output file for each input.

    Parameters
    ----------
    out : Path
        An image if it ends in .tif, .tiff or .zarr, otherwise a folder.
    inputs : sequence of Path
        The images.
    kind : str
        Suffix of the names in a folder.

    Raises
    ------
    InputError
        If several outputs would go into one file, two outputs have the same name, an output would replace its input, or
        `out` has the suffix of another file type and is not an existing folder.
    """
    if names_an_image(out):
        if len(inputs) > 1:
            raise InputError(f"one file cannot hold the results of {len(inputs)} images: give a folder", source=out)
        outputs = [out]
    elif out.suffix and not out.is_dir():
        raise InputError(
            f"{out.suffix} files cannot be written: give a .tif file, an .ome.zarr name, or a folder without a suffix",
            source=out,
        )
    else:
        outputs = results_in(out, inputs, kind)
    keep_inputs(outputs, inputs)
    return outputs


def names_an_image(out: Path) -> bool:
    """Return whether a path is the name of an image, and not of a folder of results."""
    return out.suffix.lower() in (".tif", ".tiff") or is_zarr_name(out)


def keep_inputs(outputs: Sequence[Path], inputs: Sequence[Path | str | float | None]) -> None:
    """Raise an error if an output would overwrite an input, or cannot have its name."""
    check_names(list(outputs))
    read = [path.resolve() for path in inputs if isinstance(path, Path)]
    for path in outputs:
        if any(path.resolve() in (one, *one.parents) for one in read):
            raise InputError("is an input and would be overwritten: choose another --out", source=path)


def many_figures(done: str, images: Sequence[Mapping[str, Any]], result: "BatchResult", out: Path) -> dict[str, Any]:
    """Name the files that were skipped, and return what became of all of them.

    Parameters
    ----------
    done : str
        How a finished file is called, such as "predicted".
    images : sequence of mapping
        The results, as they are printed.
    result : BatchResult
        What became of the files.
    out : Path
        Folder of the results.

    Raises
    ------
    InputError
        If no file could be used.
    """
    for skipped in result.skipped:
        note(f"skipped: {skipped.reason}")
    if not images:
        count = len(result.skipped)
        raise InputError(f"none of {count} images could be {done}: see {result.manifest}", source=out)
    return {
        "count": len(images),
        f"{done}_earlier": result.earlier,
        "skipped": [{"input": one.path, "reason": one.reason} for one in result.skipped],
        "manifest": result.manifest,
        "images": images,
    }
