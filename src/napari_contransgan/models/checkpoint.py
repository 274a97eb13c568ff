"""A checkpoint: weights as safetensors, with a card that says where they come from and what they are worth."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.models.registry import build_generator
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM, MODEL_PIXEL_SIZE_UM

CARD_KEY = "napari-contransgan-card"


class ModelCard(BaseModel):
    """What a user must know about a network before trusting it.

    Parameters
    ----------
    name, description : str
        Short name, and what it is for in a sentence or two.
    generator, preset : str
        Architecture and size.
    pixel_size_um : float
        Grid of input and output.
    phase_ref_rad : float
        Phase that an output of 1 stands for.
    wavelength_um : float
        Vacuum wavelength that the phase belongs to.
    input_pixel_sizes_um : tuple of float
        Pixel sizes of the frames it was trained on.
    optics, data, recipe : str
        How the images were taken, what they show, and how the network was trained, in words.
    steps : int
        Training steps done.
    figures : mapping
        Scores on held-out data, by the name of the data; what is not finite is left out.
    limits : str
        Where it fails.
    program_version : str
        Version that wrote the file.
    settings : mapping
        The training settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    description: str = ""
    generator: str
    preset: str
    pixel_size_um: float = MODEL_PIXEL_SIZE_UM
    phase_ref_rad: float = Field(gt=0)
    wavelength_um: float = DEFAULT_WAVELENGTH_UM
    input_pixel_sizes_um: tuple[float, ...] = ()
    optics: str = ""
    data: str = ""
    recipe: str = ""
    steps: int = 0
    figures: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)
    limits: str = ""
    program_version: str = ""
    settings: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("figures", mode="before")
    @classmethod
    def _finite_figures(cls, figures: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
        # JSON knows no nan: it would come back as null, and the card could not be read again.
        return {
            title: {name: value for name, value in scores.items() if value is not None and math.isfinite(value)}
            for title, scores in figures.items()
        }


@dataclass(frozen=True)
class LoadedModel:
    """A network, and its card.

    Parameters
    ----------
    model : Module
        The network.
    card : ModelCard
        Its description.
    ready : dict
        What `napari_contransgan.models.running` made of it, by tile side and number of threads.
    """

    model: nn.Module
    card: ModelCard
    ready: dict[tuple[int, int], Any] = field(default_factory=dict, init=False, repr=False, compare=False)


def save_checkpoint(path: Path, model: nn.Module, card: ModelCard, dtype: torch.dtype = torch.float16) -> None:
    """Write weights and card atomically, and the card once more as ``NAME.card.yaml`` for people.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    model : Module
        The generator that the card names.
    card : ModelCard
        Its description.
    dtype : torch.dtype
        Type of the stored floating-point weights.
    """
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    write_atomically(path, save(tensors, {CARD_KEY: card.model_dump_json()}))
    write_card(path, card)


def read_card(path: Path) -> ModelCard:
    """Read a checkpoint's card without its weights.

    Raises
    ------
    InputError
        If the file is missing or is no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(CARD_KEY)
    except FileNotFoundError:
        raise InputError("no such checkpoint", source=path) from None
    except (SafetensorError, OSError) as error:
        raise InputError("is not a checkpoint of this program (no safetensors file)", source=path) from error
    if text is None:
        raise InputError("is not a checkpoint of this program (it carries no card)", source=path)
    try:
        return ModelCard(**json.loads(text))
    except (ValidationError, TypeError, ValueError) as error:
        raise InputError("its card cannot be read; it may come from a newer version", source=path) from error


def load_checkpoint(path: Path) -> LoadedModel:
    """Build the network that a checkpoint's card names and fill it.

    Raises
    ------
    InputError
        If the file is missing, is no checkpoint, or its weights do not fit or are not finite.
    """
    card = read_card(path)
    model = build_generator(card.generator, card.preset)
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    try:
        model.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in weights.items()})
    except RuntimeError as error:
        raise InputError(f"its weights do not fit a {card.preset} {card.generator} network", source=path) from error
    if not all_finite(weights.values()):
        raise InputError(
            "holds weights that are NaN or infinite: its training failed, use another network", source=path
        )
    return LoadedModel(model.eval().to(memory_format=torch.channels_last), card)


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether no tensor holds NaN or infinity."""
    return all(bool(torch.isfinite(value).all()) for value in tensors)


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card for people beside the checkpoint at `path`."""
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    write_atomically(card_path(path), text.encode())


def card_path(path: Path) -> Path:
    """Where the readable copy of a checkpoint's card lies."""
    return path.with_name(path.name.removesuffix(".safetensors") + ".card.yaml")
