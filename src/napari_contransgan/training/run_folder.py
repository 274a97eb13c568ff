"""The files in the folder of a run, and reading them back; without torch, so that widgets can do so at once."""

import io
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.config import AdaptSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import append_line, write_atomically
from napari_contransgan.io.damage import failures_explained, pixels_are_whole
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.plain_files import opened
from napari_contransgan.training.events import SCORES, Preview

CONFIG, METRICS, PREVIEWS = "config.yaml", "metrics.jsonl", "previews"
ADAPT_CONFIG = "adapt.yaml"
"""Settings of an adapted run, which has no `CONFIG`."""
LAST, BEST = "last.safetensors", "best.safetensors"
CARD = "best.card.yaml"

SPEED = "images_per_s"
"""Text that every line of a step contains, and no other line."""
NO_LOSSES = {"step", SPEED, "learning_rate"}
LINES_AT_ONCE = 1000
MOST_DIGITS = 16

CHANNELS = {
    "yx_input": "input",
    "yx_output_rad": "output (rad)",
    "yx_cycled": "cycled",
    "yx_label_rad": "label (rad)",
}
"""Fields of a preview, and the channels of its file; channels that no preview has are left out."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunRecord:
    """A finished or running run, read from its folder.

    Parameters
    ----------
    folder : Path
        The run.
    settings : TrainSettings or AdaptSettings
        How it was trained or adapted.
    losses : mapping
        By name, the steps and the values; nan for a step that was undone.
    scores : mapping
        By name (``ssim``, ``psnr_db``, ``slope``, ``ssim_zero``, ``psnr_zero_db``), the same.
    card_text : str
        Card of its best network; empty where there is none.
    """

    folder: Path
    settings: TrainSettings | AdaptSettings
    losses: Mapping[str, Curve]
    scores: Mapping[str, Curve]
    card_text: str


def read_run(folder: Path) -> RunRecord:
    """Read a run back: its settings, its curves and its card.

    Raises
    ------
    InputError
        If the folder contains no run, or its settings cannot be read.
    """
    settings = _read_settings(folder)
    losses: dict[str, list[tuple[int, float]]] = {}
    scores: dict[str, list[tuple[int, float]]] = {}
    for record in _records(folder / METRICS):
        if SPEED in record:
            _add(losses, record["step"], {name: value for name, value in record.items() if name not in NO_LOSSES})
        elif isinstance(found := record.get("validation"), dict):
            _add(scores, record["step"], {name: value for name, value in found.items() if name in SCORES})
    try:
        card_text = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        card_text = ""
    return RunRecord(folder, settings, _curves(losses), _curves(scores), card_text)


def _read_settings(folder: Path) -> TrainSettings | AdaptSettings:
    if (folder / CONFIG).is_file():
        return TrainSettings.from_yaml(folder / CONFIG)
    if (folder / ADAPT_CONFIG).is_file():
        return AdaptSettings.from_yaml(folder / ADAPT_CONFIG)
    raise InputError(f"{folder}: is not the folder of a run: it contains neither {CONFIG} nor {ADAPT_CONFIG}")


def _add(curves: dict[str, list[tuple[int, float]]], step: int, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if value is None or isinstance(value, int | float):
            curves.setdefault(name, []).append((step, math.nan if value is None else value))


def _curves(curves: Mapping[str, list[tuple[int, float]]]) -> dict[str, Curve]:
    arrays = {name: np.array(points, np.float64) for name, points in curves.items()}
    return {name: (points[:, 0], points[:, 1]) for name, points in arrays.items()}


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Return the complete lines; a run that was killed may have left an incomplete last one."""
    try:
        with opened(path) as file:
            lines = file.read().splitlines()
    except (InputError, OSError):
        return
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        try:
            records = _parse(b"[" + b",".join(some) + b"]")  # several times faster than line by line
        except ValueError:
            records = map(_parsed, some)
        yield from (record for record in records if _is_record(record))


def _parsed(line: bytes) -> Any:
    try:
        return _parse(line)
    except ValueError:
        return None


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(digits: str) -> float:
    """Return a whole number, or infinity for one that no step or score has and NumPy cannot hold."""
    return int(digits) if len(digits) < MOST_DIGITS else math.inf


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("step"), int)


def record_line(record: Mapping[str, Any]) -> bytes:
    """Return a line of a run's metrics; values that are not finite become null, since JSON has no nan."""
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
    return (json.dumps(plain) + "\n").encode()


def append_record(run_dir: Path, record: Mapping[str, Any]) -> None:
    """Add a line to the run's metrics.

    If there is no space for the whole line, none of it is kept, so that the next line starts afresh.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    append_line(run_dir / METRICS, record_line(record))


def was_validated(run_dir: Path, step: int) -> bool:
    """Return whether the metrics contain a validation of a step."""
    return any(record["step"] == step and "validation" in record for record in _records(run_dir / METRICS))


def trim_metrics(run_dir: Path, step: int) -> None:
    """Drop the lines after `step` and an incomplete line, so that a resumed run leaves the same file."""
    path = run_dir / METRICS
    if not path.is_file():
        return
    content = path.read_bytes()
    kept = [line for line in content.splitlines() if _is_record(record := _parsed(line)) and record["step"] <= step]
    trimmed = b"".join(line + b"\n" for line in kept)
    if trimmed != content:
        write_atomically(path, trimmed)


def write_previews(run_dir: Path, step: int, previews: Sequence[Preview]) -> None:
    """Write the previews of a validation as a float32 OME-TIFF on the model's grid, one time point per image.

    A channel that an image lacks is nan for that image.
    """
    if not previews:
        return
    present = [name for name in CHANNELS if any(getattr(preview, name) is not None for preview in previews)]
    empty = np.full(previews[0].yx_input.shape, np.nan, np.float32)
    maps = [[getattr(preview, name) for name in present] for preview in previews]
    tcyx = np.stack([np.stack([empty if one is None else one for one in row]) for row in maps])
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        tcyx.astype(np.float32, copy=False),
        ome=True,
        photometric="minisblack",
        compression="zlib",
        resolution=(1e4 / MODEL_PIXEL_SIZE_UM,) * 2,
        resolutionunit="CENTIMETER",
        metadata={
            "axes": "TCYX",
            "Name": f"step {step}",
            "Channel": {"Name": [CHANNELS[name] for name in present]},
            "PhysicalSizeX": MODEL_PIXEL_SIZE_UM,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": MODEL_PIXEL_SIZE_UM,
            "PhysicalSizeYUnit": "µm",
        },
    )
    write_atomically(run_dir / PREVIEWS / f"{step:07d}.ome.tif", buffer.getvalue())


def read_previews(folder: Path) -> list[tuple[int, tuple[Preview, ...]]]:
    """Read all previews of a run in the order of steps; leave out unreadable files."""
    found = []
    for path in sorted((folder / PREVIEWS).glob("[0-9]*.ome.tif")):
        try:
            found.append((int(path.name.removesuffix(".ome.tif")), _read_previews(path)))
        except (InputError, ValueError) as error:
            _log.warning("%s", error)
    return sorted(found, key=lambda pair: pair[0])


def _read_previews(path: Path) -> tuple[Preview, ...]:
    with failures_explained(path), tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if not pixels_are_whole(series):
            raise InputError(f"{path}: the file is damaged or cut short: its previews are left out")
        channels = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]["Pixels"]["Channel"]
        names = [channel["Name"] for channel in (channels if isinstance(channels, list) else [channels])]
        tcyx = series.asarray().reshape(-1, len(names), *series.shape[-2:])
        fields = {title: name for name, title in CHANNELS.items()}
        return tuple(_preview(dict(zip((fields[name] for name in names), cyx, strict=True))) for cyx in tcyx)


def _preview(maps: dict[str, Any]) -> Preview:
    for name in ("yx_cycled", "yx_label_rad"):
        if name in maps and np.isnan(maps[name]).all():
            maps[name] = None
    return Preview(**maps)
