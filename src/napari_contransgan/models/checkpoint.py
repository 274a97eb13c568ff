"""Read and write checkpoints: weights as safetensors, with a card on their training, scores and limits."""

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
ADAPTED = "adapted"
"""Key of the card's settings that only adapted networks have."""
ERROR_FACTOR = "error_factor"
"""Key, within it, of the factor for the error map."""


class ModelCard(BaseModel):
    """Description of a network: what a user must know before trusting it.

    Parameters
    ----------
    name, description : str
        Short name, and the purpose of the network in one or two sentences.
    generator, preset : str
        Architecture and size.
    pixel_size_um : float
        Grid of input and output.
    phase_ref_rad : float
        Phase that an output of 1 represents.
    wavelength_um : float
        Vacuum wavelength to which the phase refers.
    input_pixel_sizes_um : tuple of float
        Pixel sizes of the frames it was trained on.
    optics, data, recipe : str
        How the images were taken, what they show, and how the network was trained.
    steps : int
        Number of training steps.
    figures : mapping
        Scores on held-out data, by the name of the data; scores that are not finite are left out.
    limits : str
        Conditions under which the network fails.
    program_version : str
        Version of the program that wrote the file.
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
        # JSON has no NaN: it would be read back as null, and the card would be invalid.
        return {
            title: {name: value for name, value in scores.items() if value is not None and math.isfinite(value)}
            for title, scores in figures.items()
        }


@dataclass(frozen=True)
class LoadedModel:
    """A network with its card.

    Parameters
    ----------
    model : Module
        The network.
    card : ModelCard
        Its card.
    ready : dict
        Prepared versions from `napari_contransgan.models.running`, by tile side and number of threads.
    """

    model: nn.Module
    card: ModelCard
    ready: dict[tuple[int, int], Any] = field(default_factory=dict, init=False, repr=False, compare=False)


def save_checkpoint(path: Path, model: nn.Module, card: ModelCard, dtype: torch.dtype = torch.float16) -> None:
    """Write weights and card atomically, and a readable copy of the card as ``NAME.card.yaml``.

    Parameters
    ----------
    path : Path
        A path that ends in ``.safetensors``.
    model : Module
        The generator named in the card.
    card : ModelCard
        Its card.
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
        If the file is missing or is not a checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(CARD_KEY)
    except FileNotFoundError:
        raise InputError("there is no such checkpoint: check the path", source=path) from None
    except (SafetensorError, OSError) as error:
        raise InputError("is not a checkpoint of this program (no safetensors file)", source=path) from error
    if text is None:
        raise InputError("is not a checkpoint of this program (it carries no card)", source=path)
    try:
        return ModelCard(**json.loads(text))
    except (ValidationError, TypeError, ValueError) as error:
        raise InputError(
            "its card cannot be read: if it comes from a newer version, update napari-contransgan", source=path
        ) from error


def load_checkpoint(path: Path) -> LoadedModel:
    """Build the network named in a checkpoint's card, and load its weights.

    Raises
    ------
    InputError
        If the file is missing or is not a checkpoint, or if its weights do not fit or are not finite.
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
    """Return whether no tensor contains NaN or infinity."""
    return all(bool(torch.isfinite(value).all()) for value in tensors)


def write_card(path: Path, card: ModelCard) -> None:
    """Write a readable copy of a card next to the checkpoint at `path`."""
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    write_atomically(card_path(path), text.encode())


def card_path(path: Path) -> Path:
    """Return the path of the readable copy of a checkpoint's card."""
    return path.with_name(path.name.removesuffix(".safetensors") + ".card.yaml")
