"""Names that several settings offer as choices, and quantities that several settings ask for.

A setting that has a field in the window carries all that the field shows: its label with the unit (``title``), its
tooltip (``description``), what an empty line means (``empty``) and the texts of its choices (``choices``).
`napari_contransgan.gui.shared.setting_fields` builds the field from them.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from napari_contransgan.optics import LEAST_APERTURE

GeneratorName = Literal["contrans", "unet", "swin"]
PresetName = Literal["tiny", "fast", "compact", "published"]
RecipeName = Literal["paper", "semi-supervised"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "fp32", "bf16"]
EngineName = Literal["auto", "onnx", "pytorch"]
SpecimenName = Literal["psm", "hela"]
SceneName = Literal["mixed", "empty", "sparse", "dense", "confluent"]

MOST_THREADS = 1024

PixelSizeUm = Annotated[
    float | None,
    Field(
        title="Pixel size (µm)",
        description="Size of one pixel in the specimen: the camera's pixel size divided by the magnification.",
        json_schema_extra={"empty": "not stated"},
    ),
]
WavelengthUm = Annotated[
    float | None,
    Field(
        title="Wavelength (µm)",
        description="Centre wavelength of the light, in vacuum. Green light has 0.55 µm.",
        json_schema_extra={"empty": "not stated"},
    ),
]
ObjectiveAperture = Annotated[
    float | None,
    Field(ge=LEAST_APERTURE, title="Objective NA", json_schema_extra={"empty": "not stated"}),
]
CondenserRatio = Annotated[
    float | None,
    Field(ge=0.001, le=1.5, title="Condenser ratio S", json_schema_extra={"empty": "not stated"}),
]
"""Each setting of these two says what the number is good for there, and how large an aperture may be."""
DarkLevel = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | Path | None,
    Field(
        title="Dark level (counts)",
        description="Counts that the camera gives without light, often about 100. They are subtracted first. Without "
        "this correction the phase comes out too small: by a fifth if 100 of 500 counts are dark level.",
        json_schema_extra={"empty": "0"},
    ),
]
