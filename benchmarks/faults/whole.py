"""Whether result files are complete, and the same as others."""

import csv
import filecmp
import json
from pathlib import Path

import numpy as np
import yaml

from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image


def results(folder: Path) -> list[Path]:
    """Return the files in a folder, without those in hidden folders."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def is_whole(path: Path) -> bool:
    """Return whether a result can be read completely; a cut last line of a run's metrics is dropped when it resumes."""
    from napari_contransgan.models.tensor_file import TensorFileError, read_tensors

    try:
        if path.suffix == ".tif":
            return bool(np.asarray(read_image(path).data).size)
        if path.suffix == ".safetensors":
            return bool(read_tensors(path, lambda _: None)[1])
        if path.suffix == ".csv":
            with path.open(encoding="utf-8") as file:
                return len({len(row) for row in csv.reader(file)}) == 1
        if path.suffix in (".json", ".yaml"):
            return bool(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (InputError, TensorFileError, ValueError, yaml.YAMLError):
        return False
    return path.suffix == ".jsonl" and all(map(_is_json, path.read_bytes().splitlines()[:-1]))


def is_same(one: Path, other: Path) -> bool:
    """Return whether two results hold the same pixels, or else the same bytes."""
    if not (one.is_file() and other.is_file()):
        return False
    if one.suffix == other.suffix == ".tif":
        try:
            return np.array_equal(read_image(one).data, read_image(other).data)
        except InputError:
            return False
    return filecmp.cmp(one, other, shallow=False)


def _is_json(line: bytes) -> bool:
    try:
        return bool(json.loads(line))
    except ValueError:
        return False
