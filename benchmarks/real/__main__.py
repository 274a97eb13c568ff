"""Test networks on the real 20x HeLa pair.

    python -m benchmarks.real [MODEL ...] [--orientations 1 8] [--picture PICTURE.png]

Prints how the phase of each single frame agrees with the TIE phase of the pair, within a band (Gaussian of 2 px minus
Gaussian of 40 px on the model's grid of 0.325 um) and inside the aperture. It is never used to choose a network.
"""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from benchmarks.real.hela import STACK, FrameResult, RealPair, load_pair, try_frames
from benchmarks.training.timing import print_head, print_row
from matplotlib.figure import Figure

from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

SHOWN = np.s_[300:620, 300:620]
LIMITS_RAD = (-0.5, 3.0)


def main() -> None:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description=__doc__)
    parser.add_argument("models", nargs="*", default=[DEFAULT_MODEL], help="bundled names, runs or checkpoints")
    parser.add_argument("--picture", type=Path, help="file for a picture of a part of the field")
    parser.add_argument("--orientations", type=int, nargs="+", choices=(1, 8), default=[1], help="means to try")
    chosen = parser.parse_args()
    if not STACK.is_file():
        print(f"(skipped: {STACK.name} is not under ../shared/data)")
        return
    pair = load_pair()
    print_head("network", "frame at, um", "correlation", "slope", "tiles against large tiles, rad")
    found: dict[str, list[FrameResult]] = {}
    networks = {name: load_checkpoint(find_model(name)) for name in chosen.models}
    for (name, loaded), orientations in itertools.product(networks.items(), chosen.orientations):
        title = name + f", {orientations} orientations" * (orientations > 1)
        found[title] = list(try_frames(pair, loaded, orientations))
        for frame in found[title]:
            agreement = frame.agreement
            figures = (f"{agreement.correlation:.3f}", f"{agreement.slope:.2f}", f"{frame.seam_rad:.3f}")
            print_row(title + ", told" * frame.is_told, f"{frame.z_um:+.1f}", *figures)
    if chosen.picture is not None:
        draw(pair, found, chosen.picture)


def draw(pair: RealPair, found: Mapping[str, Sequence[FrameResult]], picture: Path) -> None:
    """Draw the contrast and phase of each frame for each network, next to the TIE phase."""
    rows = [(name, frame) for name, frames in found.items() for frame in frames]
    figure = Figure(figsize=(12, 4 * len(rows)), layout="constrained")
    side_um = (SHOWN[0].stop - SHOWN[0].start) * MODEL_PIXEL_SIZE_UM
    for axes, (name, frame) in zip(figure.subplots(len(rows), 3, squeeze=False), rows, strict=True):
        tie_rad = pair.yx_tie_rad[SHOWN] - np.percentile(pair.yx_tie_rad[SHOWN], 5)
        shown = (frame.yx_contrast[SHOWN], frame.yx_phase_rad[SHOWN], tie_rad)
        titles = (f"frame at {frame.z_um:+.1f} um", f"phase by {name} (rad)", "TIE phase of the pair (rad)")
        for one, values, title in zip(axes, shown, titles, strict=True):
            limits = (-3, 3) if values is shown[0] else LIMITS_RAD
            image = one.imshow(
                values,
                cmap="gray" if values is shown[0] else "viridis",
                vmin=limits[0],
                vmax=limits[1],
                extent=(0, side_um, side_um, 0),
            )
            one.set(title=title, xlabel="x (um)", ylabel="y (um)")
            if values is not shown[0]:
                figure.colorbar(image, ax=one, shrink=0.8)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    main()
