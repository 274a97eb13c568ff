"""Settings of operations on images: cutting into tiles, and prediction."""

from typing import Literal, Self

from pydantic import Field, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import MAX_DEFOCUS_UM
from napari_contransgan.config.names import (
    MOST_THREADS,
    CondenserRatio,
    DarkLevel,
    DeviceName,
    EngineName,
    ObjectiveAperture,
    PixelSizeUm,
    PrecisionName,
)
from napari_contransgan.optics import MOST_APERTURE

TILE_UNIT_PX = 224
"""Tile sides for prediction are multiples of this, so that 4 px patches, 7 x 7 windows and three mergings fit."""


class TileSettings(Settings):
    """How a frame is divided into tiles.

    Parameters
    ----------
    rows, columns : int
        The grid; 4 x 4 turns a 10x frame into tiles with the field of view of a 40x frame.
    overlap_px : int
        Width of the strip that neighbouring tiles share.
    """

    rows: int = Field(
        4,
        ge=1,
        le=1000,
        title="Rows",
        description="Number of tiles from top to bottom. 4 × 4 tiles of a 10× frame each have the field of view of a "
        "40× frame.",
    )
    columns: int = Field(4, ge=1, le=1000, title="Columns", description="Number of tiles from left to right.")
    overlap_px: int = Field(
        0,
        ge=0,
        le=100_000,
        title="Overlap (px)",
        description="Width of the strip that neighbouring tiles share, in pixels.",
    )


class PredictSettings(Settings):
    """Settings for prediction.

    Parameters
    ----------
    model : str
        Name of a bundled network, or the path of a checkpoint.
    pixel_size_um : float or None
        Pixel size of the input. None uses the pixel size in the file.
    dark : float, Path or None
        Counts that the camera gives without light, or an image taken without light (the frames of a stack are
        averaged). They are subtracted first. None uses the level in the file, or 0.
    numerical_aperture, coherence : float or None
        NA of the objective, and S, the condenser's NA divided by the objective's, for networks that can be told them.
        None uses the values in the file.
    focus_um : float or None
        Position of the focus relative to the specimen, along the light's path, for the same networks. None is unknown.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.
    engine : {"auto", "onnx", "pytorch"}
        Which library computes. ``auto`` uses ONNX Runtime if it is installed, supports the network and saves time, and
        PyTorch otherwise. In fp32 both give the same phase to within 1e-5 rad.
    precision : {"auto", "fp32", "bf16"}
        ``auto`` is fp32 on every machine, unless the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` says
        otherwise. bf16, which only PyTorch supports, is faster on processors that have it in hardware.
    threads : int or None
        CPU threads; None leaves the choice to `napari_contransgan.threads.threads_to_predict`.
    tile_px : int
        Tile side on the network's grid. It is a multiple of 224 px, so that attention windows of 7 x 7 tokens fit at
        every stage, as in training; with another side the output changes.
    overlap_px : int
        Overlap of neighbouring tiles on the network's grid, at most half a tile.
    trust : bool
        Also say how large the error of each pixel is, in radians: the standard deviation that a second, small network
        predicts, calibrated on simulated fields. Takes about a tenth longer.
    orientations : {1, 8}
        With 8, each tile is predicted in eight orientations, rotated and mirrored. The phase is their mean, and their
        spread is part of the error map. Takes eight times as long.
    """

    model: str = "all"
    pixel_size_um: PixelSizeUm = None
    dark: DarkLevel = None
    numerical_aperture: ObjectiveAperture = Field(
        None,
        le=MOST_APERTURE,
        description="Numerical aperture engraved on the objective. If it is known, the phase is closer to its true "
        "scale.",
    )
    coherence: CondenserRatio = Field(
        None,
        description="NA of the condenser as its diaphragm is set, divided by the objective's NA. If it is known, the "
        "phase is closer to its true scale.",
    )
    focus_um: float | None = Field(
        None,
        ge=-MAX_DEFOCUS_UM,
        le=MAX_DEFOCUS_UM,
        title="Focus (µm)",
        description="How far the image is out of focus; positive on the side where cells look brighter inside. If it "
        "and the objective's NA are known, the phase is closer to its true scale.",
        json_schema_extra={"empty": "not known"},
    )
    device: DeviceName = "auto"
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    threads: int | None = Field(None, ge=1, le=MOST_THREADS)
    tile_px: int = Field(448, ge=TILE_UNIT_PX, le=40 * TILE_UNIT_PX, multiple_of=TILE_UNIT_PX)
    overlap_px: int = Field(64, ge=0, multiple_of=2)
    trust: bool = Field(
        False,
        title="Also show the likely error",
        description="Adds a map of the likely error of each pixel, in radians, and says if the image is unusual.",
    )
    orientations: Literal[1, 8] = Field(
        1,
        title="Orientations",
        description="8 predicts the image turned and mirrored too: a smoother phase, in 8 times the time.",
    )

    @model_validator(mode="after")
    def _tiles_must_advance(self) -> Self:
        if self.overlap_px * 2 > self.tile_px:
            raise ValueError("the overlap must not exceed half a tile")
        return self
