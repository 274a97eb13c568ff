"""A small network that looks at an image and the phase predicted from it, and says how large the error is.

It sees no features of the network that made the phase, so it works for each of them and costs a twentieth of a
prediction. It computes on blocks of 4 x 4 pixels and answers with two quantiles of the absolute error, whose spread
`napari_contransgan.inference.error_map` turns into one calibrated standard deviation.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

BLOCK_PX = 4
"""Side of the blocks on which it computes; sides of its input are multiples of it."""
PLANES = 8
WIDTH = 24
DILATIONS = (1, 1, 2, 4, 8, 1)
CONTEXT = 45
"""Numbers that describe the image; see `napari_contransgan.inference.unusual.context_of`."""
TOLD = (0, 3)
"""Layers to whose planes the description is added."""
QUANTILES = (0.683, 0.954)
"""Fractions of a normal distribution within one and two standard deviations."""
LEAST_RAD = 1e-4


class ErrorNetwork(nn.Module):
    """Maps (B, `PLANES`, H, W) and a description of the image, (B, `CONTEXT`), to the logarithms of the two quantiles.

    The description is added to the planes of two layers, so that the same detail can mean another error in another
    kind of image.
    """

    def __init__(self) -> None:
        super().__init__()
        sides = (PLANES, *[WIDTH] * (len(DILATIONS) - 1))
        self.layers = nn.ModuleList(
            nn.Conv2d(before, WIDTH, 3, padding=dilation, dilation=dilation, padding_mode="replicate")
            for before, dilation in zip(sides, DILATIONS, strict=True)
        )
        self.context = nn.Sequential(
            nn.Linear(CONTEXT, WIDTH), nn.LeakyReLU(0.1), nn.Dropout(0.2), nn.Linear(WIDTH, len(TOLD) * WIDTH)
        )
        self.head = nn.Conv2d(WIDTH, len(QUANTILES), 1)

    def forward(self, planes: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the quantiles of each block, (B, 2, H, W)."""
        told = dict(zip(TOLD, self.context(context)[:, :, None, None].chunk(len(TOLD), dim=1), strict=True))
        values = planes
        for number, layer in enumerate(self.layers):
            values = layer(values)
            values = functional.leaky_relu(values + told[number] if number in told else values, 0.1)
        output: torch.Tensor = self.head(values)
        return output


def planes_of(contrast: torch.Tensor, phase_rad: torch.Tensor, pixel_size_um: torch.Tensor) -> torch.Tensor:
    """Return the input of the network.

    Parameters
    ----------
    contrast, phase_rad : Tensor, shape (B, 1, H, W)
        Input and output of the network that predicts; H and W are multiples of `BLOCK_PX`.
    pixel_size_um : Tensor, shape (B,)
        Pixel sizes of the frames.

    Returns
    -------
    Tensor, shape (B, PLANES, H / BLOCK_PX, W / BLOCK_PX)
        Mean, spread and largest step of contrast and of phase in each block, how much the phase changes across it,
        and the pixel size, all of the order of 1.
    """
    planes: list[torch.Tensor] = []
    for values, unit in ((contrast, 1.0), (phase_rad, 1.0)):
        mean = functional.avg_pool2d(values, BLOCK_PX)
        square = functional.avg_pool2d(values * values, BLOCK_PX)
        spread = (square - mean * mean).clamp(min=0).sqrt()
        largest = functional.max_pool2d(values.abs(), BLOCK_PX)
        planes += [_compressed(mean / unit), torch.log(spread + 0.003) / 2 + 1, torch.log(largest + 0.01) / 2]
    steps = functional.avg_pool2d(phase_rad, BLOCK_PX)
    padded = functional.pad(steps, (1, 1, 1, 1), mode="replicate")
    dy, dx = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1], padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    planes.append(torch.log((dy * dy + dx * dx).sqrt() + 0.01) / 2 + 1)
    size = torch.log2(pixel_size_um / MODEL_PIXEL_SIZE_UM).clamp(-1.5, 2.5)
    planes.append((size / 2)[:, None, None, None].expand_as(steps))
    return torch.cat(planes, dim=1)


def full_size(values: torch.Tensor) -> torch.Tensor:
    """Magnify maps of blocks to maps of pixels."""
    return functional.interpolate(values, scale_factor=float(BLOCK_PX), mode="bilinear", align_corners=False)


def quantile_loss(log_quantiles: torch.Tensor, error_rad: torch.Tensor) -> torch.Tensor:
    """Return the pinball loss of the logarithm of the absolute error (Koenker and Bassett 1978).

    Parameters
    ----------
    log_quantiles : Tensor, shape (B, 2, H, W)
        Predicted logarithms of the `QUANTILES`.
    error_rad : Tensor, shape (B, 1, H, W)
        True errors.
    """
    beyond = torch.log(error_rad.abs() + LEAST_RAD) - log_quantiles
    levels = torch.tensor(QUANTILES, device=beyond.device)[None, :, None, None]
    return torch.maximum(levels * beyond, (levels - 1) * beyond).mean()


def log_sigma(log_quantiles: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the standard deviation that fits both quantiles best, shape (B, 1, H, W)."""
    return (log_quantiles[:, :1] + log_quantiles[:, 1:] - math.log(2)) / 2


def _compressed(values: torch.Tensor) -> torch.Tensor:
    return torch.asinh(values * 3) / 3


def state_of(network: ErrorNetwork) -> dict[str, Any]:
    """Return the weights for a file."""
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
