"""Count how often the plane in focus is found, on small stacks of all kinds with 2 to 11 planes."""

from collections import defaultdict

import numpy as np
from benchmarks.tie.kinds import APERTURE, COHERENCE, KINDS, PIXEL_UM, WAVELENGTH_UM, Kind, Recording, drawn_stack

from napari_contransgan.tie.focus_search import find_focus
from napari_contransgan.tie.transfer import Aperture

DEVELOPMENT_SEED, SEED = 8200, 3600
"""The search was made on fields of the first; the second was used once, for the table."""

STACKS_EACH = 20
PLANES = (2, 2, 3, 4, 5, 7, 9, 11)
STEPS_UM = {True: (1.0, 2.0, 3.0, 5.0), False: (0.5, 1.0, 2.0)}
"""For up to five planes, and for more."""

FOCUS_ERROR = 0.3  # of the distance of the planes, at most
SIDES_PX = (96, 128, 192, 256, 384)
ELECTRONS = (1e3, 5e3, 2e4, 6e4)
LIGHT_CHANGES = (0.0, 0.0, 0.01, 0.02)
OUTCOMES = ("right", "one off", "more off", "not sure")


def main(stacks_each: int = STACKS_EACH, seed: int = SEED) -> None:
    """Print the numbers of stacks by kind and by number of planes."""
    print_table([(kind, *outcome(kind, index, seed)) for index in range(stacks_each) for kind in KINDS])


def print_table(found: list[tuple[Kind, int, str]]) -> None:
    """Print the table of kinds, numbers of planes and outcomes."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(OUTCOMES))
    for kind, planes, result in found:
        for group in (kind, f"{planes} planes", "all"):
            counts[group][OUTCOMES.index(result)] += 1
    print("stacks           " + "  ".join(OUTCOMES))
    for group in (*KINDS, *(f"{planes} planes" for planes in sorted(set(PLANES))), "all"):
        right, one, more, unsure = counts[group]
        print(f"{group:16s} {right:6d} {one:8d} {more:9d} {unsure:9d}")


def outcome(kind: Kind, index: int, seed: int) -> tuple[int, str]:
    """Search the focus of one stack: its number of planes, and the outcome."""
    rng = np.random.default_rng([seed, index, KINDS.index(kind), 98])
    count = int(rng.choice(PLANES))
    step_um = float(rng.choice(STEPS_UM[count <= 5]))
    z_um = np.arange(count) * step_um
    if count > 2 and rng.random() < 0.3:
        z_um[1:] += rng.uniform(-0.3, 0.3, count - 1) * step_um
    places_um = np.array([z_um[0], z_um[1], z_um.mean()]) if count == 2 else z_um
    true = int(rng.integers(len(places_um)))
    spacing_um = step_um / 2 if count == 2 else step_um
    focus_um = places_um[true] + rng.uniform(-FOCUS_ERROR, FOCUS_ERROR) * min(spacing_um, 0.7)
    recording = Recording(
        int(rng.choice(SIDES_PX)),
        tuple(float(z) for z in z_um - focus_um),
        float(rng.choice(ELECTRONS)),
        float(rng.choice(LIGHT_CHANGES)),
        0.03,
    )
    zyx_counts, _ = drawn_stack(kind, recording, seed, index * len(KINDS) + KINDS.index(kind))
    found = find_focus(
        zyx_counts,
        tuple(float(z) for z in z_um),
        pixel_size_um=PIXEL_UM,
        wavelength_um=WAVELENGTH_UM,
        aperture=Aperture(APERTURE, COHERENCE) if rng.random() < 0.5 else None,
    )
    if found is None or not found.is_sure:
        return count, "not sure"
    order = [0, 2, 1] if count == 2 else list(range(count))
    off = abs(order.index(found.place) - order.index(true))
    return count, OUTCOMES[min(off, 2)]


if __name__ == "__main__":
    main()
