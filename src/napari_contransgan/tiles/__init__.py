"""Tiles of a frame: a grid for training, overlapping tiles for prediction, and weights for blending them."""

from napari_contransgan.tiles.files import TRAINING_CROP_PX, crop_tiles, save_tiles, training_notes, write_tiles
from napari_contransgan.tiles.geometry import Tile, blend_shares, blend_window, cover, partition

__all__ = [
    "TRAINING_CROP_PX",
    "Tile",
    "blend_shares",
    "blend_window",
    "cover",
    "crop_tiles",
    "partition",
    "save_tiles",
    "training_notes",
    "write_tiles",
]
