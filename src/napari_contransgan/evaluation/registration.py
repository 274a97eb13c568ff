# mypy: disable-error-code="no-untyped-call"
"""Register two phase maps of the same field of view."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.feature import SIFT, match_descriptors
from skimage.measure import ransac
from skimage.registration import phase_cross_correlation
from skimage.transform import EuclideanTransform, SimilarityTransform, warp

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation.scores import correlation, level

SMALLEST_MATCH_COUNT = 8
SCALE_LIMITS = (0.8, 1.25)
SMALLEST_COMMON_FRACTION = 0.25
_RESIDUAL_PX = 1.5
_SMALLEST_SIDE_PX = 16
_LARGEST_UPSAMPLED_SIDE_PX = 640  # SIFT doubles smaller images, as its author did; larger ones would take seconds


@dataclass(frozen=True)
class Registration:
    """Result of registering a moving map onto a fixed one.

    A point p of the moving map is mapped to c + scale R(rotation) (p - c) + shift, where c is the centre of the fixed
    map.

    Parameters
    ----------
    yx_aligned_rad : (Y, X) ndarray of float32
        The moving map on the fixed map's grid; 0 where it has no pixels.
    yx_valid : (Y, X) ndarray of bool
        Where the moving map has pixels.
    shift_yx_px : tuple of float
        Movement of the centre.
    scale : float
        Magnification.
    rotation_rad : float
        Rotation; positive from the x axis towards the y axis.
    """

    yx_aligned_rad: NDArray[np.float32]
    yx_valid: NDArray[np.bool_]
    shift_yx_px: tuple[float, float]
    scale: float
    rotation_rad: float

    def moved(self, yx_values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Move another map, on the moving map's grid, in the same way; 0 where it has no pixels."""
        centre_xy = (np.asarray(self.yx_aligned_rad.shape[::-1]) - 1) / 2
        turn = self.scale * np.array(
            [
                [np.cos(self.rotation_rad), -np.sin(self.rotation_rad)],
                [np.sin(self.rotation_rad), np.cos(self.rotation_rad)],
            ]
        )
        to_fixed = np.eye(3)
        to_fixed[:2, :2] = turn
        to_fixed[:2, 2] = centre_xy + np.asarray(self.shift_yx_px[::-1]) - turn @ centre_xy
        to_moving = SimilarityTransform(np.linalg.inv(to_fixed))
        values = np.asarray(yx_values, dtype=np.float64)
        return _apply(values, to_moving, self.yx_aligned_rad.shape)[0].astype(np.float32)


def register(yx_moving_rad: NDArray[np.floating], yx_fixed_rad: NDArray[np.floating]) -> Registration:
    """Find the shift, rotation and magnification that bring one phase map onto another.

    SIFT key points (Lowe, IJCV 60:91, 2004) are matched, and RANSAC fits movements to them, with and without
    magnification. Maps with few features, such as beads, have too few key points; then phase cross-correlation finds a
    shift only. Of these movements and no movement at all, the one with the highest correlation over the common area is
    used, so that registration is never worse than none.

    Parameters
    ----------
    yx_moving_rad, yx_fixed_rad : (Y, X) ndarray
        Phase in radians at the same pixel size; the shapes may differ.

    Returns
    -------
    Registration

    Raises
    ------
    InputError
        If a map is not two-dimensional, is smaller than 16 px per side, or contains NaN.
    """
    for name, values in (("moving", yx_moving_rad), ("fixed", yx_fixed_rad)):
        if values.ndim != 2 or min(values.shape) < _SMALLEST_SIDE_PX:
            raise InputError(
                f"the {name} map of shape {values.shape} cannot be registered: give YX maps of 16 px or more per side"
            )
        if not np.all(np.isfinite(values)):
            raise InputError(f"the {name} map holds NaN or infinite values: replace them first")
    moving, fixed = np.asarray(yx_moving_rad, dtype=np.float64), np.asarray(yx_fixed_rad, dtype=np.float64)
    candidates = [EuclideanTransform(), _shift_alone(moving, fixed), *_from_key_points(moving, fixed)]

    best, best_correlation = None, -np.inf
    for to_moving in candidates:
        aligned, valid = _apply(moving, to_moving, fixed.shape)
        if valid.mean() < SMALLEST_COMMON_FRACTION:
            continue
        match = correlation(aligned[valid], fixed[valid])
        if best is None or match > best_correlation:
            best, best_correlation = (to_moving, aligned, valid), match
    if best is None:  # for maps of very different sizes, only their common corner can be compared
        best = (candidates[0], *_apply(moving, candidates[0], fixed.shape))
    return _registration(*best)


def _registration(
    to_moving: EuclideanTransform, aligned: NDArray[np.float64], valid: NDArray[np.bool_]
) -> Registration:
    to_fixed = np.linalg.inv(to_moving.params)
    centre_xy = (np.asarray(aligned.shape[::-1]) - 1) / 2
    moved_xy = to_fixed[:2, :2] @ centre_xy + to_fixed[:2, 2] - centre_xy
    return Registration(
        yx_aligned_rad=aligned.astype(np.float32),
        yx_valid=valid,
        shift_yx_px=(float(moved_xy[1]), float(moved_xy[0])),
        scale=_scale_of(to_fixed),
        rotation_rad=float(np.arctan2(to_fixed[1, 0], to_fixed[0, 0])),
    )


def _apply(
    moving: NDArray[np.float64], to_moving: EuclideanTransform, shape_yx: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sample the moving map at the positions of the fixed map's pixels."""
    if np.array_equal(to_moving.params, np.eye(3)) and moving.shape == shape_yx:
        return moving, np.ones(shape_yx, dtype=np.bool_)
    columns, rows = np.meshgrid(np.arange(shape_yx[1]), np.arange(shape_yx[0]))
    xy = to_moving(np.column_stack([columns.ravel(), rows.ravel()]))
    height, width = moving.shape
    tolerance = 1e-6
    inside = (xy >= -tolerance).all(axis=1) & (xy[:, 0] <= width - 1 + tolerance) & (xy[:, 1] <= height - 1 + tolerance)
    valid = inside.reshape(shape_yx)
    aligned = warp(moving, to_moving, output_shape=shape_yx, order=3, mode="edge", preserve_range=True)
    return np.where(valid, aligned, 0.0), valid


def _shift_alone(moving: NDArray[np.float64], fixed: NDArray[np.float64]) -> EuclideanTransform:
    shape = tuple(np.maximum(moving.shape, fixed.shape))
    padded = [
        np.pad(level(values), [(0, full - part) for full, part in zip(shape, values.shape, strict=True)])
        for values in (fixed, moving)
    ]
    if any(values.min() == values.max() for values in padded):
        return EuclideanTransform()
    shift_yx, _, _ = phase_cross_correlation(padded[0], padded[1], upsample_factor=20, normalization=None)
    return EuclideanTransform(translation=(-float(shift_yx[1]), -float(shift_yx[0])))


def _from_key_points(moving: NDArray[np.float64], fixed: NDArray[np.float64]) -> list[EuclideanTransform]:
    """Return the movements, with and without magnification, that enough key points agree on, from fixed to moving."""
    in_fixed, in_moving = _key_points(fixed), _key_points(moving)
    if in_fixed is None or in_moving is None:
        return []
    (fixed_points, fixed_descriptors), (moving_points, moving_descriptors) = in_fixed, in_moving
    matches = match_descriptors(fixed_descriptors, moving_descriptors, max_ratio=0.8, cross_check=True)
    if len(matches) < SMALLEST_MATCH_COUNT:
        return []
    pairs = fixed_points[matches[:, 0], ::-1], moving_points[matches[:, 1], ::-1]
    found = []
    for kind in (EuclideanTransform, SimilarityTransform):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No inliers found")
            model, inliers = ransac(pairs, kind, 3, _RESIDUAL_PX, max_trials=1000, rng=np.random.default_rng(0))
        if inliers is None or np.count_nonzero(inliers) < SMALLEST_MATCH_COUNT:
            continue
        if SCALE_LIMITS[0] <= _scale_of(model.params) <= SCALE_LIMITS[1]:
            found.append(model)
    return found


def _scale_of(matrix: NDArray[np.float64]) -> float:
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def _key_points(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    low, high = np.percentile(values, [0.5, 99.5])
    if not low < high:
        return None
    detector = SIFT(upsampling=2 if max(values.shape) <= _LARGEST_UPSAMPLED_SIDE_PX else 1)
    try:
        detector.detect_and_extract(np.clip((values - low) / (high - low), 0, 1))
    except RuntimeError:  # scikit-image raises this if there are no key points
        return None
    return np.asarray(detector.positions), np.asarray(detector.descriptors)
