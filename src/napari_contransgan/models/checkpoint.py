"""Read and write checkpoints: weights as safetensors, with a card on their training, scores and limits."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from safetensors.torch import save
from torch import nn

from napari_contransgan.config import GeneratorName, PresetName
from napari_contransgan.config.base import reason_of
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.models.optics_aware import told_weights
from napari_contransgan.models.registry import build_generator, expected_weights
from napari_contransgan.models.tensor_file import Header, Stored, TensorFileError, read_header, read_tensors
from napari_contransgan.models.tile_gain import TileGain
from napari_contransgan.optics import (
    DEFAULT_WAVELENGTH_UM,
    LEAST_PHASE_REF_RAD,
    MODEL_PIXEL_SIZE_UM,
    MOST_PHASE_REF_RAD,
    PLAUSIBLE_PIXEL_SIZE_UM,
    PLAUSIBLE_WAVELENGTH_UM,
    KnownOptics,
)
from napari_contransgan.plain_files import plain_json

CARD_KEY = "napari-contransgan-card"
ADAPTED = "adapted"
"""Key of the card's settings that only adapted networks have."""
ERROR_FACTOR = "error_factor"
"""Key, within it, of the factor for the error map."""

PlausiblePixelSize = Annotated[float, Field(ge=PLAUSIBLE_PIXEL_SIZE_UM[0], le=PLAUSIBLE_PIXEL_SIZE_UM[1])]


class ModelCard(BaseModel):
    """Description of a network: what a user must know before trusting it.

    Parameters
    ----------
    name, description : str
        Short name, and the purpose of the network in one or two sentences.
    generator, preset : str
        Architecture and size.
    takes_optics : bool
        Whether the network can be told the optics of an image.
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
    tile_gain : TileGain or None
        Factor for the phase of each tile, of networks that were adapted to several focus positions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    name: str
    description: str = ""
    generator: GeneratorName
    preset: PresetName
    takes_optics: bool = False
    pixel_size_um: float = MODEL_PIXEL_SIZE_UM
    phase_ref_rad: float = Field(ge=LEAST_PHASE_REF_RAD, le=MOST_PHASE_REF_RAD)
    wavelength_um: float = Field(DEFAULT_WAVELENGTH_UM, ge=PLAUSIBLE_WAVELENGTH_UM[0], le=PLAUSIBLE_WAVELENGTH_UM[1])
    input_pixel_sizes_um: tuple[PlausiblePixelSize, ...] = ()
    optics: str = ""
    data: str = ""
    recipe: str = ""
    steps: int = Field(0, ge=0)
    figures: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)
    limits: str = ""
    program_version: str = ""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    tile_gain: TileGain | None = None

    @field_validator("figures", mode="before")
    @classmethod
    def _finite_figures(cls, figures: Any) -> Any:
        # JSON has no NaN: it would be read back as null, and the card would be invalid.
        if not isinstance(figures, Mapping) or not all(isinstance(scores, Mapping) for scores in figures.values()):
            return figures  # refused by its type
        return {
            title: {name: value for name, value in scores.items() if _is_score(value)}
            for title, scores in figures.items()
        }

    @field_validator("pixel_size_um")
    @classmethod
    def _must_be_the_grid(cls, value: float) -> float:
        if not math.isclose(value, MODEL_PIXEL_SIZE_UM):
            raise ValueError(f"{value:g} um is not the grid of {MODEL_PIXEL_SIZE_UM:g} um of all networks")
        return value

    @model_validator(mode="after")
    def _must_agree_with_its_settings(self) -> Self:
        for name in ("generator", "preset", "phase_ref_rad"):
            stated, trained = getattr(self, name), self.settings.get(name)
            if trained is not None and trained != stated:
                raise ValueError(f"{name} is {stated}, but the network was trained with {trained}")
        return self


def _is_score(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


@dataclass(frozen=True)
class LoadedModel:
    """A network with its card.

    Parameters
    ----------
    source : Module or mapping of str to Tensor
        The network, or the weights from which it is built when it is first needed.
    card : ModelCard
        Its card.
    ready : dict
        Prepared versions from `napari_contransgan.models.running`, by tile side and number of threads.
    told_last : dict
        The network as `told` returned it last, by what it was told.
    """

    source: nn.Module | Mapping[str, torch.Tensor]
    card: ModelCard
    ready: dict[tuple[int, int], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    told_last: dict[KnownOptics, "LoadedModel"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def told(self, known: KnownOptics) -> "LoadedModel":
        """Return the network for images that were taken in this way; itself if it cannot be told anything.

        The last one is kept, with all that was prepared for it.
        """
        if not self.card.takes_optics:
            return self
        if known not in self.told_last:
            self.told_last.clear()
            card = self.card.model_copy(update={"takes_optics": False})
            self.told_last[known] = LoadedModel(told_weights(self.weights, known), card)
        return self.told_last[known]

    @cached_property
    def model(self) -> nn.Module:
        """Return the network."""
        if isinstance(self.source, nn.Module):
            return self.source
        with torch.inference_mode(mode=False):  # wherever it is first needed, it can be trained
            built = build_generator(self.card.generator, self.card.preset, takes_optics=self.card.takes_optics)
            built.load_state_dict(self.source)
            return built.eval().to(memory_format=torch.channels_last)

    @property
    def is_built(self) -> bool:
        """Return whether the network is at hand, and not its weights alone."""
        return isinstance(self.source, nn.Module) or "model" in self.__dict__

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """Return the weights of the network."""
        return self.source.state_dict() if isinstance(self.source, nn.Module) else self.source


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
        Type of the stored floating-point weights; those that are too large for it keep their own.
    """
    tensors = {name: _stored(value.detach(), dtype).cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(path, save(tensors, {CARD_KEY: card.model_dump_json()}))
    write_card(path, card)


def _stored(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor in a type that holds its values: the variances of norms can exceed half precision."""
    if not value.is_floating_point() or bool((value.abs() > torch.finfo(dtype).max).any()):
        return value
    return value.to(dtype)


def read_card(path: Path) -> ModelCard:
    """Read a checkpoint's card without its weights.

    Raises
    ------
    InputError
        If the file is missing or is not a checkpoint.
    """
    try:
        return _card_of(path, read_header(path))
    except TensorFileError as error:
        raise InputError(f"is not a checkpoint of this program (no safetensors file: {error})", source=path) from error


def _card_of(path: Path, header: Header) -> ModelCard:
    text = header.texts.get(CARD_KEY)
    if text is None:
        raise InputError("is not a checkpoint of this program (it carries no card)", source=path)
    try:
        return ModelCard.model_validate(plain_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise InputError(
            f"its card cannot be used ({where}: {reason_of(first)}): if it comes from a newer version, update "
            "napari-contransgan",
            source=path,
        ) from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"its card cannot be read ({error}): use another network", source=path) from error


def load_checkpoint(path: Path) -> LoadedModel:
    """Read a checkpoint's card and weights from one copy of the file, and check that they belong together.

    Raises
    ------
    InputError
        If the file is missing or is not a checkpoint, or if its weights do not fit or are not finite.
    """

    def check(header: Header) -> None:
        card = _card_of(path, header)
        check_fit(header.tensors, expected_weights(card.generator, card.preset, takes_optics=card.takes_optics))

    try:
        header, weights = read_tensors(path, check)
    except TensorFileError as error:
        raise InputError(f"is not a checkpoint of this program (no safetensors file: {error})", source=path) from error
    except WeightsDoNotFitError as error:
        raise InputError(f"its weights do not fit the network that its card names: {error}", source=path) from error
    card = _card_of(path, header)
    if not all_finite(weights.values()):
        raise InputError(
            "holds weights that are NaN or infinite: its training failed, use another network", source=path
        )
    return LoadedModel(weights, card)


class WeightsDoNotFitError(ValueError):
    """The tensors of a file are not those of a network."""


def check_fit(stored: Mapping[str, Stored], expected: Mapping[str, torch.Tensor]) -> None:
    """Raise an error if a file does not hold exactly the tensors of a network, before they are read.

    Raises
    ------
    WeightsDoNotFitError
        Naming the first tensor that is missing, left over, or of another shape or kind.
    """
    for name in sorted(stored.keys() ^ expected.keys()):
        raise WeightsDoNotFitError(f"{name} is {'missing' if name in expected else 'not part of it'}")
    for name, one in stored.items():
        wanted = expected[name]
        if one.shape != tuple(wanted.shape) or one.dtype.is_floating_point != wanted.is_floating_point():
            shape, wanted_shape = ("x".join(map(str, shape)) or "one number" for shape in (one.shape, wanted.shape))
            raise WeightsDoNotFitError(f"{name} is {one.dtype} {shape} instead of {wanted.dtype} {wanted_shape}")


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
