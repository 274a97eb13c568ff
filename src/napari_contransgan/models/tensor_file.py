"""Read safetensors files of strangers: the header is checked before memory is taken, and the file is read once.

The library maps the file into memory: a file that is overwritten meanwhile ends the program, or gives a mixture of the
old and the new one. A copy in memory does not change.
"""

import json
import math
import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from napari_contransgan.errors import InputError
from napari_contransgan.plain_files import opened, plain_json

MOST_HEADER_BYTES = 10_000_000
ATTEMPTS, PAUSE_S = 8, 0.02

_TYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "BOOL": torch.bool,
}
"""Number types of our own files."""


class TensorFileError(ValueError):
    """The file is not in the safetensors format, or stores numbers of an unsupported type."""


@dataclass(frozen=True)
class Stored:
    """One tensor in a file.

    Parameters
    ----------
    dtype : torch.dtype
        Number type.
    shape : tuple of int
        Shape.
    begin : int
        Position of its first byte after the header.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int

    @property
    def size_bytes(self) -> int:
        """Return its size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Header:
    """Header of a safetensors file.

    Parameters
    ----------
    texts : mapping
        Metadata.
    tensors : mapping
        Stored tensors by name.
    """

    texts: Mapping[str, str]
    tensors: Mapping[str, Stored]


def read_header(path: Path) -> Header:
    """Read the header of a safetensors file.

    Raises
    ------
    TensorFileError
        If it is not one.
    InputError
        If the file is missing or cannot be read.
    """
    with opened(path) as file:
        return _header(file)[0]


def read_tensors(path: Path, check: Callable[[Header], None]) -> tuple[Header, dict[str, torch.Tensor]]:
    """Read the header and all tensors of one and the same safetensors file into memory.

    Parameters
    ----------
    path : Path
        The file.
    check : callable
        Raises an error if the header does not describe the expected tensors; called before they are read.

    Raises
    ------
    TensorFileError
        If it is not a safetensors file.
    InputError
        If the file is missing, cannot be read, or is being overwritten.
    """
    checked: list[Header] = []
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE_S)
        with opened(path) as file:
            before = _stamp(file)
            try:
                header, start = _header(file)
                if header not in checked:
                    check(header)
                    checked.append(header)
                content = bytearray(sum(one.size_bytes for one in header.tensors.values()))
                file.seek(start)
                is_whole = file.readinto(content) == len(content)  # type: ignore[attr-defined]
            except (ValueError, OSError):
                if _stamp(file) == before:
                    raise
                continue
            if is_whole and _stamp(file) == before:
                return header, {name: _tensor(content, one) for name, one in header.tensors.items()}
    raise InputError("is being written at the moment: wait until it is finished, then try again", source=path)


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _tensor(content: bytearray, one: Stored) -> torch.Tensor:
    count = math.prod(one.shape)
    if count == 0:
        return torch.empty(one.shape, dtype=one.dtype)
    return torch.frombuffer(content, dtype=one.dtype, count=count, offset=one.begin).view(one.shape)


def _header(file: BinaryIO) -> tuple[Header, int]:
    """Return the header and the position where the tensors begin."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(MOST_HEADER_BYTES, size - 8):
        raise TensorFileError("it has no header")
    try:
        values = plain_json(file.read(length).decode())
    except ValueError as error:
        raise TensorFileError(f"its header cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise TensorFileError("its header lists no tensors")
    texts = values.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise TensorFileError("its metadata are not texts")
    end, tensors = 0, {}
    for name, entry in sorted(values.items(), key=lambda item: _begin(item[1])):
        tensors[name] = _stored(name, entry, end)
        end += tensors[name].size_bytes
    if 8 + length + end != size:
        raise TensorFileError("its size does not fit its header")
    return Header(texts, tensors), 8 + length


def _begin(entry: Any) -> float:
    try:
        return float(entry["data_offsets"][0])
    except (TypeError, KeyError, IndexError, ValueError):
        raise TensorFileError("an entry of its header states no position") from None


def _stored(name: str, entry: Any, begin: int) -> Stored:
    kind, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise TensorFileError(f"{name} is stored as {json.dumps(kind)}, which is not supported")
    if not isinstance(shape, list) or not all(type(one) is int and one >= 0 for one in shape):
        raise TensorFileError(f"the shape of {name} is not valid")
    one = Stored(_TYPES[kind], tuple(shape), begin)
    if entry["data_offsets"] != [begin, begin + one.size_bytes]:
        raise TensorFileError(f"the position of {name} is not valid")
    return one
