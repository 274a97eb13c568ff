"""A history of generated images for the discriminators (Shrivastava et al. 2017)."""

import numpy as np
import torch


class ImagePool:
    """A pool of up to `size` images; half of the time it returns an old image and stores the new one instead."""

    def __init__(self, size: int, images: torch.Tensor | None = None) -> None:
        self.size = size
        self.images = images

    def exchange(self, batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Store a (B, 1, H, W) batch and return one of the same shape, mixed from new and old images.

        `images` becomes a new tensor, so that a caller who kept the former one can restore it.
        """
        if self.size == 0:
            return batch
        self.images = None if self.images is None else self.images.clone()
        given = []
        for image in batch.detach():
            count = 0 if self.images is None else self.images.shape[0]
            if self.images is None or count < self.size:
                self.images = image[None].clone() if self.images is None else torch.cat([self.images, image[None]])
                given.append(image)
            elif rng.random() < 0.5:
                slot = int(rng.integers(count))
                given.append(self.images[slot].clone())
                self.images[slot] = image
            else:
                given.append(image)
        return torch.stack(given)
