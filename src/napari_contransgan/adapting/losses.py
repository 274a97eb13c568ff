"""The loss of an adaptation: TIE labels are weighted, and compared only at scales where TIE is reliable."""

import math

import torch
from torch.nn import functional

from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

GRADIENT_WEIGHT = 0.2
BLUR_OF_PIXEL = 1.5
"""Standard deviation of the blur before maps are compared, in camera pixels. A well-sampled lens does not resolve
finer structure, and its TIE phase does not show it."""
LEAST_BLUR_PX = 1.0


def blur_px(pixel_size_um: float) -> float:
    """Return the blur on the model's grid for a label from pixels of this size."""
    return max(LEAST_BLUR_PX, BLUR_OF_PIXEL * pixel_size_um / MODEL_PIXEL_SIZE_UM)


def label_loss(
    output: torch.Tensor, label: torch.Tensor, weight: torch.Tensor, sigma_px: float, has_zero: torch.Tensor
) -> torch.Tensor:
    """Return the weighted L1 of the blurred difference and of its gradient, for (B, 1, H, W) in reference phases.

    Parameters
    ----------
    output, label, weight : Tensor
        Phase from the network, phase from TIE, and the reliability of the latter.
    sigma_px : float
        Standard deviation of the blur.
    has_zero : Tensor of bool, shape (B,)
        Whether the label's zero is known; other images are compared up to a constant.
    """
    total = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    difference = blurred(output - label, sigma_px)
    offset = (difference * weight).sum(dim=(2, 3), keepdim=True) / total
    difference = difference - torch.where(has_zero[:, None, None, None], torch.zeros_like(offset), offset)
    level = (difference.abs() * weight).sum() / total.sum()
    both_y, both_x = weight[..., 1:, :] * weight[..., :-1, :], weight[..., 1:] * weight[..., :-1]
    slopes = (difference.diff(dim=-2).abs() * both_y).sum() + (difference.diff(dim=-1).abs() * both_x).sum()
    return level + GRADIENT_WEIGHT * slopes / total.sum()


def blurred(values: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """Return the Gaussian blur of (B, 1, H, W), with the edges continued."""
    reach = math.ceil(3 * sigma_px)
    place = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (place / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(values, (reach, reach, reach, reach), mode="replicate")
    along = functional.conv2d(padded, kernel[None, None, None, :])
    return functional.conv2d(along, kernel[None, None, :, None])
