"""Losses. Phases are in units of the reference phase, contrasts in units of the reference contrast."""

import torch
from torch.nn import functional

SSIM_WINDOW = 7
SSIM_WEIGHT, GRADIENT_WEIGHT, BACKGROUND_WEIGHT = 0.2, 0.1, 0.5
BACKGROUND_RAD = 0.02


def supervised_loss(output: torch.Tensor, label: torch.Tensor, phase_ref_rad: float) -> torch.Tensor:
    """Return the supervised loss of (B, 1, H, W) maps in units of phase_ref.

    It is L1 + 0.2 (1 - SSIM) + 0.1 L1 of the gradient + 0.5 mean |background|. The last term is the mean output of
    each image where the label is empty; it keeps the offset at zero.
    """
    empty = (label.abs() < BACKGROUND_RAD / phase_ref_rad).float()
    bias = (output * empty).sum(dim=(1, 2, 3)) / empty.sum(dim=(1, 2, 3)).clamp(min=1)
    return (
        functional.l1_loss(output, label)
        + SSIM_WEIGHT * (1 - ssim(output, label, 4.0 / phase_ref_rad))
        + GRADIENT_WEIGHT * gradient_l1(output, label)
        + BACKGROUND_WEIGHT * bias.abs().mean()
    )


def gradient_l1(output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of two images' finite differences."""
    difference = output - label
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


def ssim(a: torch.Tensor, b: torch.Tensor, data_range: float) -> torch.Tensor:
    """Return the mean structural similarity with a uniform 7 x 7 window (Wang et al. 2004)."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    means = functional.avg_pool2d(torch.cat([a, b, a * a, b * b, a * b], dim=1), SSIM_WINDOW, stride=1)
    mu_a, mu_b, aa, bb, ab = means.unbind(dim=1)
    variance_a, variance_b, covariance = aa - mu_a**2, bb - mu_b**2, ab - mu_a * mu_b
    index = ((2 * mu_a * mu_b + c1) * (2 * covariance + c2)) / (
        (mu_a**2 + mu_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return index.mean()


def lsgan_generator(verdict_on_made: torch.Tensor) -> torch.Tensor:
    """Return a generator's least-squares loss: its images should score 1 (Mao et al. 2017; the paper's Eq. 5)."""
    return (verdict_on_made - 1).square().mean()


def lsgan_discriminator(verdict_on_real: torch.Tensor, verdict_on_made: torch.Tensor) -> torch.Tensor:
    """Return a discriminator's least-squares loss: 1 for real images, 0 for generated ones, halved as usual."""
    return 0.5 * ((verdict_on_real - 1).square().mean() + verdict_on_made.square().mean())


def gradient_penalty(verdict_on_real: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return R1, the squared gradient of a discriminator's mean output, over images (Mescheder et al. 2018).

    Parameters
    ----------
    verdict_on_real : Tensor, shape (B, 1, h, w)
        Computed from `real`.
    real : Tensor, shape (B, 1, H, W)
        Requires a gradient.
    """
    total = verdict_on_real.mean(dim=(1, 2, 3)).sum()
    (gradient,) = torch.autograd.grad(total, real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
