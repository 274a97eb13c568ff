"""Draw the traits of a HeLa-like cell: its kind, shape, refractive indices and contents.

Refractive indices follow the literature on HeLa cells. The nucleus has a lower index than the cytoplasm; it is bright
in a phase map because the cell is thick there.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

CellKind = Literal["adherent", "spread", "spindle", "rounded", "metaphase", "telophase", "blebbing", "sheet"]

KIND_SHARES: dict[CellKind, float] = {
    "adherent": 0.50,
    "spread": 0.17,
    "spindle": 0.13,
    "rounded": 0.07,
    "metaphase": 0.03,
    "telophase": 0.03,
    "blebbing": 0.07,
}
"""Fractions of each kind among cells outside sheets; about one in ten is in mitosis or rounded."""

ROUND_KINDS: tuple[CellKind, ...] = ("rounded", "metaphase", "telophase")

LAMELLA_REACH = (1.05, 1.3)
"""Average reach of a lamella in units of the outline; on one side it extends up to twice as far beyond the outline."""

FILOPODIUM_UM = (2.0, 8.0)
RETRACTION_FIBRE_UM = (4.0, 14.0)


@dataclass(frozen=True)
class CellTraits:
    """One cell.

    Parameters
    ----------
    kind : CellKind
        ``sheet`` is a cell of a confluent layer, which ends where its neighbours begin.
    y_um, x_um : float
        Centre.
    radius_um, aspect, angle_rad : float
        Mean radius, ratio of length to width, and direction of the long axis, from x towards y.
    bend : float
        Sideways curvature of the long axis at one radius from the centre, in radii.
    taper : float
        Pointedness of the ends; 0 is an ellipse.
    waviness : float
        Size of the outline's indentations and lobes; 1 is typical.
    height_um, profile : float
        The body's height is height_um * (1 - rho^2)^profile, with rho = 1 on the outline.
    lamella_um : float
        Height of the thin lamella around the body; 0 for none.
    nucleus_um, bulge : float
        Radius of the nucleus, and the height it adds, as a fraction of `height_um`.
    cytoplasm_contrast : float
        Index of the cytoplasm minus the medium's.
    nucleus_contrast_step : float
        Index of the nucleus minus the cytoplasm's.
    texture, fibres : float
        Standard deviation of the texture and of the stress fibres, as a fraction of the path.
    nucleoli, vesicles, droplets, mitochondria, filopodia, retraction_fibres, blebs : int
        Number of each. Vesicles are slightly denser or less dense than cytoplasm; (fat) droplets are much denser.
    """

    kind: CellKind
    y_um: float
    x_um: float
    radius_um: float
    aspect: float
    angle_rad: float
    bend: float
    taper: float
    waviness: float
    height_um: float
    profile: float
    lamella_um: float
    nucleus_um: float
    bulge: float
    cytoplasm_contrast: float
    nucleus_contrast_step: float
    texture: float
    fibres: float
    nucleoli: int
    vesicles: int
    droplets: int
    mitochondria: int
    filopodia: int
    retraction_fibres: int
    blebs: int


@dataclass(frozen=True)
class Culture:
    """Properties shared by the cells of one field, as multiples of typical values.

    Parameters
    ----------
    granularity : float
        Number of vesicles and mitochondria.
    roughness : float
        Strength of the texture.
    fat : float
        Number of droplets.
    """

    granularity: float = 1.0
    roughness: float = 1.0
    fat: float = 1.0


USUAL = Culture()


def draw_culture(rng: np.random.Generator, usual: Culture = USUAL) -> Culture:
    """Draw the graininess of a culture, from smooth to as grainy as real sheets can be, relative to what is usual.

    Grainy cultures also have a rough texture. One real sheet holds about a third of their fat (docs/specimens.md).
    """
    share = rng.uniform()
    return Culture(
        granularity=usual.granularity * float(0.6 * 10.0**share),
        roughness=usual.roughness * float(0.8 * 5.0**share * np.exp(rng.normal(0, 0.15))),
        fat=usual.fat * float(np.exp(rng.normal(0, 0.45))),
    )


@dataclass(frozen=True)
class _Ranges:
    """Ranges from which the shape of a kind of cell is drawn uniformly; lengths in micrometres."""

    radius: tuple[float, float]
    aspect: tuple[float, float]
    height: tuple[float, float]
    profile: tuple[float, float]
    bulge: tuple[float, float]
    lamella: tuple[float, float]
    lamella_share: float
    waviness: float
    fibres: float


_RANGES: dict[CellKind, _Ranges] = {
    "adherent": _Ranges((7.5, 13), (1, 2.2), (2.0, 4.5), (0.7, 2.0), (0.2, 0.9), (0.2, 1.0), 0.75, 1.1, 0.02),
    "spread": _Ranges((12, 20), (1, 1.9), (0.7, 2.2), (0.6, 1.5), (0.6, 1.6), (0.12, 0.5), 0.9, 1.3, 0.05),
    "spindle": _Ranges((6.5, 9.5), (4, 9), (1.8, 4.0), (1.0, 2.2), (0.3, 0.9), (0.15, 0.4), 0.5, 0.7, 0.03),
    "rounded": _Ranges((5.5, 8.5), (1, 1.15), (7, 12.5), (0.5, 0.6), (0, 0.02), (0.1, 0.3), 0.2, 0.25, 0.0),
    "metaphase": _Ranges((7, 9), (1, 1.15), (8, 12.5), (0.5, 0.55), (0, 0.02), (0.1, 0.3), 0.1, 0.2, 0.0),
    "telophase": _Ranges((7, 9), (1.7, 2.1), (6, 10), (0.5, 0.55), (0, 0.02), (0.1, 0.3), 0.2, 0.2, 0.0),
    "blebbing": _Ranges((6, 9.5), (1, 1.4), (4, 9), (0.5, 0.8), (0.0, 0.1), (0.1, 0.3), 0.1, 0.5, 0.0),
    "sheet": _Ranges((8, 20), (1, 2.2), (1.2, 4.5), (1.0, 2.0), (0.2, 0.8), (0.6, 1.8), 1.0, 1.0, 0.03),
}


def draw_cell(
    y_um: float, x_um: float, rng: np.random.Generator, *, kind: CellKind | None = None, culture: Culture = USUAL
) -> CellTraits:
    """Draw the traits of one cell.

    Parameters
    ----------
    y_um, x_um : float
        Centre.
    rng : Generator
        Random generator.
    kind : CellKind, optional
        Kind of cell; None draws one by `KIND_SHARES`.
    culture : Culture
        Properties shared with the other cells of the field.
    """
    if kind is None:
        kinds: list[CellKind] = list(KIND_SHARES)
        kind = kinds[int(rng.choice(len(kinds), p=list(KIND_SHARES.values())))]
    ranges = _RANGES[kind]
    is_round, spindle, blebbing = kind in ROUND_KINDS, kind == "spindle", kind == "blebbing"
    radius_um = rng.uniform(*ranges.radius)
    narrowest_um = radius_um / np.sqrt(ranges.aspect[0] if not spindle else 6.0)
    # Occasionally, a cell is full of fat droplets.
    fatty = rng.random() < 0.35
    # Variations average out along the long path through a round cell.
    roughness = 0.4 * culture.roughness**0.4 if is_round else culture.roughness
    return CellTraits(
        kind=kind,
        y_um=y_um,
        x_um=x_um,
        radius_um=radius_um,
        aspect=rng.uniform(*ranges.aspect),
        angle_rad=rng.uniform(0, np.pi),
        bend=rng.normal(0, 0.06) if spindle else 0.0 if is_round else rng.normal(0, 0.08),
        taper=rng.uniform(0.3, 1.5) if spindle else 0.0 if is_round else max(0.0, rng.normal(0, 0.25)),
        waviness=ranges.waviness * rng.uniform(0.6, 1.3),
        height_um=rng.uniform(*ranges.height),
        profile=rng.uniform(*ranges.profile),
        lamella_um=rng.uniform(*ranges.lamella) if rng.random() < ranges.lamella_share else 0.0,
        nucleus_um=float(np.clip(radius_um * rng.uniform(0.4, 0.6), 2.5, min(9.0, 0.8 * narrowest_um))),
        bulge=rng.uniform(*ranges.bulge),
        cytoplasm_contrast=rng.uniform(0.023, 0.035),
        nucleus_contrast_step=-rng.uniform(0.002, 0.006),
        texture=roughness * rng.uniform(0.02, 0.05),
        fibres=ranges.fibres * rng.uniform(0, 1) if rng.random() < 0.6 else 0.0,
        nucleoli=0 if kind in ("metaphase", "telophase") else int(rng.integers(1, 5)),
        vesicles=int(rng.integers(20, 150) * culture.granularity),
        droplets=int(rng.integers(0, 110 if fatty else 25) * culture.fat),
        mitochondria=int(1.4 * rng.integers(5, 40) * culture.granularity),
        filopodia=int(rng.integers(0, 3 if is_round else 9)),
        retraction_fibres=int(rng.integers(2, 10)) if rng.random() < (0.6 if is_round or spindle else 0.1) else 0,
        blebs=int(rng.integers(8, 24)) if blebbing else int(rng.integers(2, 7)) if rng.random() < 0.06 else 0,
    )


def reach_um(cell: CellTraits) -> float:
    """Return the largest distance from a cell's centre to the tips of its lamella, filopodia, fibres or blebs."""
    half_um = cell.radius_um * (1 + 0.32 * cell.waviness) * np.sqrt(cell.aspect)
    body_um = half_um + abs(cell.bend) * half_um**2 / cell.radius_um
    fingers_um = max(
        FILOPODIUM_UM[1] if cell.filopodia else 0.0,
        RETRACTION_FIBRE_UM[1] if cell.retraction_fibres else 0.0,
        3.0 if cell.blebs else 0.0,
    )
    return float(max(body_um * (2 * LAMELLA_REACH[1] - 1 if cell.lamella_um else 1), body_um + fingers_um) + 0.6)
