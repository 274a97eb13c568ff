"""The network of the error map: its input has no direction, and its loss finds the quantiles."""

import numpy as np
import torch

from napari_contransgan.models.error_network import (
    CONTEXT,
    PLANES,
    QUANTILES,
    ErrorNetwork,
    log_sigma,
    planes_of,
    quantile_loss,
)


def test_turning_the_image_turns_the_planes() -> None:
    torch.manual_seed(0)
    contrast, phase, size = torch.randn(2, 1, 32, 48), torch.randn(2, 1, 32, 48), torch.tensor([0.65, 0.325])
    planes = planes_of(contrast, phase, size)
    assert planes.shape == (2, PLANES, 8, 12)
    turned = planes_of(contrast.rot90(1, (2, 3)).flip(3), phase.rot90(1, (2, 3)).flip(3), size)
    torch.testing.assert_close(turned, planes.rot90(1, (2, 3)).flip(3))


def test_the_network_answers_for_every_block() -> None:
    assert ErrorNetwork()(torch.zeros(3, PLANES, 8, 12), torch.zeros(3, CONTEXT)).shape == (3, 2, 8, 12)


def test_the_loss_is_least_at_the_quantiles_of_the_error() -> None:
    error = torch.from_numpy(np.random.default_rng(0).normal(0, 0.3, 200_000).astype(np.float32))[None, None, None]
    quantiles = np.log(np.quantile(np.abs(error.numpy()), QUANTILES))
    best = torch.tensor(quantiles, dtype=torch.float32)[None, :, None, None]
    least = quantile_loss(best, error)
    for change in (0.1, -0.1):
        assert quantile_loss(best + change, error) > least
    assert abs(float(torch.exp(log_sigma(best))) - 0.3) < 0.005
