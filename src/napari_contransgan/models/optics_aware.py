"""A generator that can be told how an image was taken: aperture, condenser and focus change the scale of its features.

One frame leaves open how much contrast a radian makes: focus and condenser decide it. What is known of them goes
through a small network, whose outputs multiply and shift the result of each batch normalisation and of the last layer
(feature-wise linear modulation, Perez et al. 2018). These factors are the same everywhere in an image, so they merge
into the weights: told the optics, the generator is a plain one, and takes no longer.
"""

import math
from collections.abc import Mapping

import torch
from torch import nn

from napari_contransgan.optics import KnownOptics

NUMBERS = 6
"""Inputs of the small network: three values, each followed by 1 if it is known and 0 otherwise."""
HIDDEN = 64
GAIN = 10.0
"""Factor of its outputs: it begins with no changes, and should learn them sooner than the generator forgets."""
NETWORK, CHANGES = "network.", "changes."
"""Beginnings of the names of the generator's weights and of those of the small network."""
APERTURES, COHERENCES, FOCUS_DEPTHS = (0.08, 0.8), (0.25, 1.1), (-1.5, 1.5)
"""Ranges that the small network can be told: NA, S, and the focus in wavelength / NA^2."""
MEAN, LAST = ".running_mean", "head.conv.weight"

Weights = Mapping[str, torch.Tensor]


class OpticsAware(nn.Module):
    """A generator, and the small network that changes its scale.

    Untrained, it draws the same whatever it is told.

    Parameters
    ----------
    network : Module
        The generator.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.layers = changed_layers(network.state_dict())
        self.changes = _small_network(self.layers)

    def forward(self, image: torch.Tensor, known: torch.Tensor | None = None) -> torch.Tensor:
        """Map (B, 1, H, W) to the same shape; H and W must be multiples of 32.

        Parameters
        ----------
        image : Tensor, shape (B, 1, H, W)
            Contrast.
        known : Tensor, shape (B, 6), optional
            What `numbers_of` returns for each image; None if nothing is known of any.
        """
        if known is None:
            known = image.new_zeros(len(image), NUMBERS)
        kinds, kind_of = torch.unique(known, dim=0, return_inverse=True)
        members = [torch.nonzero(kind_of == number).flatten() for number in range(len(kinds))]
        weights = dict(self.network.named_parameters())
        with torch.autocast(image.device.type, enabled=False):
            changed = [_changed(weights, self.layers, changes) for changes in self.changes(kinds.float())]
        outputs = [
            torch.func.functional_call(self.network, changed_weights, (image[of],))
            for changed_weights, of in zip(changed, members, strict=True)
        ]
        return torch.cat(outputs)[torch.argsort(torch.cat(members))]


def _small_network(layers: Mapping[str, int]) -> nn.Sequential:
    """Build the small network of a generator in which these layers are changed."""
    last = nn.Linear(HIDDEN, sum(2 * count for count in layers.values()))
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(NUMBERS, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), last)


def expected_aware(weights: Weights) -> dict[str, torch.Tensor]:
    """Return the names, shapes and types of the weights of an `OpticsAware` network, as tensors without memory.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Those of its generator.
    """
    with torch.device("meta"):
        small = _small_network(changed_layers(weights)).state_dict()
    own = {f"{NETWORK}{name}": value for name, value in weights.items()}
    return own | {f"{CHANGES}{name}": value for name, value in small.items()}


def changed_layers(weights: Weights) -> dict[str, int]:
    """Return the names of the layers of a generator that are changed, in order, and their numbers of channels.

    The order is that of the outputs of the small network. A file has its weights in another order than a generator.
    """
    norms = {name.removesuffix(MEAN) for name in weights if name.endswith(MEAN)}
    last = {name.removesuffix(".weight") for name in weights if name.endswith(LAST)}
    return {layer: len(weights[f"{layer}.weight"]) for layer in sorted(norms | last)}


def numbers_of(known: KnownOptics) -> torch.Tensor:
    """Return what is known as the inputs of the small network; shape (6,).

    The focus is in units of wavelength / NA^2, so it counts only if the aperture is known. Values out of range are
    replaced by the nearest one, but an aperture out of range counts as unknown.
    """
    values = [0.0] * NUMBERS
    if is_known_aperture(known):
        values[0:2] = math.log2((known.numerical_aperture or 1) / 0.25), 1.0
    if known.coherence is not None:
        values[2:4] = (nearest(known.coherence, COHERENCES) - 0.6) / 0.3, 1.0
    depths = known.focus_depths
    if depths is not None and is_known_aperture(known):
        values[4:6] = 2 * nearest(depths, FOCUS_DEPTHS), 1.0
    return torch.tensor(values)


def is_known_aperture(known: KnownOptics) -> bool:
    """Return whether the aperture is known and within its range."""
    return known.numerical_aperture is not None and APERTURES[0] <= known.numerical_aperture <= APERTURES[1]


def nearest(value: float, span: tuple[float, float]) -> float:
    """Return the value in a range that is nearest to another one."""
    return min(max(value, span[0]), span[1])


def told_weights(weights: Weights, known: KnownOptics) -> dict[str, torch.Tensor]:
    """Return the weights of the plain generator that a generator of this kind becomes when it is told the optics.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Weights of an `OpticsAware` network.
    known : KnownOptics
        What is known.
    """
    own, stored = _part(weights, NETWORK), _part(weights, CHANGES)
    layers = changed_layers(own)
    with torch.device("meta"):  # it gets its weights from the file, and needs no random ones
        small = _small_network(layers)
    small.load_state_dict({name: value.float() for name, value in stored.items()}, assign=True)
    with torch.no_grad():
        return own | _changed(own, layers, small(numbers_of(known)))


def _part(weights: Weights, beginning: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(beginning): value for name, value in weights.items() if name.startswith(beginning)}


def _changed(weights: Weights, layers: Mapping[str, int], changes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the changed weights and biases of the layers."""
    found: dict[str, torch.Tensor] = {}
    pieces = iter(torch.split(changes, [count for count in layers.values() for _ in range(2)]))
    for layer in layers:
        factor, shift = 1 + GAIN * next(pieces), GAIN * next(pieces)
        weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        found[f"{layer}.weight"] = weight * factor.view(-1, *[1] * (weight.dim() - 1))
        found[f"{layer}.bias"] = bias * factor + shift
    return found
