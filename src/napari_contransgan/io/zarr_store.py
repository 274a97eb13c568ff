"""Open OME-Zarr folders with the optional package zarr, and explain why one cannot be read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from napari_contransgan.errors import InputError, unreadable
from napari_contransgan.plain_files import plain_json, read_text

SUFFIX = ".zarr"
NAMES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""Files that hold the metadata of a Zarr group or array, of version 3 and 2 of the format."""
DAMAGED = "the Zarr folder is damaged or incomplete: copy or export it again"
MOST_JSON_BYTES = 50_000_000

_CODECS = {
    *("bytes", "endian", "transpose", "sharding_indexed", "crc32c", "crc32", "adler32", "fletcher32"),
    *("jenkins_lookup3", "blosc", "gzip", "zlib", "bz2", "lzma", "lz4", "zstd", "pcodec", "zfpy", "packbits"),
    *("shuffle", "delta", "bitround", "quantize", "astype", "fixedscaleoffset"),
}
"""Codecs that only compute. Others, such as pickle, can run code that a file contains."""


def is_zarr(path: Path) -> bool:
    """Return whether a path is a folder in the Zarr format, or is at least named like one."""
    try:
        return path.is_dir() and (is_zarr_name(path) or has_metadata(path))
    except OSError:  # a name that is too long, or a link to itself: whoever reads the file says so
        return False


def has_metadata(folder: Path) -> bool:
    """Return whether a folder holds the metadata of a Zarr group or array."""
    return any((folder / name).is_file() for name in NAMES)


def is_zarr_name(path: Path) -> bool:
    """Return whether a name is that of a Zarr folder."""
    return path.suffix.lower() == SUFFIX


def zarr_package(path: Path) -> Any:
    """Import the optional package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        package = import_module("zarr")
    except ImportError:
        package = None
    if package is None or int(str(package.__version__).partition(".")[0]) < 3:
        raise InputError(
            'OME-Zarr needs the package zarr, version 3 or later: pip install "napari-contransgan[zarr]"', source=path
        )
    return package


@contextmanager
def zarr_failures_explained(path: Path) -> Iterator[None]:
    """Turn any error while reading a Zarr folder into one line that says why it cannot be read.

    Raises
    ------
    InputError
        In place of any error raised within the block.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError("does not fit into memory: cut the image into smaller ones", source=path) from error
    except OSError as error:
        if not path.exists():
            raise InputError("there is no such file: check the path", source=path) from None
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error
    except Exception as error:  # of any type: zarr, its codecs and its stores raise many
        raise InputError(unreadable(error, DAMAGED), source=path) from error


def metadata_of(folder: Path) -> Mapping[str, Any]:
    """Return the metadata of a group or array: ``zarr.json``, or the files of version 2 with ``attributes`` added.

    Raises
    ------
    InputError
        If there are none, or they cannot be read.
    """
    if (folder / "zarr.json").is_file():
        return _json(folder / "zarr.json")
    found = [_json(folder / name) for name in (".zarray", ".zgroup") if (folder / name).is_file()]
    attributes = _json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
    if not found and not attributes:
        raise InputError("is not a Zarr folder (it has no zarr.json or .zattrs): give an OME-Zarr image", source=folder)
    return {**(found[0] if found else {}), "attributes": attributes}


def attributes_of(folder: Path) -> Mapping[str, Any]:
    """Return the attributes of a group.

    Raises
    ------
    InputError
        As for `metadata_of`.
    """
    attributes = metadata_of(folder).get("attributes", {})
    if not isinstance(attributes, Mapping):
        raise InputError(DAMAGED, source=folder)
    return attributes


def open_array(path: Path, folder: Path) -> Any:
    """Open an array for reading.

    Parameters
    ----------
    path : Path
        The image, for messages.
    folder : Path
        Folder of the array.

    Raises
    ------
    InputError
        If it is not an array of numbers, is damaged, or uses a codec that could run code.
    """
    package = zarr_package(path)
    with zarr_failures_explained(path):
        metadata = metadata_of(folder)
        _check_codecs(path, metadata)
        array = package.open_array(
            store=str(folder), mode="r", zarr_format=3 if (folder / "zarr.json").is_file() else 2
        )
        if array.dtype.kind not in "uifcb":
            raise InputError(f"holds {array.dtype} values: give an image of integers or real numbers", source=path)
        return array


def stamp_of(folder: Path) -> tuple[int, int]:
    """Return size and modification time of the metadata of an array, which change when it is replaced.

    Raises
    ------
    OSError
        If it has none.
    """
    name = next((name for name in ("zarr.json", ".zarray") if (folder / name).exists()), "zarr.json")
    status = (folder / name).stat()
    return status.st_size, status.st_mtime_ns


def contents_stamp(path: Path) -> list[int]:
    """Return the size in bytes and the latest modification time of a Zarr folder's files."""
    found = [one.stat() for one in path.rglob("*") if one.is_file()]
    return [sum(one.st_size for one in found), max((one.st_mtime_ns for one in found), default=0)]


def _json(path: Path) -> Mapping[str, Any]:
    text = read_text(path, MOST_JSON_BYTES)
    try:
        value = plain_json(text)
    except ValueError as error:
        raise InputError(f"is not valid JSON ({error}): copy or export the image again", source=path) from error
    if not isinstance(value, Mapping):
        raise InputError("does not describe a Zarr folder: copy or export the image again", source=path)
    return value


def _check_codecs(path: Path, metadata: Mapping[str, Any]) -> None:
    own = [metadata.get("compressor"), *(metadata.get("filters") or ()), *(metadata.get("codecs") or ())]
    waiting: list[Any] = [one for one in own if one is not None]
    while waiting:
        codec = waiting.pop()
        name = str(codec.get("id") or codec.get("name")).removeprefix("numcodecs.")
        if name not in _CODECS:
            raise InputError(f"its codec {name!r} is not supported: save it with zstd, gzip or blosc", source=path)
        inner = codec.get("configuration")
        if isinstance(inner, Mapping):
            for key in ("codecs", "index_codecs"):
                nested: Sequence[Any] = inner.get(key) or ()
                waiting += nested
