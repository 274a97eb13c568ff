"""Make a focus stack of a cell of 1 rad, and write it in several formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

PIXEL_UM, DZ_UM, WAVELENGTH_UM, SIDE_PX = 0.2, 3.0, 0.55, 128
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

Stack = NDArray[Any]


def cell(z_um: Sequence[float] = (-DZ_UM, 0.0, DZ_UM), light: float = 20_000.0, seed: int = 0) -> Stack:
    """Simulate images of a smooth cell of 1 rad at given heights, by the angular spectrum, with photon noise.

    Returns
    -------
    (Z, Y, X) ndarray of uint16
    """
    y, x = (np.mgrid[:SIDE_PX, :SIDE_PX] - (SIDE_PX - 1) / 2) * PIXEL_UM
    phase = np.clip(1 - (x / 7.0) ** 2 - (y / 5.0) ** 2, 0, None) ** 0.9
    frequency = np.fft.fftfreq(SIDE_PX, PIXEL_UM)
    squared = frequency[:, None] ** 2 + frequency**2
    axial = 2 * np.pi * np.sqrt(np.maximum(WAVELENGTH_UM**-2 - squared, 0)) * np.exp(-((squared / 1.2**2) ** 4))
    spectrum = np.fft.fft2(np.exp(1j * phase)) * (squared < 1.1**2)
    planes = [np.abs(np.fft.ifft2(spectrum * np.exp(1j * z * axial))) ** 2 for z in z_um]
    generator = np.random.default_rng(seed)
    return generator.poisson(light * np.stack(planes)).clip(0, 65535).astype(np.uint16)


def write_imagej(path: Path, stack: Stack, axes: str = "ZYX", **text: Any) -> Path:
    """Write a stack as ImageJ does, with its own sizes unless `text` states others."""
    metadata = {"axes": axes, "unit": "um", "spacing": DZ_UM} | text
    tifffile.imwrite(path, stack, imagej=True, resolution=(1 / PIXEL_UM, 1 / PIXEL_UM), metadata=metadata)
    return path


def write_ome(path: Path, stack: Stack, axes: str = "ZYX", **metadata: Any) -> Path:
    """Write a stack as OME-TIFF, with its own pixel size unless `metadata` states another."""
    sizes: Mapping[str, Any] = {"PhysicalSizeX": PIXEL_UM, "PhysicalSizeY": PIXEL_UM}
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    tifffile.imwrite(path, stack, ome=True, metadata={"axes": axes, **sizes, **metadata}, photometric=photometric)
    return path


def heights(*values: float, unit: str = "µm") -> dict[str, Any]:
    """Return metadata with the height of each plane, for `write_ome`."""
    return {"Plane": {"PositionZ": list(values), "PositionZUnit": [unit] * len(values)}}


def ome_text(images: str, uuid: str = "") -> str:
    """Return an OME description."""
    identifier = f' UUID="{uuid}"' if uuid else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}"{identifier}>{images}</OME>'


def ome_image(data: str, name: str = "cell", planes: int = 3, extra: str = "") -> str:
    """Describe one image; `data` contains its TiffData elements."""
    return (
        f'<Image ID="Image:0" Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="{SIDE_PX}" SizeY="{SIDE_PX}" SizeZ="{planes}" SizeC="1" SizeT="1" PhysicalSizeX="{PIXEL_UM}" '
        f'PhysicalSizeY="{PIXEL_UM}" PhysicalSizeZ="{DZ_UM}"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{data}{extra}</Pixels></Image>"
    )
