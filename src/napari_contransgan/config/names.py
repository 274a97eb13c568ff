"""Names used as choices by several settings."""

from typing import Literal

GeneratorName = Literal["contrans", "unet", "swin"]
PresetName = Literal["tiny", "compact", "published"]
RecipeName = Literal["paper", "semi-supervised"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "fp32", "bf16"]
EngineName = Literal["auto", "onnx", "pytorch"]
SpecimenName = Literal["psm", "hela"]
SceneName = Literal["mixed", "empty", "sparse", "dense", "confluent"]
