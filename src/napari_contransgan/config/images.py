"""Settings for cutting images into tiles and for prediction."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.names import DeviceName, EngineName, PrecisionName

TILE_UNIT_PX = 224
"""Tiles for inference are multiples of this side, so that patches, attention windows and merging layers fit exactly."""


class TileSettings(Settings):
    """Grid by which a frame is divided into tiles.

    Parameters
    ----------
    rows, columns : int
        The grid; with 4 x 4, a tile of a 10x frame has the field of view of a 40x frame.
    overlap_px : int
        Overlap of neighbouring tiles.
    """

    rows: int = Field(4, ge=1)
    columns: int = Field(4, ge=1)
    overlap_px: int = Field(0, ge=0)


class PredictSettings(Settings):
    """Settings for prediction.

    Parameters
    ----------
    model : str
        Name of a bundled network, or the path of a checkpoint.
    pixel_size_um : float or None
        Pixel size of the input; None uses the file's.
    dark : float, Path or None
        Dark level, subtracted first: the camera's counts without light, or an image taken without light (a stack of
        them is averaged). None uses the file's, or 0 if the file states none.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.
    engine : {"auto", "onnx", "pytorch"}
        Library that runs the network; ``auto`` uses ONNX Runtime where it is installed, can run the network and saves
        time, and PyTorch otherwise. In fp32 both give the same phase to 1e-5 rad.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` is fp32 on every machine, unless the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` says
        otherwise; bf16, in PyTorch only, is faster on processors with bf16 hardware.
    threads : int or None
        CPU threads; None leaves the choice to `napari_contransgan.threads.threads_to_predict`.
    tile_px, overlap_px : int
        Tile side and overlap on the model's grid. Tiles are multiples of 224 px, so that attention windows of 7 x 7
        tokens fit exactly at every stage, as in training; other sizes would change the output.
    trust : bool
        Predict each tile in eight orientations, rotated and mirrored. The phase is their mean; their standard deviation
        shows where the network is uncertain. This takes eight times as long.
    """

    model: str = "all"
    pixel_size_um: float | None = None
    dark: Annotated[float, Field(allow_inf_nan=False)] | Path | None = None
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
