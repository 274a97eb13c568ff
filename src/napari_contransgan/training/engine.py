"""The devices and processes that a run is computed on: Lightning Fabric, alone or under ``torchrun``."""

import contextlib
import inspect
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.compute import choose_device

Parts = Sequence[Sequence[int]]
"""Indices of the images of a batch that a process computes, part by part."""


@dataclass(frozen=True)
class Engine:
    """Everything a step needs to be computed by one or several processes.

    Every process holds the same weights, averages and image pools; gradients are averaged by torch's
    DistributedDataParallel, everything else here.

    Parameters
    ----------
    fabric : Fabric
        Processes and device.
    parts : sequence of sequence of int
        This process's images of each batch.
    wrapped : mapping of str to Module
        The trained networks, as set up by Fabric: gradients are averaged only through these.
    """

    fabric: Fabric
    parts: Parts
    wrapped: Mapping[str, nn.Module]

    @property
    def items(self) -> list[int]:
        """Return the indices of the images of each batch that this process computes, over all parts."""
        return [item for part in self.parts for item in part]

    @property
    def device(self) -> torch.device:
        """Return the device of this process."""
        return self.fabric.device

    @property
    def is_first(self) -> bool:
        """Return whether this process writes the files."""
        return self.fabric.is_global_zero

    @property
    def processes(self) -> int:
        """Return how many processes share the work."""
        return self.fabric.world_size

    @contextlib.contextmanager
    def gathering(self, names: Sequence[str], part: int) -> Iterator[None]:
        """Leave gradients unaveraged within all parts of a batch but the last, which averages their sum."""
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(
                    self.fabric.no_backward_sync(self.wrapped[name], enabled=part < len(self.parts) - 1)  # type: ignore[arg-type]
                )
            yield

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean over the processes."""
        return self._reduced(values, "mean")

    def all_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images of all processes in the order of the batch; shape (B, 1, H, W) from (b, 1, H, W)."""
        if self.processes == 1:
            return images
        own = len(images)
        whole = images.new_zeros((own * self.processes, *images.shape[1:]))
        whole[self.fabric.global_rank * own : (self.fabric.global_rank + 1) * own] = images
        return self._reduced(whole, "sum")

    def own_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images of this process out of a whole batch."""
        return images[self.items]

    def average_statistics(self, networks: nn.ModuleDict) -> None:
        """Set the norms of every process to the mean of their statistics over all processes."""
        if self.processes == 1:
            return
        values = [value for name, value in networks.named_buffers() if value.is_floating_point()]
        averaged = self.mean(torch.cat([value.flatten() for value in values]))
        means = torch.split(averaged, [value.numel() for value in values])
        for value, mean in zip(values, means, strict=True):
            value.copy_(mean.view_as(value))

    def greatest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        return int(self._reduced(torch.tensor(number, device=self.device), "max"))

    def _reduced(self, values: torch.Tensor, operation: str) -> torch.Tensor:
        if self.processes == 1:
            return values
        reduced = self.fabric.all_reduce(values, reduce_op=operation)
        assert isinstance(reduced, torch.Tensor)  # noqa: S101 - one goes in
        return reduced

    def wait(self) -> None:
        """Wait until every process reaches this point."""
        self.fabric.barrier()


def start_fabric(settings: TrainSettings) -> Fabric:
    """Join the processes that ``torchrun`` started, or run as the only one.

    Raises
    ------
    InputError
        If the device is not available.
    """
    device = choose_device(settings.device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces each process
    if count == 1:
        fabric = Fabric(accelerator=device.type, devices=1)
    else:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", str(count)))
        warnings.filterwarnings("ignore", message="Grad strides do not match")  # of single-channel weights; harmless
        # Newer versions of torch have another name for it.
        takes = inspect.signature(DistributedDataParallel.__init__).parameters
        left_alone: dict[str, Any] = {
            "forward_sync_buffers" if "forward_sync_buffers" in takes else "broadcast_buffers": False
        }
        strategy = DDPStrategy(**left_alone)
        fabric = Fabric(accelerator=device.type, devices=here, num_nodes=count // here, strategy=strategy)
    fabric.launch()
    return fabric


def make_engine(fabric: Fabric, networks: nn.ModuleDict, settings: TrainSettings) -> Engine:
    """Divide the batches and set up the networks.

    Raises
    ------
    InputError
        If a batch cannot be divided evenly.
    """
    pieces = fabric.world_size * settings.accumulate
    if settings.batch_size % pieces:
        raise InputError(
            f"training: a batch of {settings.batch_size} cannot be divided evenly among {fabric.world_size} processes "
            f"in {settings.accumulate} parts each; make batch_size a multiple of {pieces}"
        )
    each = settings.batch_size // pieces
    first = fabric.global_rank * settings.accumulate
    parts = [range((first + k) * each, (first + k + 1) * each) for k in range(settings.accumulate)]
    trained = {name: network for name, network in networks.items() if name != "ema"}
    wrapped = {name: fabric.setup_module(network, move_to_device=False) for name, network in trained.items()}
    return Engine(fabric, parts, wrapped)
