"""Checkpoints of strangers: card and weights are checked before memory is taken, and come from one file."""

import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from napari_contransgan.errors import InputError
from napari_contransgan.models import tensor_file
from napari_contransgan.models.checkpoint import CARD_KEY, ModelCard, load_checkpoint, read_card, save_checkpoint
from napari_contransgan.models.registry import build_generator

CARD = {"name": "test", "generator": "unet", "preset": "tiny", "phase_ref_rad": 2.0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def _written(path: Path, card: str, weights: dict[str, torch.Tensor] | None = None) -> None:
    save_file({"w": torch.zeros(2)} if weights is None else weights, path, {CARD_KEY: card})


def _rewritten(path: Path, change: Any, body: bytes | None = None) -> None:
    """Change the header of a checkpoint."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + (content[8 + length :] if body is None else body))


CARDS = {
    "a phase that no network has": {"phase_ref_rad": 1e38},
    "no phase": {"phase_ref_rad": 0},
    "another grid": {"pixel_size_um": 0.65},
    "a negative wavelength": {"wavelength_um": -1},
    "a wavelength in nm": {"wavelength_um": 550},
    "NaN": {"phase_ref_rad": float("nan")},
    "infinity": {"wavelength_um": float("inf")},
    "400 digits": {"steps": 10**400},
    "negative steps": {"steps": -5},
    "a negative pixel size": {"input_pixel_sizes_um": [-0.65]},
    "a list for a mapping": {"figures": [1, 2]},
    "lists for mappings": {"figures": {"beads": [1, 2]}},
    "a list of settings": {"settings": [1]},
    "a number for a text": {"name": 3},
    "an unknown network": {"generator": "resnet"},
    "an unknown key": {"weights": "elsewhere"},
    "half a character": {"name": "\ud800"},
    "another phase than it was trained with": {"settings": {"phase_ref_rad": 20.0}},
    "another network than it was trained as": {"settings": {"generator": "swin"}},
    "another size than it was trained in": {"settings": {"preset": "paper"}},
}


@pytest.mark.parametrize("change", CARDS.values(), ids=CARDS)
def test_a_card_with_impossible_values_is_refused(path: Path, change: dict[str, object]) -> None:
    _written(path, json.dumps(CARD | change))
    with pytest.raises(InputError, match=r"net\.safetensors: its card cannot be") as caught:
        read_card(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1, 2]", "null", '"text"', "{", ""], ids=len)
def test_a_card_that_is_no_card_is_refused(path: Path, text: str) -> None:
    _written(path, text)
    with pytest.raises(InputError, match=r"net\.safetensors: its card cannot be"):
        load_checkpoint(path)


def test_the_field_of_a_card_that_cannot_be_used_is_named_with_the_reason(path: Path) -> None:
    _written(path, json.dumps(CARD | {"input_pixel_sizes_um": [0.65, -0.65]}))
    with pytest.raises(InputError, match=r"used \(input_pixel_sizes_um\.1: .*\): if it .* update napari-contransgan$"):
        read_card(path)
    _written(path, "[1, 2]")
    with pytest.raises(InputError, match=r"its card cannot be used \(card: "):
        read_card(path)


def test_weights_of_eight_bits_are_refused(path: Path) -> None:
    weights = {
        name: value.to(torch.float8_e4m3fn) for name, value in build_generator("unet", "tiny").state_dict().items()
    }
    _written(path, json.dumps(CARD), weights)
    with pytest.raises(InputError, match=r"F8_E4M3.*not supported"):
        load_checkpoint(path)


def _larger(header: dict[str, Any]) -> None:
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = [10**6, 10**6]


def _elsewhere(header: dict[str, Any]) -> None:
    name = next(name for name in header if name != "__metadata__")
    header[name]["data_offsets"] = [-8, 0]


def _listed(header: dict[str, Any]) -> None:
    header["__metadata__"] = ["x"]


def _negative(header: dict[str, Any]) -> None:
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = [-1, -4]


def _of_no_kind(header: dict[str, Any]) -> None:
    name = next(name for name in header if name != "__metadata__")
    header[name]["dtype"] = ["F32"]


@pytest.mark.parametrize("change", [_larger, _elsewhere, _listed, _negative, _of_no_kind])
def test_a_header_that_does_not_describe_its_file_is_refused(path: Path, change: Any) -> None:
    save_checkpoint(path, build_generator("unet", "tiny"), ModelCard.model_validate(CARD))
    _rewritten(path, change)
    with pytest.raises(InputError, match="not a checkpoint"):
        load_checkpoint(path)


def test_weights_that_do_not_fit_are_refused_before_they_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(path, json.dumps(CARD), {"w": torch.zeros(1000, 1000)})
    monkeypatch.setattr(tensor_file, "_tensor", lambda *_: pytest.fail("the weights were read"))
    with pytest.raises(InputError, match="do not fit the network that its card names: "):
        load_checkpoint(path)


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    save_checkpoint(path, build_generator("unet", "tiny"), ModelCard.model_validate(CARD))
    content = path.read_bytes()
    for length in [0, 4, 8, 9, 100, 2000, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="not a checkpoint"):
            load_checkpoint(path)


def test_card_and_weights_are_of_one_file_while_it_is_overwritten(path: Path, tmp_path: Path) -> None:
    contents = []
    for phase_ref_rad, value in ((1.0, 1.0), (2.0, 2.0)):
        network = build_generator("unet", "tiny")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(value)
        save_checkpoint(
            tmp_path / "one.safetensors", network, ModelCard.model_validate(CARD | {"phase_ref_rad": phase_ref_rad})
        )
        contents.append((tmp_path / "one.safetensors").read_bytes())
    path.write_bytes(contents[0])
    over = threading.Event()

    def overwrite() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            with path.open("r+b") as file:  # in place, as some programs copy
                file.truncate(0)
                file.write(contents[turn % 2])
                file.flush()
                os.fsync(file.fileno())
            over.wait(0.02)

    thread = threading.Thread(target=overwrite)
    thread.start()
    loaded = 0
    try:
        for _ in range(40):
            try:
                found = load_checkpoint(path)
            except InputError:
                continue
            loaded += 1
            assert {float(value.detach().mean()) for value in found.model.parameters()} == {found.card.phase_ref_rad}
    finally:
        over.set()
        thread.join()
    assert loaded > 0
