"""The three readers that are attacked, and the valid files that the attacks begin with."""

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import dask
import numpy as np
import tifffile
import yaml
from benchmarks.faults import mutations

from napari_contransgan import config
from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image

Attack = Callable[[random.Random, Path], str]
"""Damages a file, reads it, and returns the outcome: read, refused, or a word for a fault."""


def attack_on(kind: str, folder: Path) -> Attack:
    """Return the attack on a reader; valid files are made in the folder.

    Parameters
    ----------
    kind : {"tiff", "settings", "checkpoint"}
        The reader.
    folder : Path
        An empty folder.
    """
    return {"tiff": _on_tiff, "settings": _on_settings, "checkpoint": _on_checkpoint}[kind](folder)


# --- TIFF ---


def _on_tiff(folder: Path) -> Attack:
    dask.config.set(scheduler="synchronous")  # no threads, which would not survive a fork
    seeds = []
    for path in _tiffs(folder):
        for lazy in (False, True):
            if isinstance(_read(path, lazy=lazy), str):
                raise RuntimeError(f"a valid file is refused: {path}")
        seeds.append(path.read_bytes())

    def attack(rng: random.Random, path: Path) -> str:
        path = path.with_name("fuzzed.ome.tif")
        path.write_bytes(mutations.mutated(rng.choice(seeds), rng, mutations.IN_TIFF))
        with _new_memory_filled(0x5A):
            eager = _read(path, lazy=False)
        with _new_memory_filled(0xA5):
            lazy = _read(path, lazy=True)
        if isinstance(eager, str) or isinstance(lazy, str):
            is_same = isinstance(eager, str) and isinstance(lazy, str)
            return "refused" if is_same else f"differs: eager {_kind_of(eager)}, lazy {_kind_of(lazy)}"
        same = eager.shape == lazy.shape and eager.dtype == lazy.dtype and eager.tobytes() == lazy.tobytes()
        return "read" if same else "differs: other pixels"

    return attack


def _read(path: Path, *, lazy: bool) -> Any:
    try:
        return np.asarray(read_image(path, lazy=lazy).data)
    except InputError as error:
        return str(error)


def _kind_of(outcome: Any) -> str:
    return "refused" if isinstance(outcome, str) else "read"


@contextlib.contextmanager
def _new_memory_filled(value: int) -> Iterator[None]:
    """Fill arrays that NumPy leaves uninitialised, so that pixels which nobody wrote differ between two readings."""
    real = np.empty

    def filled(*args: Any, **options: Any) -> Any:
        array = real(*args, **options)
        if array.dtype != object and array.flags.c_contiguous:
            array.reshape(-1).view(np.uint8)[:] = value
        return array

    with mock.patch.object(np, "empty", filled):
        yield


def _tiffs(folder: Path) -> Iterator[Path]:
    zyx_stack = np.random.default_rng(0).integers(1, 4000, (3, 20, 32), dtype=np.uint16)
    forms: dict[str, dict[str, Any]] = {
        "plain": {},
        "bare": {"metadata": None},
        "imagej": {"imagej": True},
        "ome": {"ome": True},
        "strips": {"compression": "zlib", "rowsperstrip": 7, "predictor": True},
        "bare strips": {"rowsperstrip": 7},
        "tiles": {"tile": (16, 16)},
        "zlib tiles": {"tile": (16, 16), "compression": "zlib"},
        "lzw": {"compression": "lzw"},
        "packbits": {"compression": "packbits"},
        "zstd": {"compression": "zstd"},
        "big": {"bigtiff": True},
        "big-endian": {"byteorder": ">"},
    }
    for name, options in forms.items():
        path = folder / f"{name}.tif"
        tifffile.imwrite(path, zyx_stack, photometric="minisblack", **{"metadata": {"axes": "ZYX"}} | options)
        yield path
    for codec in ("jpeg", "jpeg2000", "jpegxr", "webp", "png"):
        path = folder / f"{codec}.tif"
        yx_rgb = np.stack([zyx_stack[0] % 256] * 3, -1).astype(np.uint8)
        tifffile.imwrite(path, yx_rgb, photometric="rgb", compression=codec)
        yield path
    planar = folder / "planar.tif"
    tifffile.imwrite(planar, zyx_stack.astype(np.uint8), photometric="rgb", planarconfig="separate")
    yield planar
    own = folder / "own.ome.tif"
    write_image(own, Image(zyx_stack, "ZYX", 0.65, 3.0, wavelength_um=0.55, settings={"a": 1}))
    yield own


# --- settings ---


def _on_settings(folder: Path) -> Attack:
    kinds: tuple[Settings, ...] = (
        config.AdaptSettings(),
        config.MeasureSettings(),
        Microscope(),
        config.PredictSettings(),
        config.SimulationSettings(),
        config.TieSettings(z_um=(-3.0, 0.0, 3.0)),
        config.TileSettings(),
        config.TrainSettings(pairs=(folder,), simulate=(config.SimulationSettings(),)),
    )
    parts = [_parts(one, folder / "whole.yaml") for one in kinds]

    def attack(rng: random.Random, path: Path) -> str:
        number = rng.randrange(len(kinds))
        needed, others = parts[number]
        some = rng.sample(others, min(len(others), rng.choice((1, 2, 4, 8))))  # short files are read sooner
        path.write_bytes(mutations.mutated("".join(needed + some).encode(), rng, mutations.IN_TEXT))
        try:
            found = type(kinds[number]).from_yaml(path)
        except InputError as error:
            return "refused" if "\n" not in str(error) else "message of several lines"
        path.write_text(found.to_yaml(), encoding="utf-8")
        return "read" if type(found).from_yaml(path) == found else "differs: written and read again"

    return attack


def _parts(settings: Settings, path: Path) -> tuple[list[str], list[str]]:
    """Return the text of each setting, first of those without which the others are refused."""
    values = yaml.safe_load(settings.to_yaml())
    texts = {name: yaml.safe_dump({name: value}, allow_unicode=True) for name, value in values.items()}
    needed, others = [], []
    for name, text in texts.items():
        path.write_text("".join(other for key, other in texts.items() if key != name), encoding="utf-8")
        try:
            type(settings).from_yaml(path)
            others.append(text)
        except InputError:
            needed.append(text)
    return needed, others


# --- checkpoints ---


def _on_checkpoint(folder: Path) -> Attack:
    import torch

    from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
    from napari_contransgan.models.registry import build_generator

    card = ModelCard(
        name="fuzzed", generator="unet", preset="tiny", phase_ref_rad=2.0, figures={"beads": {"ssim": 0.9}}
    )
    save_checkpoint(folder / "net.safetensors", build_generator("unet", "tiny"), card)
    content = (folder / "net.safetensors").read_bytes()
    torch.set_num_threads(1)  # threads would not survive a fork
    load_checkpoint(folder / "net.safetensors").model.state_dict()

    def attack(rng: random.Random, path: Path) -> str:
        path.write_bytes(mutations.mutated(content, rng, mutations.IN_TENSORS))
        try:
            found = load_checkpoint(path)
            found.model.state_dict()  # built only now
        except InputError as error:
            return "refused" if "\n" not in str(error) else "message of several lines"
        return "read" if 0.01 <= found.card.phase_ref_rad <= 1000 else "differs: an impossible card"

    return attack
