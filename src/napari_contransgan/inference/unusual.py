"""Notice images unlike those that a network was trained on, and phases that do not explain their image.

Squares of the image are described by the power of contrast and phase in rings of spatial frequency, by how the contrast
follows from the phase in each ring (the transfer function of the microscope, and the coherence of the two), and by the
distribution of their values. Two things make a square unusual: no square of the simulated training fields is near it,
with differences measured in units of how training fields differ (Mahalanobis 1936); or a small classifier, which has
seen images of seven kinds that the network is not made for, takes it for one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.inference.features import CAUSE, FINE, GROUPS, VALUES, features_of, squares_of
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

NEIGHBOURS = 4

SPECIMENS = ("cells", "beads", "sheet", "empty")
"""What training fields show; a sheet is a closed layer of cells."""
OF_SPECIMEN = 8
"""Number of nearest training squares that say what a square shows."""
CONTEXT_CLIP = 4.0
CLIP = 12.0
"""Largest difference of a feature from the centre that counts, in robust standard deviations."""

USUAL, FOCUS, SIZE, INVERTED = "usual", "focus", "size", "inverted"
OTHER_SIZE = "other size"
KINDS = (USUAL, FOCUS, SIZE, "tissue", "texture", INVERTED, "fluorescence", "screenshot")
"""What the classifier knows: usual images first."""

_NOT_BRIGHT_FIELD = (
    "its brightness is not distributed as in bright-field images of cells or beads: check that it is a bright-field "
    "image as recorded"
)
_OTHER_DETAIL = "it shows detail unlike that of cells or beads: check that the network is made for this specimen"
REASONS = {
    FINE: "its detail is finer, coarser or noisier than in training images of this pixel size: check the pixel size "
    "and the focus",
    CAUSE: "the predicted phase does not explain the image as a microscope would form it: check the focus, and whether "
    "the image is inverted",
    VALUES: _NOT_BRIGHT_FIELD,
    FOCUS: "it looks like an image taken far out of focus: check the focus",
    OTHER_SIZE: "none of them had such a pixel size: check it, and do not take the phase as a measurement",
    SIZE: "its detail does not fit its pixel size: check the pixel size",
    "tissue": _OTHER_DETAIL,
    "texture": _OTHER_DETAIL,
    INVERTED: "dark and bright look exchanged: check whether the image is inverted, and the focus",
    "fluorescence": _NOT_BRIGHT_FIELD,
    "screenshot": _NOT_BRIGHT_FIELD,
}
"""What is unusual, in words, by the group of the features or the kind of image."""


@dataclass(frozen=True)
class Classifier:
    """A small network that separates usual squares from those of the other `KINDS`.

    Parameters
    ----------
    layers : tuple of (weights, biases)
        Its input is what `context_of` returns.
    limit : float
        Logarithm of the odds for a strange kind above which a square is unusual.
    """

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    limit: float

    def strangeness(self, context: NDArray[np.float32]) -> tuple[float, str]:
        """Return how strange a square is, above 1 beyond the limit, and the kind that it looks most like."""
        values = context
        for number, (weights, biases) in enumerate(self.layers):
            values = weights @ values + biases
            if number < len(self.layers) - 1:
                values = np.maximum(values, 0.1 * values)
        strange = values[1:]
        odds = float(np.logaddexp.reduce(strange) - values[0])
        return float(np.exp(np.clip((odds - self.limit) / ODDS_STEP, -5, 5))), KINDS[1 + int(np.argmax(strange))]


ODDS_STEP = 4.0
"""Step of the logarithm of the odds that makes a square e times as strange."""


def context_of(scaled: NDArray[np.float32], pixel_size_um: float) -> NDArray[np.float32]:
    """Return what the classifier and the network of the error map see of a square, (`CONTEXT`,)."""
    size = np.log2(pixel_size_um / MODEL_PIXEL_SIZE_UM)
    return np.append(np.clip(scaled, -CONTEXT_CLIP, CONTEXT_CLIP) / 2, size).astype(np.float32)


@dataclass(frozen=True)
class Group:
    """Squares of training fields of one pixel size, in coordinates in which they vary alike in all directions.

    Parameters
    ----------
    pixel_size_um : float
        Their pixel size.
    mean, transform : ndarray, shape (F,) and (F, F)
        Mean of their features, and the matrix that makes them uncorrelated with a variance of 1.
    points : (N, F) ndarray
        The transformed squares.
    specimens : (N,) ndarray of int
        What they show, as numbers of `SPECIMENS`.
    """

    pixel_size_um: float
    mean: NDArray[np.float32]
    transform: NDArray[np.float32]
    points: NDArray[np.float32]
    specimens: NDArray[np.intp]

    def nearest(self, scaled: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """Return the mean distance of a square from the nearest of them, and what these show, as fractions."""
        own = (np.clip(scaled, -CLIP, CLIP) - self.mean) @ self.transform
        far = np.sqrt(np.square(self.points - own).mean(axis=1))
        order = np.argsort(far)
        of_specimen = np.bincount(self.specimens[order[:OF_SPECIMEN]], minlength=len(SPECIMENS))
        return float(far[order[:NEIGHBOURS]].mean()), (of_specimen / of_specimen.sum()).astype(np.float32)


def grouped(
    pixel_sizes_um: NDArray[np.float32], scaled: NDArray[np.float32], specimens: NDArray[np.intp]
) -> tuple[Group, ...]:
    """Group squares by their pixel size, in order of their first square.

    The covariance of the features of each group is shrunk towards its diagonal.
    """
    groups: list[Group] = []
    logs = np.log(pixel_sizes_um)
    left = np.ones(len(logs), bool)
    while left.any():
        here = left & (np.abs(logs - logs[left][0]) <= SAME_SIZE)
        left &= ~here
        clipped = np.clip(scaled[here], -CLIP, CLIP).astype(np.float64)
        mean, covariance = clipped.mean(axis=0), np.cov(clipped.T)
        own = np.diag(np.diag(covariance) * SHRINKAGE + LEAST_VARIANCE)
        values, vectors = np.linalg.eigh((1 - SHRINKAGE) * covariance + own)
        transform = vectors / np.sqrt(values)
        size_um = float(np.exp(np.median(logs[here])))
        points = ((clipped - mean) @ transform).astype(np.float32)
        groups.append(Group(size_um, mean.astype(np.float32), transform.astype(np.float32), points, specimens[here]))
    return tuple(groups)


SAME_SIZE = 0.1
"""Difference of the logarithm of pixel sizes within which squares are compared."""
SHRINKAGE, LEAST_VARIANCE = 0.1, 0.02
LEAST_LIT, FULLY_LIT = 0.5, 0.9
"""Fractions of a square that must be lit for it to be compared with training images: at all, and without reserve."""
KNOWN_SIZE = 0.15
"""Relative difference from all pixel sizes of training at which an image counts as unusual."""


@dataclass(frozen=True)
class Known:
    """What is known of the squares of training fields.

    Parameters
    ----------
    groups : tuple of Group
        The squares, by pixel size.
    centre, scale : (F,) ndarray
        Median of each feature, and its robust spread.
    limit : float
        Distance beyond which a square is unusual.
    classifier : Classifier
        Notices images of certain kinds.
    far : float
        How unusual 1 % of the squares of other fields are; 5 % of them exceed 1.
    """

    groups: tuple[Group, ...]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: float
    classifier: Classifier
    far: float

    def group_of(self, pixel_size_um: float) -> int:
        """Return the number of the group whose pixel size is nearest."""
        apart = [abs(np.log(one.pixel_size_um / pixel_size_um)) for one in self.groups]
        return int(np.argmin(apart))

    def size_factor(self, pixel_size_um: float) -> float:
        """Return how far a pixel size is from those of the training fields, above 1 if too far to be compared."""
        group = self.groups[self.group_of(pixel_size_um)]
        return float(abs(np.log(group.pixel_size_um / pixel_size_um)) / np.log(1 + KNOWN_SIZE))

    def squares_of_tile(
        self,
        yx_contrast: NDArray[np.float32],
        yx_phase_rad: NDArray[np.float32],
        pixel_size_um: float,
        yx_lit: NDArray[np.bool_] | None = None,
    ) -> list["Square"]:
        """Describe the squares of a tile, except those that are mostly dark.

        Parameters
        ----------
        yx_contrast, yx_phase_rad : (Y, X) ndarray of float32
            Input of a network, and its phase.
        pixel_size_um : float
            Pixel size of the frame.
        yx_lit : (Y, X) ndarray of bool, optional
            Where there was light.
        """
        shape = (yx_contrast.shape[0], yx_contrast.shape[1])
        lit = [(place, 1.0 if yx_lit is None else float(yx_lit[place].mean())) for place in squares_of(shape)]
        return [
            self.square(place, features_of(yx_contrast[place], yx_phase_rad[place]), pixel_size_um, share)
            for place, share in lit
            if share > LEAST_LIT
        ]

    def square(
        self, place: tuple[slice, slice], features: NDArray[np.float32], pixel_size_um: float, lit: float
    ) -> "Square":
        """Compare a square with those of training fields."""
        scaled = np.asarray((features - self.centre) / self.scale, np.float32)
        context = context_of(scaled, pixel_size_um)
        group = self.groups[self.group_of(pixel_size_um)]
        distance, specimens = group.nearest(scaled)
        far = distance / self.limit
        strange, kind = self.classifier.strangeness(context)
        other_size = self.size_factor(pixel_size_um)
        if other_size > 1:
            reason = OTHER_SIZE
        elif strange > 1:
            reason = kind
        else:
            squares = np.square(np.clip(scaled, -CLIP, CLIP) - group.mean)
            groups = {name: float(squares[members].mean()) for name, members in GROUPS.items()}
            reason = max(groups, key=lambda name: groups[name])
        unusual = max(far, strange, other_size if other_size > 1 else 0.0)
        return Square(place, context, specimens, float(unusual), reason, lit > FULLY_LIT)


@dataclass(frozen=True)
class Square:
    """A square of an image, compared with those of training fields.

    Parameters
    ----------
    place : tuple of slice
        Where it is in its tile.
    context : (CONTEXT,) ndarray
        Its description; see `context_of`.
    specimens : (4,) ndarray
        What it seems to show: a fraction for each of `SPECIMENS`.
    unusual : float
        How unusual it is, above 1 beyond the limits.
    reason : str
        What is most unusual: a key of `REASONS`.
    is_lit : bool
        Whether next to all of it is lit.
    """

    place: tuple[slice, slice]
    context: NDArray[np.float32]
    specimens: NDArray[np.float32]
    unusual: float
    reason: str
    is_lit: bool = True


@dataclass(frozen=True)
class Verdict:
    """How unusual an image is.

    Parameters
    ----------
    score : float
        1 at the limit that 5 % of usual images exceed.
    share : float
        Fraction of its squares that are unlike all training images.
    note : str
        What is unusual, in words; empty if nothing is.
    """

    score: float
    share: float
    note: str


def judged(every: Sequence[Square], far: float) -> Verdict:
    """Join how unusual the squares of an image are, and why; those beyond `far` are unlike all training images.

    Squares that are partly dark count only if there are no others, because a field stop makes them unusual.
    """
    squares = [(one.unusual, one.reason) for one in every if one.is_lit] or [(one.unusual, one.reason) for one in every]
    if not squares:
        return Verdict(0.0, 0.0, "")
    values = np.array([value for value, _ in squares])
    share = float(np.mean(values > far))
    middle = float(np.median(values))
    score = max(middle, share / 0.1 if len(values) >= 8 else 0.0)
    if score <= 1:
        return Verdict(score, share, "")
    reasons = [reason for value, reason in squares if value > 1]
    reason = max(set(reasons), key=reasons.count)
    where = "" if middle > 1 else f" in {share:.0%} of its area"
    return Verdict(score, share, f"The image is unlike the training images{where}: {REASONS[reason]}.")
