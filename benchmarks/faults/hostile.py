"""Files made to mislead the commands, with what each must answer."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from benchmarks.faults.mutations import LONG_TEXTS, NASTY_TEXTS

from napari_contransgan.config import TieSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image


@dataclass(frozen=True)
class Hostile:
    """A hostile file.

    Parameters
    ----------
    name : str
        What is wrong with it.
    read : callable
        Reads it.
    words : str
        Part of the message that must be given.
    """

    name: str
    read: Callable[[], object]
    words: str


def answers(folder: Path) -> list[tuple[str, str, bool]]:
    """Read every hostile file, and return its name, the message, and whether it is the right one.

    Parameters
    ----------
    folder : Path
        An empty folder for the files.
    """
    found = []
    for one in (*_images(folder), *_settings(folder), *_checkpoints(folder)):
        try:
            one.read()
            message, is_right = "READ", False
        except InputError as error:
            message = str(error).replace(str(folder), "").lstrip("/\\")
            is_right = one.words in message and "\n" not in message
        except Exception as error:
            message, is_right = f"{type(error).__name__}: {error}", False
        found.append((one.name, message, is_right))
    return found


def _images(folder: Path) -> Iterator[Hostile]:
    zyx_stack = np.random.default_rng(0).integers(1, 4000, (3, 20, 32), dtype=np.uint16)
    whole = folder / "whole.ome.tif"
    write_image(whole, Image(zyx_stack, "ZYX", 0.65, 3.0))
    content = whole.read_bytes()
    files = {
        "an empty file": (b"", "empty"),
        "text": (b"This is no image.\n" * 50, "not a TIFF"),
        "a TIFF without pages": (b"II*\0\0\0\0\0", "holds no image"),
        "a TIFF cut in half": (content[: len(content) // 2], "damaged"),
        "a TIFF without its end": (content[:-3], "damaged"),
        "a page that follows itself": (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "damaged"),
    }
    for name, (damaged, words) in files.items():
        path = folder / f"{name}.tif"
        path.write_bytes(damaged)
        for lazy in (False, True):
            yield Hostile(f"{name}{', lazily' * lazy}", lambda path=path, lazy=lazy: read_image(path, lazy=lazy), words)  # type: ignore[misc]
    for name, planes in (("billions of planes", 4 * 10**9), ("more planes than pages", 9)):
        path = folder / f"{name}.ome.tif"
        tifffile.imwrite(path, zyx_stack, description=_described(planes), metadata=None, photometric="minisblack")
        yield Hostile(name, lambda path=path: read_image(path), "damaged")  # type: ignore[misc]
    yield Hostile("a folder", lambda: read_image(folder), "is a folder")
    yield Hostile("a missing file", lambda: read_image(folder / "absent.tif"), "no such file")
    yield Hostile("a name of 300 letters", lambda: read_image(folder / ("n" * 300)), "cannot be read")
    yield Hostile(
        "an output name of 300 letters",
        lambda: write_image(folder / ("n" * 300 + ".tif"), Image(zyx_stack, "ZYX")),
        "bytes long",
    )


def _described(planes: int) -> str:
    sizes = f'SizeX="32" SizeY="20" SizeZ="{planes}" SizeC="1" SizeT="1"'
    pixels = f'<Pixels ID="Pixels:0" {sizes} DimensionOrder="XYZCT" Type="uint16"><TiffData/></Pixels>'
    name = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    return f'<OME xmlns="{name}"><Image ID="Image:0">{pixels}</Image></OME>'


def _settings(folder: Path) -> Iterator[Hostile]:
    for number, value in enumerate((*NASTY_TEXTS, *LONG_TEXTS)):
        path = folder / f"{number}.yaml"
        path.write_bytes(f"steps: {value}\nunknown: 1\n".encode())
        yield Hostile(f"steps: {value[:20]!r}", lambda path=path: TrainSettings.from_yaml(path), ".yaml: ")  # type: ignore[misc]
    link, pipe, loop, large = (folder / name for name in ("zero.yaml", "pipe.yaml", "loop.yaml", "large.yaml"))
    with large.open("wb") as file:
        file.truncate(10**10)
    loop.symlink_to(loop)
    yield Hostile("a link to itself as settings", lambda: TieSettings.from_yaml(loop), "cannot be read")
    yield Hostile("10 GB of zeros as settings", lambda: TieSettings.from_yaml(large), "larger than")
    if Path("/dev/zero").exists():
        link.symlink_to("/dev/zero")
        os.mkfifo(pipe)
        yield Hostile("a device as settings", lambda: TieSettings.from_yaml(link), "not a regular file")
        yield Hostile("a pipe as settings", lambda: TieSettings.from_yaml(pipe), "not a regular file")


def _checkpoints(folder: Path) -> Iterator[Hostile]:
    import torch
    from safetensors.torch import save_file

    from napari_contransgan.models.checkpoint import CARD_KEY, load_checkpoint

    card = {"name": "x", "generator": "unet", "preset": "tiny", "phase_ref_rad": 2.0}
    changes: dict[str, object] = {
        "phase_ref_rad": 1e38,
        "pixel_size_um": 0.65,
        "wavelength_um": -1,
        "steps": -5,
        "generator": "resnet",
        "figures": [1],
        "name": 3,
        "unknown": 1,
        "preset": "\ud800",
    }
    for name, value in changes.items():
        path = folder / f"{name}.safetensors"
        save_file({"w": torch.zeros(2)}, path, {CARD_KEY: json.dumps(card | {name: value})})
        yield Hostile(f"a card with {name} {value!r}", lambda path=path: load_checkpoint(path), "its card cannot be")  # type: ignore[misc]
    for name, text in {"nested deeply": "[" * 50_000, "cut short": "{", "a list": "[1]"}.items():
        path = folder / f"{name}.safetensors"
        save_file({"w": torch.zeros(2)}, path, {CARD_KEY: text})
        yield Hostile(f"a card {name}", lambda path=path: load_checkpoint(path), "its card cannot be")  # type: ignore[misc]
    path = folder / "weights.safetensors"
    save_file({"w": torch.zeros(2)}, path, {CARD_KEY: json.dumps(card)})
    yield Hostile("weights of another network", lambda: load_checkpoint(path), "do not fit")
