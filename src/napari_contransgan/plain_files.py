"""Read small files of strangers: regular files of a bounded size. Plain values from and for JSON and YAML."""

import io
import json
import math
import os
import stat
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from napari_contransgan.errors import InputError

MOST_SETTINGS_BYTES = 1_000_000
MOST_YAML_VALUES = 100_000
LARGEST_WHOLE_NUMBER = 2**63 - 1


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, without waiting for a pipe or reading a device.

    Raises
    ------
    InputError
        If it is missing, cannot be opened, or is not a regular file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise InputError("there is no such file: check the path", source=path) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", source=path) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError("is not a regular file: give the path of a file", source=path)
    with os.fdopen(handle, "rb") as file:
        yield file


def read_text(path: Path, most_bytes: int = MOST_SETTINGS_BYTES) -> str:
    """Read a text file of a bounded size.

    Raises
    ------
    InputError
        As for `opened`, and if the file is larger than `most_bytes` or is not text in UTF-8.
    """
    with opened(path) as file:
        try:
            content = file.read(most_bytes + 1)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error
    if len(content) > most_bytes:
        raise InputError(f"is larger than {most_bytes / 1e6:g} MB, so it is not a settings file", source=path)
    try:
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8: save it as UTF-8", source=path) from error


def plain_json(text: str) -> Any:
    """Parse JSON whose values can be stored and shown again.

    Raises
    ------
    ValueError
        If it is not JSON, is nested too deeply, or contains half of a surrogate pair or a whole number over 63 bits.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    check_plain(value)
    return value


def json_value(value: Any, *, only_finite: bool = False) -> Any:
    """Convert a value to types that JSON has: paths become text, tuples lists, and NumPy numbers plain ones.

    Parameters
    ----------
    value : Any
        Mappings and sequences may contain others.
    only_finite : bool
        Turn numbers that are not finite into None, since JSON has none.

    Returns
    -------
    Any
    """
    if isinstance(value, Mapping):
        return {str(key): json_value(item, only_finite=only_finite) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item, only_finite=only_finite) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return None if only_finite and isinstance(value, float) and not math.isfinite(value) else value


def plain_yaml(text: str) -> Any:
    """Parse YAML; dates are text.

    Raises
    ------
    ValueError
        If it is not YAML, is nested too deeply, refers to itself, or has too many values once references are filled in.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _size(node, {}) > MOST_YAML_VALUES:
                raise ValueError(f"it has more than {MOST_YAML_VALUES} values")
            value = loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:  # PyYAML raises them for odd tags
        raise ValueError(f"a value cannot be read ({error})") from error
    check_plain(value)
    return value


def check_plain(value: Any) -> None:
    """Raise an error for values that no setting can have and that cannot be stored.

    Raises
    ------
    ValueError
        If a whole number has more than 63 bits, or a text contains half of a surrogate pair.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set)):
            waiting += one
        elif isinstance(one, int) and abs(one) > LARGEST_WHOLE_NUMBER:
            raise ValueError(f"a whole number has more than 63 bits: give at most {LARGEST_WHOLE_NUMBER}")
        elif isinstance(one, str) and not one.isascii() and any("\ud800" <= letter <= "\udfff" for letter in one):
            raise ValueError("a text contains half of a character: write it again")


class _Loader(yaml.SafeLoader):
    """The safe loader without dates, which no setting is."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _size(node: yaml.Node, known: dict[Hashable, int | None]) -> int:
    """Return the number of values of a node with all references filled in; no reference is followed twice."""
    key = id(node)
    if key not in known:
        known[key] = None
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[key] = 1 if isinstance(node, yaml.ScalarNode) else 1 + sum(_size(part, known) for part in parts)
    size = known[key]
    if size is None:
        raise ValueError("it refers to itself")
    return size
