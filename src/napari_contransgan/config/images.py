"""Settings of what is done to images: cutting into tiles, predicting."""

from typing import Self

from pydantic import Field, model_validator

from napari_contransgan.config.names import DeviceName, EngineName, PrecisionName
from napari_contransgan.settings import Settings

TILE_UNIT_PX = 224
"""Tiles for inference are multiples of this: 4 px patches, 7 x 7 windows and three mergings come out even."""


class TileSettings(Settings):
    """How a frame is divided into sub-tiles.

    Parameters
    ----------
    rows, columns : int
        The grid; 4 x 4 brings a 10x frame to the field of view of a 40x frame.
    overlap_px : int
        How far neighbouring tiles reach into each other.
    """

    rows: int = Field(4, ge=1)
    columns: int = Field(4, ge=1)
    overlap_px: int = Field(0, ge=0)


class PredictSettings(Settings):
    """How a network is applied to an image.

    Parameters
    ----------
    model : str
        Name of a bundled network, or the path of a checkpoint.
    pixel_size_um : float or None
        Pixel size of the input; None takes the file's.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    engine : {"auto", "onnx", "pytorch"}
        What computes; ``auto`` takes ONNX Runtime where it is installed, knows the network and saves time, otherwise
        PyTorch. In fp32 both give the same phase to 1e-5 rad.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` is fp32 on every machine, unless the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` says
        otherwise; bf16, by PyTorch alone, takes less time on processors that have it in hardware.
    threads : int or None
        CPU threads; None leaves the choice to `napari_contransgan.threads.threads_to_predict`.
    tile_px, overlap_px : int
        Tile side and overlap on the model's grid. Tiles are multiples of 224 px, for which attention windows of 7 x 7
        tokens come out even at every stage, as in training; with others the network's answer shifts.
    trust : bool
        Predict each tile in eight orientations, turned and mirrored: the phase is their mean, and their standard
        deviation tells where the network is unsure. Takes eight times as long.
    """

    model: str = "all"
    pixel_size_um: float | None = None
    device: DeviceName = "auto"
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    threads: int | None = Field(None, ge=1)
    tile_px: int = Field(448, ge=TILE_UNIT_PX, multiple_of=TILE_UNIT_PX)
    overlap_px: int = Field(64, ge=0, multiple_of=2)
    trust: bool = False

    @model_validator(mode="after")
    def _tiles_must_advance(self) -> Self:
        if self.overlap_px * 2 > self.tile_px:
            raise ValueError("the overlap must not exceed half a tile")
        return self
