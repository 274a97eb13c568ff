"""The files, each written to a folder by one function, grouped by what is unusual about them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from benchmarks.files.cell import DZ_UM, PIXEL_UM, cell, heights, ome_image, ome_text, write_imagej, write_ome
from tests.io.acquisition_files import Index, write_micromanager, write_ndtiff

Make = Callable[[Path], Path]

SUMMARY = {"Slices": 3, "Channels": 1, "Frames": 1, "Positions": 1, "PixelSize_um": PIXEL_UM, "z-step_um": DZ_UM}
RAMP = np.arange(256)


def _pages(positions: range = range(1), times: range = range(1)) -> dict[Index, np.ndarray]:
    return {(0, z, t, p): plane for p in positions for t in times for z, plane in enumerate(cell(seed=p + 9 * t))}


def _micromanager(folder: Path, name: str = "scan_MMStack_Pos0.ome.tif", **more: Any) -> Path:
    texts = more.pop("texts", ())
    pages = more.pop("pages", None) or _pages()
    write_micromanager(folder / name, pages, {**SUMMARY, **more}, descriptions=texts)
    return folder / name


def _positions(folder: Path, there: range) -> Path:
    names = [f"scan_MMStack_Pos{p}.ome.tif" for p in range(3)]
    images = "".join(
        ome_image(f'<TiffData><UUID FileName="{name}">urn:uuid:{p}</UUID></TiffData>', f"Pos{p}")
        for p, name in enumerate(names)
    )
    for p in there:
        _micromanager(folder, names[p], Positions=3, Prefix="scan", pages=_pages(range(p, p + 1)),
                      texts=[ome_text(images)])  # fmt: skip
    return folder / names[1]


def _aborted(folder: Path) -> Path:
    pages = _pages(times=range(2))
    del pages[0, 2, 1, 0]
    return _micromanager(folder, Frames=50, pages=pages)


def _ndtiff(folder: Path, positions: int = 1, index: bool = True) -> Path:
    pages: dict[tuple[tuple[str, int], ...], np.ndarray] = {
        (("position", p), ("z", z)): plane for p in range(positions) for z, plane in enumerate(cell(seed=p))
    }
    path = write_ndtiff(folder, pages, SUMMARY)
    if not index:
        (folder / "NDTiff.index").unlink()
    return path


ACQUISITION: dict[str, Make] = {
    "Micro-Manager stack, OME-XML and ImageJ text in one page": lambda folder: _micromanager(
        folder, texts=[ome_text(ome_image("<TiffData/>")), "ImageJ=1.53t\nimages=3\nslices=3\nunit=um\nspacing=3.0\n"]
    ),
    "Micro-Manager stack without OME-XML": _micromanager,
    "Micro-Manager stack, renamed": lambda folder: _micromanager(folder, "my cells.tif"),
    "Micro-Manager, three positions in one file": lambda folder: _micromanager(
        folder, Positions=3, pages=_pages(range(3))
    ),
    "Micro-Manager, a position in a file of its own, with siblings": lambda folder: _positions(folder, range(3)),
    "Micro-Manager, a position in a file of its own, alone": lambda folder: _positions(folder, range(1, 2)),
    "Micro-Manager, aborted in the second time point": _aborted,
    "NDTiff": _ndtiff,
    "NDTiff, two positions": lambda folder: _ndtiff(folder, positions=2),
    "NDTiff without its index": lambda folder: _ndtiff(folder, index=False),
}


def _tagged(folder: Path, unit: str, per_unit: float, text: str = "") -> Path:
    path, description = folder / "cell.tif", f"ImageJ=1.53t\nimages=3\nslices=3\n{text}"
    options: dict[str, Any] = {"resolution": (per_unit, per_unit), "resolutionunit": unit, "metadata": None}
    tifffile.imwrite(path, cell(), photometric="minisblack", description=description, **options)
    return path


def _ome(stack: Any = None, axes: str = "ZYX", **metadata: Any) -> Make:
    return lambda folder: write_ome(folder / "cell.ome.tif", cell() if stack is None else stack, axes, **metadata)


def _imagej(stack: Any = None, axes: str = "ZYX", **text: Any) -> Make:
    return lambda folder: write_imagej(folder / "cell.tif", cell() if stack is None else stack, axes, **text)


HEIGHTS: dict[str, Make] = {
    "plane distance 1.0 (a default), heights 3 um apart": _ome(PhysicalSizeZ=1.0, **heights(97, 100, 103)),
    "heights alone": _ome(**heights(97, 100, 103)),
    "heights alone, in nm": _ome(**heights(-3000, 0, 3000, unit="nm")),
    "heights alone, falling": _ome(cell()[::-1], **heights(103, 100, 97)),
    "uneven heights": _ome(cell((-3, 0, 4.5)), **heights(97, 100, 104.5)),
    "uneven heights against a plane distance": _ome(cell((-3, 0, 4.5)), PhysicalSizeZ=3.0, **heights(97, 100, 104.5)),
    "heights out of order": _ome(cell((0, -3, 3)), **heights(100, 97, 103)),
    "all heights equal, plane distance stated (a piezo)": _ome(PhysicalSizeZ=3.0, **heights(100, 100, 100)),
    "all heights equal, nothing else": _ome(**heights(100, 100, 100)),
    "negative plane distance, planes falling": _ome(cell()[::-1], PhysicalSizeZ=-3.0),
    "ImageJ, unit=nm, zunit=um": lambda folder: _tagged(
        folder, "NONE", 0.001 / PIXEL_UM, "unit=nm\nzunit=um\nspacing=3.0\n"
    ),
    "ImageJ, negative spacing, planes falling": _imagej(cell()[::-1], spacing=-3.0),
    "ImageJ, unit=um over tags per cm": lambda folder: _tagged(
        folder, "CENTIMETER", 1e4 / PIXEL_UM, "unit=um\nspacing=3.0\n"
    ),
    "print resolution of 300 dpi": lambda folder: _tagged(folder, "INCH", 300, "spacing=3.0\nzunit=um\n"),
    "scanner resolution of 2400 dpi": lambda folder: _tagged(folder, "INCH", 2400, "spacing=3.0\nzunit=um\n"),
    "X = Y = Z = 1.0 um": _ome(PhysicalSizeX=1.0, PhysicalSizeY=1.0, PhysicalSizeZ=1.0),
    "X = Y = 1.0 um": _ome(PhysicalSizeX=1.0, PhysicalSizeY=1.0, PhysicalSizeZ=3.0),
    "plane distance of 3000 um": _ome(PhysicalSizeZ=3000.0),
    "plane distance of 0.003 um": _ome(PhysicalSizeZ=0.003),
    "planes called time points, with heights": _ome(axes="TYX", **heights(97, 100, 103)),
    "planes called channels, with heights": _ome(axes="CYX", **heights(97, 100, 103)),
}


def _calibrated(stored: np.ndarray, **coefficients: object) -> Make:
    lines = "".join(f"{key}={value}\n" for key, value in coefficients.items())

    def make(folder: Path) -> Path:
        text = f"ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nspacing=3.0\n{lines}"
        options: dict[str, Any] = {
            "resolution": (5, 5),
            "resolutionunit": "NONE",
            "metadata": None,
            "photometric": "minisblack",
        }
        tifffile.imwrite(folder / "cell.tif", stored, description=text, **options)
        return folder / "cell.tif"

    return make


def _bytes(photometric: str, palette: np.ndarray | None = None, samples: int = 1) -> Make:
    def make(folder: Path) -> Path:
        planes = (cell() // 157).clip(0, 255).astype(np.uint8)
        stack = planes if samples == 1 else np.repeat(planes[..., None], samples, axis=-1)
        colours = None if palette is None else (np.stack([palette] * 3) * 257).astype(np.uint16)
        metadata = {"axes": "ZYX" if samples == 1 else "ZYXS"}
        tifffile.imwrite(folder / "cell.tif", stack, photometric=photometric, metadata=metadata, colormap=colours)
        return folder / "cell.tif"

    return make


COUNTS: dict[str, Make] = {
    "ImageJ's signed 16 bit": _calibrated(
        ((cell() // 4).astype(int) + 32768).astype(np.uint16), cf=0, c0=-32768, c1=1, vunit="gray value"
    ),
    "ImageJ, another linear calibration": _calibrated(cell(), cf=0, c0=0, c1=0.5, vunit="photons"),
    "inks (CMYK)": _bytes("separated", samples=4),
    "inverted brightness (white is 0)": _bytes("miniswhite"),
    "palette, grey": _bytes("palette", RAMP),
    "palette, inverted": _bytes("palette", RAMP[::-1]),
    "palette, any colours": _bytes("palette", np.random.default_rng(0).permutation(RAMP)),
    "a dark level of 100 counts, given": _imagej(cell(light=400) + 100),
    "a dark level of 100 counts, not given": _imagej(cell(light=400) + 100),
    "background subtracted too far": _imagej(cell().astype(np.float32) - 20_000),
    "two values only": _imagej(((cell() > 20_000) * np.uint16(255)).astype(np.uint16)),
    "a colour camera's stack": _ome(np.repeat(cell()[..., None] // 2, 3, axis=-1), "ZYXS", PhysicalSizeZ=3.0),
}


def _with(stack: np.ndarray, *changes: tuple[Any, Any]) -> np.ndarray:
    changed = stack.copy()
    for where, value in changes:
        changed[where] = value
    return changed


def _rimmed(rim_px: int) -> np.ndarray:
    inside = cell()
    return np.pad(inside, ((0, 0), (rim_px, rim_px), (rim_px, rim_px)))


def _stopped() -> np.ndarray:
    y, x = np.mgrid[:128, :128] - 63.5
    stopped: np.ndarray = (cell() * (y**2 + x**2 < 60**2)).astype(np.uint16)
    return stopped


FOUR = np.stack([cell(seed=seed) for seed in range(4)])
MISSING: dict[str, Make] = {
    "a dark rim of 40 px": _imagej(_rimmed(40)),
    "a round field stop": _imagej(_stopped()),
    "borders that differ from plane to plane": _imagej(
        _with(cell(), ((0, slice(7)), 0), ((0, slice(None), slice(-4, None)), 0), ((2, slice(-6, None)), 0))
    ),
    "two of three planes the same": _imagej(_with(cell(), (1, cell()[0]))),
    "one black time point of four": _imagej(_with(FOUR, (2, 0)), "TZYX"),
    "the first time point black": _imagej(_with(FOUR, (0, 0)), "TZYX"),
    "one constant time point of four": _imagej(_with(FOUR, (2, 500)), "TZYX"),
    "one black plane": _imagej(_with(cell(), (2, 0))),
}


def _set(folder: Path, there: str = "012", foreign: str = "", opened: str = "z0.ome.tif") -> Path:
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="z{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'
        for z in range(3)
    )
    for z in there:
        uuid = "urn:uuid:other" if z in foreign else f"urn:uuid:{z}"
        text = ome_text(
            ome_image(data if z not in foreign else "<TiffData/>", planes=3 if z not in foreign else 1), uuid
        )
        name = opened if z == there[0] else f"z{z}.ome.tif"
        tifffile.imwrite(folder / name, cell()[int(z)], description=text, metadata=None)
    return folder / opened


def _companion(folder: Path) -> Path:
    text = ome_text('<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/>')
    tifffile.imwrite(folder / "cell.ome.tif", cell(), photometric="minisblack", description=text, metadata=None)
    return folder / "cell.ome.tif"


SETS: dict[str, Make] = {
    "a set of three files, whole": _set,
    "one file of three, alone": lambda folder: _set(folder, "1", opened="z1.ome.tif"),
    "one file of three missing": lambda folder: _set(folder, "01"),
    "a file of another set in place of the third": lambda folder: _set(folder, "012", foreign="2"),
    "the first of three renamed": lambda folder: _set(folder, "012", opened="renamed.ome.tif"),
    "described in a companion file": _companion,
}

GROUPS: dict[str, dict[str, Make]] = {
    "acquisition software": ACQUISITION,
    "where the planes are": HEIGHTS,
    "what a count means": COUNTS,
    "dark and missing parts": MISSING,
    "files of a set": SETS,
}
