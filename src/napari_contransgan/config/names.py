"""Names that several settings offer as choices."""

from typing import Literal

GeneratorName = Literal["contrans", "unet", "swin"]
PresetName = Literal["tiny", "compact", "published"]
RecipeName = Literal["paper", "semi-supervised"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
SpecimenName = Literal["psm", "hela"]
SceneName = Literal["mixed", "empty", "sparse", "dense", "confluent"]
